"""Train anywhere, meter on one device: every trial is metered first, then trained with the figures it has."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ecojax.execute.executor import End, Ended, Executor, Job
from ecojax.trial.metered import Metered
from ecojax.trial.outcome import Outcome
from ecojax.trial.worker import Compare, Describe, Evaluate, MeterAlone

SLICE_S = 0.1  # of waiting for one of two executors, while both are at work
OF_BOTH = ("trial_seconds", "compile_seconds", "metering_seconds", "waiting_seconds", "trial_energy_j")


class MeteredApart(Executor):
    """Trials on `trainers`, what needs the meter on `meters`; both are started and closed with it.

    `trial_energy_j` is then of both devices.
    """

    def __init__(self, trainers: Executor, meters: Executor):
        self.trainers, self.meters = trainers, meters
        self._metering: dict[int, Job] = {}  # the trials whose energy is not known yet
        self._found: dict[int, Outcome] = {}
        self._ended: list[Ended] = []

    def start(self) -> None:
        self.meters.start()
        self.trainers.start()

    @property
    def workers(self) -> int:
        return self.trainers.workers

    @property
    def free(self) -> int:
        return max(0, self.trainers.free - len(self._metering))

    @property
    def running(self) -> Sequence[Job]:
        aside = [job for job in self.meters.running if job.id not in self._metering]
        ended = [one.job for one in self._ended]
        return [*self.trainers.running, *self._metering.values(), *aside, *ended]

    def submit(self, job: Job) -> None:
        match job.request:
            case Evaluate(configuration=configuration, metered=None):
                self._metering[job.id] = job
                self.meters.submit(replace(job, request=MeterAlone(configuration)))
            case Compare() | Describe():
                self.meters.submit(job)
            case _:
                self.trainers.submit(job)

    def wait(self, timeout_s: float | None = None) -> list[Ended]:
        waited = 0.0
        while True:
            ended, self._ended = self._ended, []
            both = bool(self.meters.running and self.trainers.running)
            step = SLICE_S if both else timeout_s
            if self.trainers.running:
                ended += map(self._with_metering, self.trainers.wait(step))
            if self.meters.running:
                for one in self.meters.wait(0.0 if self.trainers.running or ended else step):
                    ended += self._metered(one)
            waited += step or 0.0
            out_of_time = timeout_s is not None and waited >= timeout_s
            if ended or out_of_time or not self.running:
                return ended

    def cancel(self, job_id: int) -> None:
        (self.meters if job_id in self._metering else self.trainers).cancel(job_id)

    def close(self) -> None:
        self.trainers.close()
        self.meters.close()

    def _metered(self, one: Ended) -> list[Ended]:
        """What ends with its metering; a trial that can be trained is handed on."""
        job = self._metering.pop(one.job.id, None)
        if job is None:
            return [one]
        outcome = one.value
        metered = None
        if one.end is End.RETURNED:
            metered = Metered.found(job.id, outcome.metrics, outcome.provenance, outcome.details)
        if metered is None:
            return [replace(one, job=job)]
        self._found[job.id] = outcome
        assert isinstance(job.request, Evaluate)
        self.trainers.submit(replace(job, request=replace(job.request, metered=metered)))
        return []

    def _with_metering(self, one: Ended) -> Ended:
        """An end of training, with what metering took added to it."""
        found = self._found.pop(one.job.id, None)
        if found is None or one.end is not End.RETURNED:
            return one
        return replace(one, value=replace(one.value, metrics=_sum(one.value.metrics, found.metrics)))


def _sum(training: Mapping[str, float], metering: Mapping[str, float]) -> dict[str, Any]:
    both = {name: training.get(name, 0.0) + metering[name] for name in OF_BOTH if name in metering}
    return {**training, **both}
