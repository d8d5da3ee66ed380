"""Which way of training several candidates of one program is the fastest on the device at hand: a short trial of each.

    found = probe(program, recipe.numbers, inputs, targets)
    found.best.way, found.best.size     # "alone", 1 unless something else is a tenth faster
    print(found)                        # packing mlp (2,410 parameters), ...: alone 54k samples/s, ...: vmap×8

Side by side, a perceptron's small products become large ones; convolutions become grouped ones, which a CPU is slow at.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import jax
import numpy as np

from ecojax.train.memory import free_bytes, needed_bytes, require
from ecojax.train.packing import PackedProgram, Way
from ecojax.train.program import TrainingProgram, TrainState

WORTH_PACKING = 1.1  # times as fast as alone: members of a pack wait for one another, and cannot be stopped
PILOT_STEPS = 2


@dataclass(frozen=True)
class Speed:
    """How fast `size` trainings go, "alone" (one at a time), by "map" or by "vmap" (`PackedProgram`).

    `samples_per_s` is of all members together, compilation apart; None where it was not found, and `why` says why not.
    """

    way: Literal["alone"] | Way
    size: int
    samples_per_s: float | None = None
    compile_s: float | None = None
    why: str | None = None

    def __str__(self) -> str:
        return self.way if self.way == "alone" else f"{self.way}×{self.size}"


@dataclass(frozen=True)
class Probe:
    """The speeds of one program's packs: `speeds[0]` is that of training alone, in passes of `steps` steps."""

    program: str
    device: str
    steps: int
    speeds: tuple[Speed, ...]

    @property
    def best(self) -> Speed:
        """The fastest that is worth packing, or alone. Of equals the smaller, and "map" before "vmap"."""
        return _best(self.speeds)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        chosen = {"way": self.best.way, "size": self.best.size}
        return asdict(self) | {"speeds": [asdict(speed) for speed in self.speeds], "chosen": chosen}

    def __str__(self) -> str:
        known = ", ".join(
            f"{speed} {_rounded(speed.samples_per_s)}{'' if i else ' samples/s'}"
            for i, speed in enumerate(self.speeds)
            if speed.samples_per_s is not None
        )
        return f"packing {self.program}: {known}: {self.best}"


