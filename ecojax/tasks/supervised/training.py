"""The training of a supervised candidate, alone and in packs, as the evaluator runs it: in steps."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ecojax.tasks.task import Parent, Training
from ecojax.train.inheritance import inherit
from ecojax.train.memory import free_bytes, needed_bytes, require
from ecojax.train.packing import PackedProgram, stacked_numbers
from ecojax.train.packing_probe import Probe, probe
from ecojax.train.program import TrainingProgram, TrainState

if TYPE_CHECKING:
    from ecojax.tasks.supervised.learning import Learning

ORDER = "threefry2x32"  # the generator of orders and augmentations: it draws alike alone and side by side
START, ADVANCE, JUDGE = "start", "advance", "judge"  # the programs of a training


class Running(NamedTuple):
    """A training's state, and the key that its orders and augmentations are drawn with."""

    train: TrainState
    key: jax.Array


class SupervisedTraining:
    """`task.epochs` passes over the training samples with a configuration's recipe."""

    def __init__(self, task: "Learning", configuration: Mapping[str, Any], program: TrainingProgram):
        self.task, self._program = task, program
        self.numbers = task.recipe(configuration).numbers
        self.pass_steps = len(task.dataset.y_train) // program.batch_size
        self.steps = task.epochs * self.pass_steps
        self._run: Mapping[str, Any] = {}

    @property
    def program(self) -> TrainingProgram:
        return self._program

    def lowered(self) -> Mapping[str, Any]:
        jitted, data = self.program.jitted, self.task.on_device
        init = jitted.init.trace(_init_key(0))
        scalar, step = (jax.ShapeDtypeStruct((), dtype) for dtype in (jnp.float32, jnp.int32))
        return {
            ADVANCE: jitted.advance.lower(
                init.out_info,
                dict.fromkeys(self.numbers, scalar),
                data.x,
                data.y,
                scalar,
                jax.random.key(0, impl=ORDER),
                (step, step),
            ),
            JUDGE: jitted.evaluate.lower(init.out_info.judged, *data.validation),
            START: init.lower(),
        }

    def use(self, compiled: Mapping[str, Any]) -> None:
        self._run = compiled

    def start(self, seed: int, parent: Parent | None = None) -> Running:
        # the counter-based generator compiles slowly, once a layer; the hardware-style one does not
        state = self._run[START](_init_key(seed))
        if parent is not None:
            inherited = self.task.network(parent.configuration).from_arrays(parent.arrays)
            state = state.beginning_with(jax.jit(inherit)(state.weights, inherited))
        return Running(state, jax.random.key(seed, impl=ORDER))

    def advance(self, state: Running, first: int, end: int) -> tuple[Running, float]:
        data, train, total = self.task.on_device, state.train, 0.0
        traced = {name: jnp.float32(value) for name, value in self.numbers.items()}
        for number, begin, stop in passes(first, end, self.pass_steps):
            train, loss = self._run[ADVANCE](
                train,
                traced,
                data.x,
                data.y,
                jnp.float32(self.steps),
                jax.random.fold_in(state.key, number),
                (jnp.int32(begin), jnp.int32(stop)),
            )
            total += float(loss) * (stop - begin)
        return state._replace(train=train), total / (end - first)

    def judge(self, state: Running) -> Mapping[str, float]:
        sums = self._run[JUDGE](state.train.judged, *self.task.on_device.validation)
        return self.program.loss.figures(sums, len(self.task.dataset.y_validation))

    def arrays(self, state: Running) -> dict[str, np.ndarray]:
        return self.program.network.to_arrays(state.train.judged)

    def packing(self) -> "SupervisedPacking":
        return SupervisedPacking(self)


class SupervisedPacking:
    """Trainings of one program in one dispatch (`ecojax.train.packing`)."""

    def __init__(self, training: SupervisedTraining):
        self._training = training

    def probe(self) -> Probe:
        training = self._training
        numbers = training.task.recipe(training.task.space.default()).numbers
        data = training.task.on_device
        return probe(training.program, numbers, data.x, data.y)

    def pack(self, way: Any, trainings: Sequence[Training]) -> "SupervisedPack":
        members = [
            one for one in trainings if isinstance(one, SupervisedTraining)
        ]  # of one program, hence all
        return SupervisedPack(
            self._training, PackedProgram(self._training.program, len(members), way), members
        )


