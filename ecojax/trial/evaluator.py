"""The evaluator: everything that touches the device for one study, behind one object spoken to in plain records.

    evaluator = Evaluator(task, meter, early_stop=True, ...)
    outcome = evaluator(Evaluate(configuration, seed))

Measure first, train second: the energy of an inference does not depend on the weights, so it is known before the
first step, and training ends at a rung after which it can no longer be worth its energy.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import jax
import numpy as np

from ecojax.energy import (
    Calibration,
    Energy,
    Meter,
    calibrate,
    compare,
    measure,
    per_inference,
    prepare,
)
from ecojax.energy.turns import Turns
from ecojax.tasks.code import own_frames, with_place
from ecojax.tasks.task import (
    Arrays,
    Candidate,
    Configuration,
    Inference,
    Split,
    Task,
    Training,
    metrics_of,
    quality,
)
from ecojax.train.memory import free_bytes, needed_bytes, require
from ecojax.trial.ahead import TrainedAhead
from ecojax.trial.compilation import Compiler, Executables
from ecojax.trial.cuts import cuts
from ecojax.trial.metered import LATENCY, METERED_IN, energy_per
from ecojax.trial.outcome import Outcome
from ecojax.trial.pace import Pace
from ecojax.trial.packs import Trained, diverged_in, not_finite
from ecojax.trial.record import DivergedError, HopelessError, InvalidError, Record
from ecojax.trial.rungs import is_rung, rungs
from ecojax.trial.standing import Standing
from ecojax.trial.tryout import try_out
from ecojax.trial.worker import Evaluate, TrainedCandidates, Upcoming

TURN_S = 0.7  # of training, after which a neighbour that waits to meter has its turn
START = "start"  # the program whose memory all others of a training find taken
INHERITED_FROM = "inherited_from_trial"  # the detail that names the parent


class Evaluator:
    """Evaluates configurations of `task` one after the other on JAX's default device.

    Args:
        early_stop: whether trials are validated at rungs, and stopped where their rivals beat whatever they could
            still become.
        energy_ci: the half width to measure energy to, as a share of it.
        compile_threads: by default one a core. compile_beside: whether what is upcoming is compiled while the device
            trains, by default not on a CPU.
        turns: with the other processes that work on this device: metering is alone, the rest shared.
        pack: whether candidates of one program are trained together where that is faster.
        neighbours: whether the meter counts other workers, too, while training.
        meter: is left open.
    """

    def __init__(
        self,
        task: Task,
        meter: Meter,
        *,
        early_stop: bool = False,
        energy_ci: float = 0.05,
        compile_threads: int | None = None,
        compile_beside: bool | None = None,
        turns: Turns | None = None,
        pack: bool = False,
        neighbours: bool = False,
    ):
        self.task, self.meter, self._turns = task, meter, turns or Turns(None)
        self.early_stop, self.energy_ci = early_stop, energy_ci
        self.quality, self._declared = quality(task), metrics_of(task)
        self._device = next(iter(jax.numpy.zeros(()).devices()))  # where arrays go unless told otherwise
        self._calibration: Calibration | None = None
        # a meter of the whole host counts what others do while this one trains
        self._beside = ["what other workers did"] if neighbours else []
        if compile_beside is None:
            compile_beside = self._device.platform != "cpu"
        self._compiled = Compiler(threads=compile_threads, beside=compile_beside, device=self._device)
        self._ahead = TrainedAhead(task, quality=self.quality.name, meter=meter) if pack else None

    def __call__(self, asked: Evaluate) -> Outcome:
        """Builds, meters, trains and validates.

        Whatever goes wrong is a status with its message; only interrupts pass through. Where something must be
        compiled, so are some of the upcoming configurations, at this trial's expense.
        """
        record = Record(self.meter)
        return record.of(lambda: self._evaluate(asked, record))

    def lower(self, configuration: Configuration) -> str:
        """Builds and lowers all programs of a configuration, and says what was built."""
        candidate = self.task.candidate(configuration)
        if (training := candidate.training()) is not None:
            training.lowered()
        return str(candidate)

    def try_out(self, configuration: Configuration) -> str:
        """Builds, trains one step, judges, calls the inference once: as `ecojax.trial.tryout`."""
        with self._turns.shared():
            return try_out(self.task, configuration, lambda training: self._compiled(training, []))

    def close(self) -> None:
        """Waits for what is being compiled."""
        self._compiled.close()

    def meter_alone(self, configuration: Configuration) -> Outcome:
        """Builds and meters, for a training elsewhere: an outcome without a quality and weights."""
        record = Record(self.meter)

        def meter() -> None:
            with record.turn(self._turns.shared()), record.span("compile_seconds"):
                inference = self._built(configuration, record).inference()
                if inference is None:
                    return
                call, first = jax.jit(inference.fn), jax.tree.map(lambda leaf: leaf[0], inference.ring)
            self._metered(inference, lambda: jax.block_until_ready(call(inference.state, first)), record)

        return record.of(meter)

    def judge(self, configuration: Configuration, arrays: Arrays, split: Split) -> Mapping[str, float]:
        """The metrics of trained weights on a split."""
        return self.task.candidate(configuration).judge(arrays, split)

    def compare(self, trained: TrainedCandidates, *, confidence_target: float) -> dict[int, Energy]:
        """The energy of the inference of several trained candidates, measured in turns.

        trained: configuration and weights, by any number; those of one inference get one figure. Raises MeterError
        where a gate or the meter fails.
        """
        names: dict[Any, str] = {}
        prepared = {}
        candidates = {
            number: self.task.candidate(configuration) for number, (configuration, _) in trained.items()
        }
        with self._turns.alone(), self._compiled.alone():
            for number, candidate in candidates.items():
                inference = None
                if candidate.signature not in names:
                    inference = candidate.inference(arrays=trained[number][1])
                if inference is not None:
                    names[candidate.signature] = str(number)
                    prepared[str(number)] = prepare(
                        inference.fn, inference.state, inference.ring, batch_size=inference.count
                    )
            found = compare(
                prepared, meter=self.meter, confidence_target=confidence_target, calibration=self._calibration
            )
        return {number: found[names[candidate.signature]] for number, candidate in candidates.items()}

    def _built(self, configuration: Configuration, record: Record) -> Candidate:
        """The candidate, with what is known of it beforehand put on record."""
        try:
            candidate = self.task.candidate(configuration)
            record.metrics |= candidate.known()
            record.provenance |= self.task.provenance
        except Exception as failure:
            if frames := own_frames(failure):
                record.details["traceback"] = frames
            raise InvalidError(with_place(failure)) from failure
        return candidate

    def _metered(self, inference: Inference, load: Callable[[], Any], record: Record) -> None:
        """Puts the energy and the latency of an inference on record; `load` is what to calibrate under."""
        alone = self._compiled.alone()
        with record.turn(self._turns.alone()), record.span("metering_seconds"), alone:
            if self._calibration is None:  # idle power and the like, found once, with the context open
                self._calibration = calibrate(self.meter, load)
            flops = record.metrics.get("flops")
            energy = per_inference(
                inference.fn,
                inference.state,
                inference.ring,
                meter=self.meter,
                batch_size=inference.count,
                confidence_target=self.energy_ci,
                flops=None if flops is None else flops * inference.count,
                calibration=self._calibration,
            )
        record.move(energy.compile_s, "metering_seconds", "compile_seconds")
        name = energy_per(inference.unit)
        record.metrics[name] = energy.per_sample_j
        record.metrics[f"{name}_ci95"] = energy.per_sample_ci95_j
        record.metrics[LATENCY] = 1e3 * energy.latency_s
        record.details["energy"] = energy.to_dict()
        record.provenance[name] = str(energy.provenance)
        record.provenance[LATENCY] = f"measured (wall clock, {energy.device})"

    def _evaluate(self, asked: Evaluate, record: Record) -> Mapping[str, np.ndarray]:
        metrics, details, parent, metered = record.metrics, record.details, asked.parent, asked.metered
        training, state = None, None
        with (
            record.turn(self._turns.shared()),
            record.span("compile_seconds", energy="compile_energy_j"),
        ):
            candidate = self._built(asked.configuration, record)
            training = candidate.training()
            if training is not None:
                if training.program is not None:
                    run = self._compiled(training, list(self._trainings(asked.upcoming)))
                    self._require_memory(run)
                    training.use(run)
                state = training.start(asked.seed, parent)
                if parent is not None:
                    details[INHERITED_FROM] = parent.trial

        if metered is None:
            inference = candidate.inference(state)
            if inference is not None:
                self._metered(inference, lambda: self._load(inference, training, state), record)
        else:
            metrics |= metered.metrics
            details |= {"energy": dict(metered.energy), METERED_IN: metered.trial}
            record.provenance |= metered.provenance

        if training is None:
            with record.turn(self._turns.shared()), record.span("validation_seconds"):
                metrics |= self._finite(self._worked(candidate, asked, record))
            return {}
        return self._trained(asked, training, state, record)

    def _trained(
        self, asked: Evaluate, training: Training, state: Any, record: Record
    ) -> Mapping[str, np.ndarray]:
        """Trains and judges; gives the weights by name."""
        metrics, details = record.metrics, record.details
        standing = Standing(self._declared, asked.rivals, metrics)
        places = rungs(training.steps, training.pass_steps) if self.early_stop else {}
        meanwhile = [*self._beside, *(["compiling later candidates"] if self._compiled.busy else [])]
        packed = self._packed(asked, training, standing, places, record)
        if packed is None:
            waited = record.waited_s
            with measure(self.meter) as window:
                state = self._train(training, state, standing, places, record)
                window.sync(state)
            metrics["train_energy_j"] = window.joules
            metrics["train_seconds"] = window.seconds - (record.waited_s - waited)
        details["train_energy"] = {
            "provenance": self.meter.provenance.to_dict(),
            "meanwhile": meanwhile,  # what the joules hold besides the training
        }
        record.provenance["train_energy_j"] = str(self.meter.provenance)
        self._require_hope(standing, record)
        if packed is not None and packed.diverged is not None:
            raise DivergedError(packed.diverged)
        metrics["trained_share"] = 1.0

        if packed is not None and packed.verdict is not None and packed.arrays is not None:
            verdict, arrays = packed.verdict, packed.arrays
        else:
            with record.turn(self._turns.shared()), record.span("validation_seconds"):
                verdict, arrays = training.judge(state), training.arrays(state)
        metrics |= self._finite(verdict)
        return arrays

    def _worked(self, candidate: Candidate, asked: Evaluate, record: Record) -> Mapping[str, float]:
        """The metrics of a candidate without a training, which is ended where what it tells is hopeless."""
        standing = Standing(self._declared, asked.rivals, record.metrics, in_steps=True)
        told, diverged = 0, None

        def reached(step: int, quality: float, costs: Mapping[str, float]) -> bool:
            nonlocal told, diverged
            if not math.isfinite(quality):
                diverged = f"{self.quality.name} is {quality} after step {step}"
            elif self.early_stop and is_rung(step, told):
                record.metrics |= costs  # what the engine learns of a trial that is stopped
                standing.learn(costs)
                standing.reached(step, quality)
            told = step
            return diverged is not None or standing.beaten_by is not None

        found = None
        try:
            found = candidate.work(reached)
        except Exception as failure:
            if diverged is None and standing.beaten_by is None:
                raise
            record.notes.append(f"a trial that was stopped raised while it ended: {with_place(failure)}")
        self._require_hope(standing, record)
        if diverged is not None:
            raise DivergedError(diverged)
        if standing.rungs:
            record.metrics["trained_share"] = 1.0
        return found or {}

    def _require_hope(self, standing: Standing, record: Record) -> None:
        """Puts a learning curve on record. Raises `HopelessError` where it was beaten."""
        if standing.rungs:
            record.details["rungs"] = [list(pair) for pair in standing.rungs.items()]
        if standing.beaten_by is not None and standing.end is not None:
            if not standing.in_steps:
                record.metrics["trained_share"] = max(standing.rungs)
            record.metrics[f"expected_{self.quality.name}"] = standing.end.expected
            raise HopelessError(standing.in_words())

    def _finite(self, verdict: Mapping[str, float]) -> Mapping[str, float]:
        if (fault := not_finite(verdict)) is not None:
            raise DivergedError(fault)
        return verdict

    def _packed(
        self,
        asked: Evaluate,
        training: Training,
        standing: Standing,
        places: Mapping[int, float],
        record: Record,
    ) -> Trained | None:
        """What became of a candidate in a pack, put on record; None where it is to be trained alone.

        Every member has its share of the pack's seconds and joules, whichever of them was due.
        """
        if self._ahead is None or asked.parent is not None:
            return None
        taken = self._ahead.take(asked.configuration, asked.seed)
        if taken is not None:
            trained, pack = taken
            for share, value in trained.rungs.items():
                standing.rungs[share] = value
            record.shift(trained.train_seconds, trained.train_energy_j)
        else:
            with record.turn(self._turns.shared()):
                with record.span("compile_seconds"):
                    found = self._ahead.probed(training, asked.upcoming)
                    chosen = self._ahead.pack(training, asked.upcoming)
                if found is not None:
                    record.details["packing_probe"] = found.to_dict()
                    record.notes.append(str(found))
                if chosen is None:
                    return None
                pack = chosen
                trained = self._ahead.train(pack, training, asked.seed, standing, places, asked.upcoming)
            others = pack.size - 1
            record.shift(-others * trained.train_seconds, -others * trained.train_energy_j)
        record.metrics["train_energy_j"] = trained.train_energy_j
        record.metrics["train_seconds"] = trained.train_seconds
        record.details["packed"] = {"way": pack.way, "size": pack.size}
        return trained

    def _train(
        self,
        training: Training,
        state: Any,
        standing: Standing,
        places: Mapping[int, float],
        record: Record,
    ) -> Any:
        pace = Pace(TURN_S if self._turns.taken else math.inf)
        for first, end, rung in cuts(training.steps, training.pass_steps, places):
            for part in pace.stretches(first, end):
                with record.turn(self._turns.shared()), pace.timed(*part):
                    state, loss = training.advance(state, *part)
                if not math.isfinite(loss):
                    raise DivergedError(diverged_in(loss, part[1], training.steps))
            if rung is None:
                continue
            with record.turn(self._turns.shared()):
                standing.reached(rung, training.judge(state)[self.quality.name])
            if standing.beaten_by is not None:
                return state
        return state

    def _load(self, inference: Inference, training: Training | None, state: Any) -> Any:
        """A while of work: a judgement, which is compiled already, or else the inference itself."""
        if training is not None:
            return training.judge(state)
        first = jax.tree.map(lambda leaf: leaf[0], inference.ring)
        return jax.block_until_ready(jax.jit(inference.fn)(inference.state, first))

    def _trainings(self, upcoming: Iterable[Upcoming]) -> Iterable[Training]:
        """The trainings of those configurations that can be built, where they are compiled ahead."""
        for one in upcoming:
            with suppress(Exception):  # its own trial will tell why
                training = self.task.candidate(one.configuration).training()
                if training is not None and training.program is not None:
                    yield training

    def _require_memory(self, run: Executables) -> None:
        """Raises MemoryError where training or judging would not fit next to what is loaded already."""
        others = max((needed_bytes(program) for name, program in run.items() if name != START), default=0)
        state = needed_bytes(run[START]) if START in run else 0
        require(state + others, free_bytes(self._device), "training")