def probe(
    program: TrainingProgram,
    numbers: Mapping[str, float],
    inputs: Any,
    targets: Any,
    *,
    sizes: Iterable[int] = (2, 4, 8),
    ways: Sequence[Way] = ("map", "vmap"),
    seconds: float = 2.0,
    thorough: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> Probe:
    """Trains packs of `program` on the first of `inputs` `[n, ...]` for about `seconds` in all.

    Compiling comes on top, once a pack; therefore a way is given up at the first size that is no faster than what was
    tried of it before, unless `thorough`. What fits into memory on a slice of the data may not on all of it. Raises
    MemoryError where even one training does not fit.
    """
    sizes = sorted(sizes)
    contest = _Contest(program, numbers, inputs, targets, seconds / (1 + len(ways) * len(sizes)), clock)
    batches = len(targets) // program.batch_size
    steps = min(PILOT_STEPS, batches)
    alone = contest.alone(steps)
    assert alone.samples_per_s is not None
    # as many steps as there is time for: the more, the less the start of a pass counts, as in a real one
    trainings = 2 * (1 + len(ways) * sum(sizes))  # everything runs once to warm up
    affordable = min(batches, int(seconds / trainings * alone.samples_per_s / program.batch_size))
    if affordable > steps:
        steps = affordable
        alone = contest.alone(steps)

    speeds = [alone]
    for way in ways:
        fastest, given_up = alone.samples_per_s or 0.0, None
        for size in sizes:
            if given_up and not thorough:
                speeds.append(Speed(way, size, why=given_up))
                continue
            speed = contest.packed(way, size, steps)
            speeds.append(speed)
            if speed.samples_per_s is None:
                given_up = speed.why
            elif speed.samples_per_s <= fastest:
                given_up = f"a pack of {size} was no faster than a smaller one"
            else:
                fastest = speed.samples_per_s
    if _best(speeds).way != "alone":
        # it was the first to run: what held it up then is no reason to pack
        speeds[0] = contest.alone_again(alone)
    network = program.network
    shape = f"{network.family} ({network.parameters:,} parameters, {program.optimizer}, batch {program.batch_size})"
    return Probe(shape, contest.device_kind, steps, tuple(speeds))


def _best(speeds: Sequence[Speed]) -> Speed:
    alone = speeds[0]
    known = [speed for speed in speeds if speed.samples_per_s is not None]
    fastest = min(known, key=lambda speed: (-(speed.samples_per_s or 0.0), speed.size))
    worth = (fastest.samples_per_s or 0.0) >= WORTH_PACKING * (alone.samples_per_s or 0.0)
    return fastest if worth else alone


class _Contest:
    """Runs passes of `program`, each contender for `share_s` at the least."""

    def __init__(
        self,
        program: TrainingProgram,
        numbers: Mapping[str, float],
        inputs: Any,
        targets: Any,
        share_s: float,
        clock: Callable[[], float],
    ):
        self._program, self._numbers, self._share_s, self._clock = program, numbers, share_s, clock
        self._inputs, self._targets = inputs, targets
        state = program.jitted.init(jax.random.key(0, impl="rbg"))
        # what is computed before the very first step is no part of a pass's speed
        self._state = jax.device_get(state._replace(step=state.step + 1))

    def alone(self, steps: int) -> Speed:
        numbers = {name: np.float32(value) for name, value in self._numbers.items()}
        arguments = self._arguments(steps, numbers, jax.random.key(0, impl="threefry2x32"))
        speed, self._compiled = self._speed(
            "alone", 1, steps, self._program.jitted.advance, self._state, arguments
        )
        self._alone_arguments = arguments
        self.device_kind: str = arguments[-1].device.device_kind
        return speed

    def alone_again(self, alone: Speed) -> Speed:
        """The better of `alone`, as it was found last, and a repetition."""
        n = len(self._alone_arguments[2])
        repeated = n / self._shortest_s(self._compiled, self._state, self._alone_arguments)
        return replace(alone, samples_per_s=max(alone.samples_per_s or 0.0, repeated))

    def packed(self, way: Way, size: int, steps: int) -> Speed:
        """Says why where it does not fit into memory."""
        stacked: TrainState = jax.tree.map(lambda leaf: np.repeat(leaf[None], size, 0), self._state)
        numbers = {name: np.full(size, value, np.float32) for name, value in self._numbers.items()}
        advance = PackedProgram(self._program, size, way).jitted.advance
        try:
            arguments = self._arguments(
                steps, numbers, jax.random.split(jax.random.key(0, impl="threefry2x32"), size)
            )
            return self._speed(way, size, steps, advance, stacked._replace(step=self._state.step), arguments)[
                0
            ]
        except (MemoryError, jax.errors.JaxRuntimeError) as failure:
            if isinstance(failure, MemoryError) or "RESOURCE_EXHAUSTED" in str(failure):
                return Speed(way, size, why=" ".join(str(failure).split())[:300])
            raise

    def _arguments(self, steps: int, numbers: Mapping[str, Any], keys: jax.Array) -> tuple[Any, ...]:
        """Of a pass, all but the state."""
        n = steps * self._program.batch_size
        return jax.device_put((numbers, self._inputs[:n], self._targets[:n], np.float32(steps), keys))

    def _speed(
        self, way: Any, size: int, steps: int, advance: Any, state: TrainState, arguments: tuple[Any, ...]
    ) -> tuple[Speed, Any]:
        """And the compiled pass."""
        began = self._clock()
        compiled = advance.lower(state, *arguments).compile()
        compile_s = self._clock() - began
        held = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
        what = "one training" if size == 1 else f"a pack of {size} by {way}"
        require(held + needed_bytes(compiled), free_bytes(arguments[-1].device), what)
        samples = size * steps * self._program.batch_size
        return Speed(way, size, samples / self._shortest_s(compiled, state, arguments), compile_s), compiled

    def _shortest_s(self, compiled: Any, state: TrainState, arguments: tuple[Any, ...]) -> float:
        """Of several passes: what one is held up by is never in its favour."""
        state, _ = jax.block_until_ready(compiled(jax.device_put(state), *arguments))
        shortest_s, spent_s = math.inf, 0.0
        while spent_s < self._share_s:
            began = self._clock()
            state, _ = jax.block_until_ready(compiled(state, *arguments))
            run_s = self._clock() - began
            shortest_s, spent_s = min(shortest_s, run_s), spent_s + run_s
        return shortest_s


def _rounded(samples_per_s: float | None) -> str:
    assert samples_per_s is not None
    unit, letter = next(
        ((unit, letter) for unit, letter in ((1e6, "M"), (1e3, "k")) if samples_per_s >= unit), (1.0, "")
    )
    return f"{samples_per_s / unit:.3g}{letter}"