class SupervisedPack:
    """Several trainings of one program as one."""

    def __init__(
        self, training: SupervisedTraining, pack: PackedProgram, members: Sequence[SupervisedTraining]
    ):
        self.size, self.way = pack.size, str(pack.way)
        self.steps, self.pass_steps = training.steps, training.pass_steps
        self._task, self._pack = training.task, pack
        self._numbers = stacked_numbers([member.numbers for member in members])
        self._run = _compiled_pack(training.task, pack, self._numbers)

    def start(self, seeds: Sequence[int]) -> Running:
        return Running(
            self._run[START](_init_keys(seeds)),
            jnp.stack([jax.random.key(seed, impl=ORDER) for seed in seeds]),
        )

    def advance(self, state: Running, first: int, end: int) -> tuple[Running, np.ndarray]:
        data, train, total = self._task.on_device, state.train, np.zeros(self.size)
        for number, begin, stop in passes(first, end, self.pass_steps):
            train, losses = self._run[ADVANCE](
                train,
                self._numbers,
                data.x,
                data.y,
                jnp.float32(self.steps),
                jax.vmap(jax.random.fold_in, (0, None))(state.key, number),
                (jnp.int32(begin), jnp.int32(stop)),
            )
            total += np.asarray(losses) * (stop - begin)
        return state._replace(train=train), total / (end - first)

    def judge(self, state: Running) -> Sequence[Mapping[str, float]]:
        sums = jax.device_get(self._run[JUDGE](state.train.judged, *self._task.on_device.validation))
        n, loss = len(self._task.dataset.y_validation), self._pack.program.loss
        return [loss.figures(tuple(of_all[i] for of_all in sums), n) for i in range(self.size)]

    def arrays(self, state: Running) -> Sequence[dict[str, np.ndarray]]:
        stacked = self._pack.program.network.to_arrays(state.train.judged)
        # copies: the arrays of one member do not keep those of all alive
        return [{name: array[i].copy() for name, array in stacked.items()} for i in range(self.size)]


def _compiled_pack(task: "Learning", pack: PackedProgram, numbers: Collection[str]) -> Mapping[str, Any]:
    """The programs of a pack; those of the latest are kept. Raises MemoryError where it would not fit."""
    kept = task.compiled_packs
    if pack not in kept:
        compiled = compile_pack(pack, numbers, *task.on_device)
        kept.clear()
        kept[pack] = compiled
    return kept[pack]


def compile_pack(
    pack: PackedProgram, numbers: Collection[str], x: jax.Array, y: jax.Array, validation: Any
) -> Mapping[str, Any]:
    """The programs of a pack, compiled. numbers: names. Raises MemoryError where it would not fit."""
    states = jax.eval_shape(pack.init, _init_keys([0] * pack.size))
    traced = dict.fromkeys(numbers, jax.ShapeDtypeStruct((pack.size,), jnp.float32))
    scalar, step = (jax.ShapeDtypeStruct((), dtype) for dtype in (jnp.float32, jnp.int32))
    keys = jnp.stack([jax.random.key(0, impl=ORDER)] * pack.size)
    run = {
        START: pack.jitted.init.lower(_init_keys([0] * pack.size)).compile(),
        ADVANCE: pack.jitted.advance.lower(states, traced, x, y, scalar, keys, (step, step)).compile(),
        JUDGE: pack.jitted.evaluate.lower(states.judged, *validation).compile(),
    }
    needed = needed_bytes(run[START]) + max(needed_bytes(run[ADVANCE]), needed_bytes(run[JUDGE]))
    require(needed, free_bytes(next(iter(x.devices()))), f"a pack of {pack.size}")
    return run


def passes(first: int, end: int, pass_steps: int) -> Iterator[tuple[int, int, int]]:
    """The steps from `first` to before `end` by pass: its number, and the first and last-but-one step within it."""
    while first < end:
        number, begin = divmod(first, pass_steps)
        stop = min(pass_steps, begin + end - first)
        yield number, begin, stop
        first += stop - begin


def _init_key(seed: int) -> jax.Array:
    return jax.random.key(seed, impl="rbg")


def _init_keys(seeds: Sequence[int]) -> jax.Array:
    return jnp.stack([_init_key(seed) for seed in seeds])
