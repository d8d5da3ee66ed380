"""How a user's own model is trained: moving averages, frozen and pre-trained weights, and the recipe's parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from ecojax.data.arrays import of_arrays
from ecojax.errors import InputError
from ecojax.space import Choice, Float, Int
from ecojax.study import Status, Trial
from ecojax.tasks.own.check import check
from ecojax.tasks.own.task import OwnModel
from ecojax.tasks.task import Parent

PRETRAINED = np.linspace(-1, 1, 32, dtype=np.float32).reshape(4, 8)


class Net(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.first = nnx.Linear(4, 8, rngs=rngs)
        self.norm = nnx.BatchNorm(8, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)
        self.last = nnx.Linear(8, 2, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.last(self.drop(nnx.relu(self.norm(self.first(x)))))


class Frozen(nnx.Variable):
    """A weight that is not trained."""


def build(configuration, rngs: nnx.Rngs) -> Net:
    return Net(rngs)


def pretrained(configuration, rngs: nnx.Rngs) -> Net:
    model = Net(rngs)
    model.first.kernel = nnx.Param(jnp.asarray(PRETRAINED))
    return model


def frozen(configuration, rngs: nnx.Rngs) -> Net:
    model = Net(rngs)
    model.first.kernel = Frozen(jnp.asarray(PRETRAINED))
    return model


def freeze_the_first_layer(parameters):
    return jax.tree_util.tree_map_with_path(lambda path, _: "first" in jax.tree_util.keystr(path), parameters)


@pytest.fixture(scope="module")
def data():
    x = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    return of_arrays(x, (x[:, 0] > 0).astype(np.int32))


def task_of(data, builder=build, parameters=(), **more) -> OwnModel:
    return OwnModel(data, builder, parameters, **{"epochs": 2, "inference_batch": 16} | more)


def begun(task: OwnModel, configuration=None):
    training = task.candidate(configuration or task.space.default()).training()
    training.use({name: lowered.compile() for name, lowered in training.lowered().items()})
    return training, training.start(0)


def test_the_average_is_the_one_that_is_computed_by_hand(data) -> None:
    task = task_of(data, ema=True, pins={"ema": 0.9}, epochs=40)
    training, state = begun(task)
    network = training.program.network
    expected = network.to_arrays(state.train.weights)
    for step in range(12):
        state, _ = training.advance(state, step, step + 1)
        decay = min(0.9, (1 + step) / (10 + step))
        now = network.to_arrays(state.train.weights)
        expected = {name: decay * expected[name] + (1 - decay) * now[name] for name in expected}
    kept = training.arrays(state)
    for name in ("first/kernel", "last/bias", "norm/mean"):
        np.testing.assert_allclose(kept[name], expected[name], rtol=1e-4, atol=1e-6)
        assert not np.allclose(kept[name], now[name], atol=1e-4)
    judged = training.judge(state)
    assert judged == pytest.approx(task.candidate(task.space.default()).judge(kept, "validation"))


def test_a_pack_averages_as_each_does_alone(data) -> None:
    task = task_of(data, ema=True)
    one = dict(task.space.default())
    configurations = [one | {"ema": 0.8}, one | {"ema": 0.95}]
    trainings = [task.candidate(configuration).training() for configuration in configurations]
    assert trainings[0].program == trainings[1].program  # the decay is an argument
    pack = trainings[0].packing().pack("map", trainings)
    state, _ = pack.advance(pack.start([0, 0]), 0, 3)
    for configuration, packed in zip(configurations, pack.arrays(state), strict=True):
        training, alone = begun(task, configuration)
        alone, _ = training.advance(alone, 0, 3)
        np.testing.assert_allclose(packed["first/kernel"], training.arrays(alone)["first/kernel"], atol=1e-5)


def test_what_is_inherited_begins_the_average(data) -> None:
    task = task_of(data, ema=True)
    training, state = begun(task)
    state, _ = training.advance(state, 0, 4)
    parent = Parent(0, task.space.default(), training.arrays(state))
    child = training.start(1, parent)
    np.testing.assert_array_equal(training.arrays(child)["first/kernel"], parent.arrays["first/kernel"])
    training.advance(child, 0, 2)  # nothing is donated twice


def test_no_average_is_kept_unless_asked_for(data) -> None:
    task = task_of(data)
    assert "ema" not in task.space
    training, state = begun(task)
    assert state.train.judged is state.train.weights
    assert "ema" not in training.numbers


@pytest.mark.parametrize("builder", [pretrained, frozen])
def test_pretrained_weights_are_begun_with(data, builder) -> None:
    training, state = begun(task_of(data, builder))
    np.testing.assert_array_equal(training.arrays(state)["first/kernel"], PRETRAINED)


def test_weights_that_are_no_parameters_stay_under_any_optimizer(data) -> None:
    training, state = begun(task_of(data, frozen, ema=True))
    before = training.arrays(state)
    state, _ = training.advance(state, 0, 6)
    after = training.arrays(state)
    np.testing.assert_allclose(after["first/kernel"], PRETRAINED, atol=1e-6)
    assert not np.allclose(after["last/kernel"], before["last/kernel"])


def test_a_masked_optimizer_freezes_and_clips(data) -> None:
    def optimizer(configuration):
        still = optax.masked(optax.set_to_zero(), freeze_the_first_layer)
        return optax.chain(optax.clip_by_global_norm(1e-3), optax.sgd(1.0), still)

    training, state = begun(task_of(data, pretrained, optimizer=optimizer))
    before = training.arrays(state)
    state, _ = training.advance(state, 0, 1)
    after = training.arrays(state)
    np.testing.assert_array_equal(after["first/kernel"], PRETRAINED)
    moved = sum(
        ((after[name] - before[name]) ** 2).sum() for name in ("norm/scale", "norm/bias", "last/kernel")
    )
    assert 0 < moved <= 1e-6 * 1.001  # one step of a clipped gradient at rate 1


def test_a_users_parameter_replaces_one_of_the_recipe_and_a_pin_holds_one(data) -> None:
    own = Float("adamw_learning_rate", 1e-4, 1e-3, log=True)
    task = task_of(data, parameters=(own,), pins={"optimizer": "adamw", "schedule": "cosine"})
    check(task)  # the model reads none of them
    assert task.space["adamw_learning_rate"].high == 1e-3
    assert task.space.default()["optimizer"] == "adamw"
    numbers = task.recipe(task.space.default()).numbers
    assert 1e-4 <= numbers["learning_rate"] <= 1e-3


def test_parameters_called_as_ours_are_the_users_where_ours_are_not_used(data) -> None:
    def optimizer(configuration):
        return {"adam": optax.adam, "lion": optax.lion}[configuration["optimizer"]](1e-3)

    def dropped(configuration, rngs):
        model = Net(rngs)
        model.drop = nnx.Dropout({"none": 0.0, "much": 0.5}[configuration["dropout"]], rngs=rngs)
        return model

    own = (Choice("optimizer", ("lion", "adam")), Choice("dropout", ("much", "none")))
    task = task_of(data, dropped, own, optimizer=optimizer)
    check(task)
    training, state = begun(task)
    training.advance(state, 0, 1)


def test_a_parameter_of_a_recipe_that_is_not_used_is_to_be_read(data) -> None:
    with pytest.raises(InputError, match="ignores 'flip' of its space"):
        check(task_of(data, parameters=(Choice("flip", (False, True)),)))


def test_flips_are_for_images(data) -> None:
    with pytest.raises(InputError, match=r"augment=True is for images .* of shape \(4,\); leave it out"):
        check(task_of(data, augment=True))


def test_the_nearest_parent_is_found_among_models_of_other_parameters(data) -> None:
    parameters = (Choice("net", ("a", "b")), Int("heads", 1, 4, when={"net": ("a",)}))
    task = task_of(data, parameters=parameters)
    finished = [
        Trial(id_, Status.COMPLETE, configuration, "sobol", 0, metrics={"accuracy": 0.5}, weights=str(id_))
        for id_, configuration in enumerate(({"net": "b"}, {"net": "a", "heads": 2}))
    ]
    assert task.parent({"net": "a", "heads": 3}, finished).id == 1
    assert task.parent({"net": "b"}, finished).id == 0
