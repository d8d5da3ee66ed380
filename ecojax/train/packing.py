"""Several trainings of one program in one dispatch: each member comes out as it would have alone, to rounding.

pack = PackedProgram(program, size=4, way="vmap")
states = pack.jitted.init(keys)                                     # [size] keys
states, losses = pack.jitted.advance(states, numbers, inputs, targets, total_steps, keys)
sums = pack.jitted.evaluate(states.judged, inputs, targets)

Members differ in seeds and numbers; whatever else they have in common, `step` too, is one argument for all. Which way
is faster depends on network and device: `ecojax.train.packing_probe` finds out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from ecojax.models.network import Weights
from ecojax.train.program import TrainingProgram, TrainState

Way = Literal["map", "vmap"]
# the step is shared: were it batched, "before the first step" would be computed in every pass, and thrown away
_AXES = TrainState(weights=0, optimizer_state=0, step=None)  # type: ignore[arg-type]


@dataclass(frozen=True)
class PackedProgram:
    """`size` trainings of `program` at once: "map" one after the other inside the program, "vmap" side by side.

    Hashable as the program is. Raises ValueError for a size below 1 or another way.
    """

    program: TrainingProgram
    size: int
    way: Way

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"a pack of {self.size} trains nothing; its size is at least 1")
        if self.way not in get_args(Way):
            raise ValueError(f"way {self.way!r} of packing is none of {', '.join(get_args(Way))}")

    def init(self, keys: jax.Array) -> TrainState:
        """Fresh states from keys `[size]`: every leaf `[size, ...]`, but for the one `step`."""
        # never side by side: the hardware-style generator draws for all members from the first key
        states = jax.lax.map(self.program.init, keys)
        return states._replace(step=jnp.int32(0))

    def advance(
        self,
        states: TrainState,
        numbers: Mapping[str, jax.Array],
        inputs: jax.Array,
        targets: jax.Array,
        total_steps: jax.Array,
        keys: jax.Array,
        part: tuple[jax.Array, jax.Array] | None = None,
    ) -> tuple[TrainState, jax.Array]:
        """`TrainingProgram.advance` of every member. Args: numbers and keys `[size]`; the others are one for all.

        Returns the new states and the mean training losses `[size]`. Raises ValueError for keys of a generator
        that draws otherwise side by side than alone ("rbg").
        """
        if self.way == "vmap":
            if str(jax.random.key_impl(keys)) != "threefry2x32":
                raise ValueError(
                    f"keys of {jax.random.key_impl(keys)} draw otherwise side by side than alone; train with "
                    'jax.random.key(seed, impl="threefry2x32")'
                )
            axes = (_AXES, 0, None, None, None, 0, None)
            return jax.vmap(self.program.advance, in_axes=axes, out_axes=(_AXES, 0))(
                states, numbers, inputs, targets, total_steps, keys, part
            )

        def alone(member: tuple[Weights, Any, Mapping[str, jax.Array], jax.Array]) -> tuple[Any, ...]:
            weights, optimizer_state, numbers, key = member
            state = TrainState(weights, optimizer_state, states.step)
            state, loss = self.program.advance(state, numbers, inputs, targets, total_steps, key, part)
            return state.weights, state.optimizer_state, loss

        weights, optimizer_state, losses = jax.lax.map(
            alone, (states.weights, states.optimizer_state, numbers, keys)
        )
        first, end = part if part is not None else (0, inputs.shape[0] // self.program.batch_size)
        return TrainState(weights, optimizer_state, states.step + end - first), losses

    def evaluate(self, weights: Weights, inputs: jax.Array, targets: jax.Array) -> tuple[jax.Array, ...]:
        """`TrainingProgram.evaluate` of every member: its sums, `[size]` each."""
        if self.way == "vmap":
            return jax.vmap(self.program.evaluate, in_axes=(0, None, None))(weights, inputs, targets)
        return jax.lax.map(lambda member: self.program.evaluate(member, inputs, targets), weights)

    @cached_property
    def jitted(self) -> "JittedPack":
        return JittedPack(jax.jit(self.init), jax.jit(self.advance, donate_argnums=0), jax.jit(self.evaluate))


class JittedPack(NamedTuple):
    """The jitted methods of a pack, held together so that their caches live and die with it."""

    init: Any
    advance: Any
    evaluate: Any


def stack(states: Sequence[TrainState]) -> TrainState:
    """The states of single trainings as those of a pack. Raises ValueError where they are not equally far."""
    steps = {int(state.step) for state in states}
    if len(steps) != 1:
        raise ValueError(
            f"a pack goes step by step, its members are at steps {sorted(steps)}; pack them earlier"
        )
    weights, optimizer_state = jax.tree.map(
        lambda *leaves: jnp.stack(leaves), *((state.weights, state.optimizer_state) for state in states)
    )
    return TrainState(weights, optimizer_state, jnp.copy(states[0].step))


def unstack(states: TrainState, size: int) -> list[TrainState]:
    """The inverse of `stack`, for a pack of `size`. Nothing is shared: each may be donated."""

    def member(i: int) -> TrainState:
        weights, optimizer_state = jax.tree.map(
            lambda leaf: leaf[i], (states.weights, states.optimizer_state)
        )
        return TrainState(weights, optimizer_state, jnp.copy(states.step))

    return [member(i) for i in range(size)]


def stacked_numbers(numbers: Sequence[Mapping[str, float]]) -> dict[str, jax.Array]:
    """The recipes' numbers of a pack's members, `[size]` each."""
    return {name: jnp.asarray([member[name] for member in numbers], jnp.float32) for name in numbers[0]}
