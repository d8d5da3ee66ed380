"""The evaluator: everything that touches the device for one study, behind one object spoken to in plain records.

    evaluator = Evaluator(task, meter, epochs=3, ...)
    outcome = evaluator(configuration, seed, rivals)

Measure first, train second: the energy of an inference does not depend on the weights, so it is known before the
first epoch, and training ends at a rung after which it can no longer be worth its energy.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
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
from ecojax.jax_settings import computing
from ecojax.models.flops import COUNTED
from ecojax.tasks import ImageClassification
from ecojax.train.inheritance import inherit
from ecojax.train.program import TrainingProgram, judgement, padded_batches
from ecojax.trial.ahead import TrainedAhead
from ecojax.trial.compilation import Compiler, Executables
from ecojax.trial.known import KNOWN_BEFOREHAND, known_beforehand
from ecojax.trial.memory import free_bytes, needed_bytes, require
from ecojax.trial.metered import METERED_IN, Metered
from ecojax.trial.outcome import Outcome
from ecojax.trial.pace import Pace
from ecojax.trial.packs import Training
from ecojax.trial.parent import INHERITED_FROM, Parent
from ecojax.trial.record import DivergedError, HopelessError, InvalidError, Record
from ecojax.trial.rungs import Rivals, parts
from ecojax.trial.standing import Standing
from ecojax.trial.upcoming import Upcoming

NO_RIVALS = Rivals()
TURN_S = 0.7  # of training, after which a neighbour that waits to meter has its turn
RING = 16  # different batches that an inference is metered over


class Evaluator:
    """Evaluates configurations of `task` one after the other on JAX's default device.

    Args: `epochs` of training; `rungs` the epochs after which a trial is validated, and stopped where its rivals beat
    whatever it could still become; `inference_batch` the batch size that energy and latency are stated at;
    `energy_ci` the half width to reach, as a share of the energy; `compile_threads` by
    default one a core; `compile_beside` whether what is upcoming is compiled while the device trains, by default not on
    a CPU; `turns` with the other processes that work on this device: metering is alone, the rest shared;
    `pack` whether candidates of one program are trained together where that is faster;
    `neighbours` whether the meter counts other workers, too, while training; `meter` is left open.
    """

    def __init__(
        self,
        task: ImageClassification,
        meter: Meter,
        *,
        epochs: int,
        rungs: Sequence[float] = (),
        inference_batch: int = 64,
        energy_ci: float = 0.05,
        compile_threads: int | None = None,
        compile_beside: bool | None = None,
        turns: Turns | None = None,
        pack: bool = False,
        neighbours: bool = False,
    ):
        self.task, self.meter, self._turns = task, meter, turns or Turns(None)
        self.epochs, self.rungs = epochs, frozenset(rungs) - {epochs}
        self.inference_batch, self.energy_ci = inference_batch, energy_ci
        data = task.dataset
        self._images, self._labels = jnp.asarray(data.x_train), jnp.asarray(data.y_train)
        self._device = next(iter(self._images.devices()))
        self._validation = jax.device_put(padded_batches(data.x_validation, data.y_validation))
        self._ring = _ring_of_batches(data.x_train, inference_batch)
        self._calibration: Calibration | None = None
        # a meter of the whole host counts what others do while this one trains
        self._beside = ["what other workers did"] if neighbours else []
        if compile_beside is None:
            compile_beside = self._device.platform != "cpu"
        self._compiled = Compiler(self._lowered, threads=compile_threads, beside=compile_beside)
        self._ahead: TrainedAhead | None = None
        if pack:
            self._ahead = TrainedAhead(
                task,
                self._images,
                self._labels,
                self._validation,
                epochs=epochs,
                rungs=sorted(self.rungs),
                meter=meter,
            )

    def __call__(
        self,
        configuration: Mapping[str, Any],
        seed: int,
        rivals: Rivals = NO_RIVALS,
        upcoming: Sequence[Upcoming] = (),
        metered: Metered | None = None,
        parent: Parent | None = None,
    ) -> Outcome:
        """Builds, meters, trains and validates. Whatever goes wrong is a status with its message; only
        interrupts pass through. Without `rivals` nothing is stopped early. Where something must be compiled, so
        are some of the `upcoming` configurations, at this trial's expense. Where the same network was `metered`
        already, it is not metered again. With a `parent`, training begins from what its weights overlap with."""
        record = Record(self.meter)
        return record.of(
            lambda: self._evaluate(configuration, seed, rivals, upcoming, metered, parent, record)
        )

    def lower(self, configuration: Mapping[str, Any]) -> str:
        """Builds and lowers all programs of a configuration, and says how large its network is."""
        program = self.task.program(configuration)
        self._lowered(program)
        return f"{program.network.family} of {program.network.parameters} parameters"

    def close(self) -> None:
        """Waits for what is being compiled."""
        self._compiled.close()

    def meter_alone(self, configuration: Mapping[str, Any]) -> Outcome:
        """Builds and meters, for a training elsewhere: an outcome without accuracy and weights."""
        record = Record(self.meter)

        def meter() -> None:
            with record.turn(self._turns.shared()), record.span("compile_seconds"):
                program = self._built(configuration, record)
                weights = jax.jit(program.network.init)(jax.random.key(0, impl="rbg"))
                logits = partial(program.jitted.logits, weights, self._ring[0])
            self._metered(program, weights, lambda: jax.block_until_ready(logits()), record)

        return record.of(meter)

    def known_beforehand(
        self, configuration: Mapping[str, Any], names: Collection[str] = KNOWN_BEFOREHAND
    ) -> dict[str, float]:
        """The metrics that need neither training nor the device."""
        return known_beforehand(self.task.network(configuration), self.inference_batch, names)

    def test_accuracy(self, configuration: Mapping[str, Any], arrays: Mapping[str, Any], test: Any) -> float:
        """The share of `test`, a pair `(images, labels)`, that a trained network classifies correctly."""
        program = self.task.program(configuration)
        weights = program.network.from_arrays(arrays)
        images, labels = padded_batches(*test)
        return judgement(program.jitted.evaluate(weights, images, labels), len(test[1])).accuracy

    def compare(
        self, networks: Mapping[int, tuple[Mapping[str, Any], Mapping[str, Any]]], *, confidence_target: float
    ) -> dict[int, Energy]:
        """The energy of an inference of several trained networks, measured in turns.

        networks: configuration and arrays, by any number; those of one network get one figure. Raises MeterError where
        a gate or the meter fails.
        """
        names: dict[Any, str] = {}
        prepared = {}
        with self._turns.alone(), self._compiled.alone():
            for number, (configuration, arrays) in networks.items():
                network = self.task.network(configuration)
                if network in names:
                    continue
                names[network] = str(number)
                prepared[str(number)] = prepare(
                    network.logits, network.from_arrays(arrays), self._ring, batch_size=self.inference_batch
                )
            found = compare(
                prepared, meter=self.meter, confidence_target=confidence_target, calibration=self._calibration
            )
        return {
            number: found[names[self.task.network(configuration)]]
            for number, (configuration, _) in networks.items()
        }

    def _built(self, configuration: Mapping[str, Any], record: Record) -> TrainingProgram:
        """The program of a configuration, with what is known of it beforehand put on record."""
        try:
            program = self.task.program(configuration)
            record.metrics |= self.known_beforehand(configuration)
            record.provenance["flops"] = COUNTED
        except Exception as failure:
            raise InvalidError(f"{type(failure).__name__}: {failure}") from failure
        return program

    def _metered(
        self, program: TrainingProgram, weights: Any, load: Callable[[], Any], record: Record
    ) -> None:
        """Puts the energy and the latency of an inference on record; `load` is what to calibrate under."""
        alone = self._compiled.alone()
        with record.turn(self._turns.alone()), record.span("metering_seconds"), alone:
            if self._calibration is None:  # idle power and the like, found once, with the context open
                self._calibration = calibrate(self.meter, load)
            energy = self._meter(program, weights, record.metrics["flops"])
        record.move(energy.compile_s, "metering_seconds", "compile_seconds")
        record.metrics["energy_per_sample_j"] = energy.per_sample_j
        record.metrics["energy_per_sample_j_ci95"] = energy.per_sample_ci95_j
        record.metrics["latency_ms"] = 1e3 * energy.latency_s
        record.details["energy"] = energy.to_dict()
        record.provenance["energy_per_sample_j"] = str(energy.provenance)
        record.provenance["latency_ms"] = f"measured (wall clock, {energy.device})"

    def _evaluate(
        self,
        configuration: Mapping[str, Any],
        seed: int,
        rivals: Rivals,
        upcoming: Sequence[Upcoming],
        metered: Metered | None,
        parent: Parent | None,
        record: Record,
    ) -> dict[str, np.ndarray]:
        metrics, details = record.metrics, record.details
        data = self.task.dataset
        with (
            record.turn(self._turns.shared()),
            record.span("compile_seconds", energy="compile_energy_j"),
        ):
            program = self._built(configuration, record)
            run = self._compiled(program, self._programs([one.configuration for one in upcoming]))
            self._require_memory(run)
            # the counter-based generator compiles slowly, once a layer; the hardware-style one does not
            state = run.init(jax.random.key(seed, impl="rbg"))
            if parent is not None:
                inherited = self.task.network(parent.configuration).from_arrays(parent.arrays)
                state = state._replace(weights=jax.jit(inherit)(state.weights, inherited))
                details[INHERITED_FROM] = parent.trial

        if metered is None:
            judged = partial(run.evaluate, state.weights, *self._validation)
            self._metered(program, state.weights, lambda: jax.block_until_ready(judged()), record)
        else:
            metrics |= metered.metrics
            details |= {"energy": dict(metered.energy), METERED_IN: metered.trial}
            record.provenance |= metered.provenance

        progress = Standing(rivals, metrics, len(data.y_validation))
        meanwhile = [*self._beside, *(["compiling later candidates"] if self._compiled.busy else [])]
        packed = self._packed(program, configuration, seed, progress, upcoming, parent, record)
        if packed is None:
            waited = record.waited_s
            with measure(self.meter) as window:
                state = self._train(program, run, configuration, state, seed, progress, record)
                window.sync(state)
            metrics["train_energy_j"] = window.joules
            metrics["train_seconds"] = window.seconds - (record.waited_s - waited)
        details["train_energy"] = {
            "provenance": self.meter.provenance.to_dict(),
            "meanwhile": meanwhile,  # what the joules hold besides the training
        }
        record.provenance["train_energy_j"] = str(self.meter.provenance)
        record.provenance["accuracy"] = f"measured ({len(data.y_validation)} validation images)"
        if progress.accuracies:
            details["rungs"] = [list(pair) for pair in progress.accuracies.items()]
        if progress.beaten_by is not None:
            metrics["epochs"] = max(progress.accuracies)
            metrics["expected_accuracy"] = progress.end.expected
            raise HopelessError(progress.in_words(self.epochs))
        if packed is not None and packed.diverged is not None:
            raise DivergedError(packed.diverged)
        metrics["epochs"] = self.epochs

        if packed is not None and packed.verdict is not None and packed.arrays is not None:
            verdict, arrays = packed.verdict, packed.arrays
        else:
            with record.turn(self._turns.shared()), record.span("validation_seconds"):
                verdict = judgement(run.evaluate(state.weights, *self._validation), len(data.y_validation))
                arrays = program.network.to_arrays(state.weights)
        if not math.isfinite(verdict.loss):
            raise DivergedError("the validation loss is not finite")
        metrics["accuracy"] = verdict.accuracy
        metrics["accuracy_se"] = verdict.standard_error
        metrics["validation_loss"] = verdict.loss
        return arrays

    def _packed(
        self,
        program: TrainingProgram,
        configuration: Mapping[str, Any],
        seed: int,
        progress: Standing,
        upcoming: Sequence[Upcoming],
        parent: Parent | None,
        record: Record,
    ) -> Training | None:
        """The training of a candidate in a pack, put on record; None where it is to be trained alone.

        Of the pack's seconds and joules every member has its share, whoever of them was due.
        """
        if self._ahead is None or parent is not None:
            return None
        taken = self._ahead.take(configuration, seed)
        if taken is not None:
            training, pack = taken
            for epoch, accuracy in training.rungs.items():
                progress.accuracies[epoch] = accuracy
            record.shift(training.train_seconds, training.train_energy_j)
        else:
            with record.turn(self._turns.shared()):
                with record.span("compile_seconds"):
                    found = self._ahead.probed(program, upcoming)
                    chosen = self._ahead.pack(program, upcoming)
                if found is not None:
                    record.details["packing_probe"] = found.to_dict()
                    record.notes.append(str(found))
                if chosen is None:
                    return None
                pack = chosen
                training = self._ahead.train(pack, configuration, seed, progress, upcoming)
            others = pack.size - 1
            record.shift(-others * training.train_seconds, -others * training.train_energy_j)
        record.metrics["train_energy_j"] = training.train_energy_j
        record.metrics["train_seconds"] = training.train_seconds
        record.details["packed"] = {"way": pack.way, "size": pack.size}
        return training

    def _lowered(self, program: TrainingProgram) -> Executables:
        with computing(self._device):  # in a thread of its own, too
            return self._traced(program)

    def _traced(self, program: TrainingProgram) -> Executables:
        jitted = program.jitted
        key = jax.random.key(0, impl="rbg")
        init = jitted.init.trace(key)
        state = init.out_info
        scalar, step = (jax.ShapeDtypeStruct((), dtype) for dtype in (jnp.float32, jnp.int32))
        numbers = dict.fromkeys(self.task.recipe(self.task.space.default()).numbers, scalar)
        return Executables(
            init=init.lower(),
            epoch=jitted.epoch.lower(
                state,
                numbers,
                self._images,
                self._labels,
                scalar,
                jax.random.key(0, impl="threefry2x32"),
                (step, step),
            ),
            evaluate=jitted.evaluate.lower(state.weights, *self._validation),
        )

    def _programs(self, configurations: Sequence[Mapping[str, Any]]) -> list[TrainingProgram]:
        """The programs of those configurations that can be built."""
        programs = []
        for configuration in configurations:
            with suppress(Exception):  # its own trial will tell why
                programs.append(self.task.program(configuration))
        return programs

    def _require_memory(self, run: Executables) -> None:
        """Raises MemoryError where training or judging would not fit next to what is loaded already."""
        state = needed_bytes(run.init)
        needed = state + max(needed_bytes(run.epoch), needed_bytes(run.evaluate))
        require(needed, free_bytes(self._device), "training")

    def _meter(self, program: TrainingProgram, weights: Any, flops: float) -> Energy:
        return per_inference(
            program.network.logits,
            weights,
            self._ring,
            meter=self.meter,
            batch_size=self.inference_batch,
            confidence_target=self.energy_ci,
            flops=flops * self.inference_batch,
            calibration=self._calibration,
        )

    def _train(
        self,
        program: TrainingProgram,
        run: Executables,
        configuration: Mapping[str, Any],
        state: Any,
        seed: int,
        progress: Standing,
        record: Record,
    ) -> Any:
        steps = len(self._labels) // program.batch_size
        total_steps = jnp.float32(self.epochs * steps)
        numbers = self.task.recipe(configuration).numbers
        traced = {name: jnp.float32(value) for name, value in numbers.items()}
        key = jax.random.key(seed, impl="threefry2x32")
        pace = Pace(TURN_S if self._turns.taken else math.inf)
        for epoch in range(self.epochs):
            epoch_key = jax.random.fold_in(key, epoch)
            for first, end, rung in parts(epoch, steps, self.rungs):
                for part in pace.stretches(first, end):
                    with record.turn(self._turns.shared()), pace.timed(*part):
                        bounds = jnp.int32(part[0]), jnp.int32(part[1])
                        state, loss = run.epoch(
                            state, traced, self._images, self._labels, total_steps, epoch_key, bounds
                        )
                        loss = float(loss)
                    if not math.isfinite(loss):
                        raise DivergedError(
                            f"the training loss is {loss} in epoch {epoch + 1} of {self.epochs}"
                        )
                if rung is None:
                    continue
                with record.turn(self._turns.shared()):
                    sums = run.evaluate(state.weights, *self._validation)
                    progress.reached(rung, judgement(sums, progress.images).accuracy)
                if progress.beaten_by is not None:
                    return state
        return state


def _ring_of_batches(images: np.ndarray, batch: int) -> jax.Array:
    """`[ring, batch, height, width, channels]`: real images, no two batches the same, overlapping only where few."""
    n = len(images)
    ring = max(2, min(RING, n // batch))
    stride = batch if n >= ring * batch else max(1, n // ring)
    index = (stride * np.arange(ring)[:, None] + np.arange(batch)) % n
    return jnp.asarray(images[index])
