"""The protocol for any callable: batches out of an example, figures that say what they are of, and refusals."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import ecojax
from ecojax.energy import ModeledMeter, Provenance, compare, measure, per_call, prepare
from ecojax.energy.batches import SAME, ZEROS, ring_of
from ecojax.energy.figure import Energy
from ecojax.energy.gates import MOST_PASSES, enough_passes
from ecojax.energy.meters.scripted import ScriptedDevice
from ecojax.energy.percall import as_call
from ecojax.errors import InputError, MeterError

NORMAL = np.random.default_rng(0).normal
WEIGHTS = (NORMAL(size=(64, 128)).astype("f4"), NORMAL(size=(128, 10)).astype("f4"))
IMAGES = NORMAL(size=(32, 64)).astype("f4")
QUICK = {"confidence_target": 0.5, "max_windows": 3}


def mlp(weights, images):
    return jax.nn.relu(images @ weights[0]) @ weights[1]


@pytest.fixture(scope="module")
def energy():
    with ModeledMeter(10.0) as meter:
        return per_call(mlp, WEIGHTS, IMAGES, meter=meter, batch_size=32, confidence_target=0.3)


def test_a_figure_of_any_callable(energy):
    assert energy.per_call_j == pytest.approx(32 * energy.per_sample_j)
    assert energy.per_call_ci95_j == pytest.approx(32 * energy.per_sample_ci95_j)
    assert energy.windows >= 3
    assert energy.gates["time_ratio"] == pytest.approx(2, abs=0.05)
    assert energy.provenance.kind == "modeled"
    assert (energy.input_shape, energy.precision) == ("float32[32,64]", "float32")


def test_gross_net_idle_and_the_cost_of_reading(energy):
    """A sleeping process takes next to no CPU time, so that the net figure is close below the gross one."""
    assert 0 <= energy.idle_w < 5
    assert energy.net_per_sample_j == pytest.approx(
        energy.per_sample_j - energy.idle_w * energy.latency_s / 32, rel=1e-9
    )
    assert 0 <= energy.measuring_share < 0.01


def test_nothing_is_opened_or_asked_of_the_user():
    if jax.default_backend() != "cpu":
        pytest.skip("the automatic meter is another here")
    figure = ecojax.energy.per_call(lambda x: x @ x.T, IMAGES, batch_size=1, **QUICK)
    assert figure.per_call_j > 0
    assert figure.batch_size == 1


def test_figures_that_differ_in_what_they_are_of_do_not_compare(energy):
    twice = dataclasses.replace(
        energy, per_sample_j=2 * energy.per_sample_j, per_sample_ci95_j=energy.per_sample_ci95_j
    )
    assert energy.comparable(twice)
    ratio, half_width = twice.ratio(energy)
    assert ratio == 2
    relative = energy.per_sample_ci95_j / energy.per_sample_j
    assert half_width == pytest.approx(2 * relative * math.sqrt(1 + 1 / 4))
    for change in (
        {"batch_size": 1}, {"precision": "bfloat16"}, {"input_shape": "float32[32,8]"}, {"device": "an abacus"},
        {"provenance": Provenance("measured", "a", "b")},
    ):  # fmt: skip
        other = dataclasses.replace(energy, **change)
        assert not energy.comparable(other)
        with pytest.raises(InputError, match=next(iter(change)).replace("_", " ")):
            energy.ratio(other)
    assert energy.comparable(dataclasses.replace(energy, input_shape=""))


def test_a_stored_figure_of_before_is_still_a_figure(energy):
    old = {field.name: getattr(energy, field.name) for field in dataclasses.fields(Energy)[:13]}
    figure = Energy(**old)
    assert figure.net_per_sample_j is None
    assert (figure.rejected, figure.notes) == ({}, ())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "complex64"])
def test_floating_point_batches_differ_little_and_keep_their_zeros(dtype):
    example = jnp.asarray(NORMAL(size=(8, 9)) * (np.arange(9) % 3 > 0)).astype(dtype)
    ring, notes = ring_of(example)
    assert ring.shape == (4, 8, 9)
    assert ring.dtype == dtype
    assert notes == ()
    assert bool(jnp.all(ring[0] == example))
    for k in range(1, 4):
        assert not bool(jnp.all(ring[k] == ring[k - 1]))
    assert bool(jnp.all((ring == 0) == (example == 0)))
    wide = np.asarray(ring.astype("complex64"))
    assert np.abs(wide - wide[:1]).max() <= 0.1 * np.abs(wide).max()


def test_whole_numbers_stay_the_same_ones():
    tokens = jnp.arange(24, dtype=jnp.int32).reshape(4, 6)
    ring, _ = ring_of({"tokens": tokens, "mask": tokens % 5 > 0})
    for k in range(4):
        assert sorted(np.ravel(ring["tokens"][k])) == list(range(24))
        assert int(ring["mask"][k].sum()) == int((tokens % 5 > 0).sum())
    assert len({tuple(np.ravel(batch)) for batch in ring["tokens"]}) == 4


def test_what_cannot_be_varied_or_is_all_zeros_is_said():
    assert ring_of(jnp.full((3,), 7))[1] == (SAME,)
    ring, notes = ring_of(jnp.zeros((3,)))
    assert notes == (ZEROS,)
    assert bool(jnp.any(ring[1] != ring[2]))


def test_random_keys_are_inputs_too():
    figure = per_call(lambda key: jax.random.normal(key, (64, 64)), jax.random.key(0), **QUICK)
    assert figure.per_call_j > 0


def test_another_argument_may_be_the_one_that_varies():
    figure = per_call(
        lambda x, shift: x @ x.T + shift, IMAGES, np.float32(1), vary=(0,), batch_size=1, **QUICK
    )
    assert figure.input_shape == "float32[32,64]"


@pytest.mark.parametrize(
    ("fn", "args", "error", "said"),
    [
        (lambda x: None, (IMAGES,), InputError, "gives back no arrays"),
        (lambda x: "text", (IMAGES,), InputError, "not a valid JAX type"),
        (lambda x: np.asarray(x).sum(), (IMAGES,), InputError, "cannot be traced by JAX"),
        (lambda x: float(x[0, 0]), (IMAGES,), InputError, "cannot be traced by JAX"),
        (lambda x, y: x, (IMAGES,), InputError, "missing 1 required positional argument"),
        (lambda x: x, ("text",), InputError, "a str, which is no array"),
        (lambda: 1, (), InputError, "no example inputs"),
        (lambda x: jnp.ones(3), (IMAGES,), MeterError, "do not depend on its batch"),
        (lambda x: jnp.log(-1 - x * x), (IMAGES,), MeterError, "not finite"),
    ],
)
def test_what_is_no_inference_is_refused(fn, args, error, said):
    with pytest.raises(error, match=said):
        per_call(fn, *args, batch_size=1, **QUICK)


def test_a_forgotten_batch_size_is_asked_for():
    """The figure was that of 32 samples, and called that of one."""
    with pytest.raises(
        InputError, match=r"an axis of 32; give batch_size=32 if those are samples, or batch_size=1 if"
    ):
        per_call(mlp, WEIGHTS, IMAGES, **QUICK)
    with pytest.raises(InputError, match=r"axis of 3 and 32"):
        per_call(lambda one: one[0].sum() + one[1].sum(), (IMAGES, IMAGES[:3]), **QUICK)
    for wrong in (0, -1, 2.0, True):
        with pytest.raises(InputError, match=f"batch_size = {wrong!r} must be a whole number of at least 1"):
            per_call(mlp, WEIGHTS, IMAGES, batch_size=wrong, **QUICK)
    assert per_call(mlp, WEIGHTS, IMAGES[:1], **QUICK).batch_size == 1


class Normalised(nnx.Module):
    """A dense layer with batch statistics and dropout, in train mode until told otherwise."""

    def __init__(self):
        self.dense = nnx.Linear(64, 64, rngs=nnx.Rngs(0))
        self.norm = nnx.BatchNorm(64, rngs=nnx.Rngs(0))
        self.dropout = nnx.Dropout(0.5, rngs=nnx.Rngs(1))

    def __call__(self, x):
        return self.dropout(self.norm(self.dense(x)))


def ways_to_give(model):
    """The model held by the function, as the function, as an argument, and so through flax's own jit."""
    graph, state = nnx.split(model)
    return {
        "held": (lambda x: model(x), IMAGES),
        "itself": (model, IMAGES),
        "argument": (lambda m, x: m(x), model, IMAGES),
        "jitted": (nnx.jit(lambda m, x: m(x)), model, IMAGES),
        "split": (lambda s, x: nnx.merge(graph, s)(x), state, IMAGES),
    }


@pytest.mark.parametrize("way", ["held", "itself", "argument", "jitted", "split"])
def test_a_model_in_train_mode_is_to_be_put_in_eval_mode(way):
    """It was 2,600 characters of the model's own text, and as an argument it was measured in train mode, silently."""
    model = Normalised()
    fn, *args = ways_to_give(model)[way]
    with pytest.raises(InputError, match=r"call model\.eval\(\)") as refused:
        as_call(fn, args)
    assert len(str(refused.value)) < 200
    model.eval()
    fn, *args = ways_to_give(model)[way]
    assert as_call(fn, args).example[0].shape == IMAGES.shape


def test_a_model_is_called_by_its_kind_not_by_all_its_weights():
    with pytest.raises(InputError, match="Normalised cannot be traced") as refused:
        as_call(Normalised(), (np.ones((3, 5), "f4"),))
    assert len(str(refused.value)) < 600


def test_faster_than_can_be_timed_is_no_measurement():
    with pytest.raises(MeterError, match="faster than can be timed"):
        enough_passes(lambda passes: 1e-5, 0.05)
    assert enough_passes(lambda passes: 1e-10 * passes, 1e-3)[0] <= MOST_PASSES


def test_contenders_side_by_side():
    """The same network twice, and one with four times the arithmetic."""
    ring = jnp.stack([IMAGES + k for k in range(4)])
    wide = (NORMAL(size=(64, 512)).astype("f4"), NORMAL(size=(512, 10)).astype("f4"))
    contenders = {
        name: prepare(mlp, weights, ring, batch_size=32)
        for name, weights in (("a", WEIGHTS), ("b", WEIGHTS), ("wide", wide))
    }
    with ModeledMeter(10.0) as meter:
        found = compare(contenders, meter=meter, window_s=0.05, confidence_target=0.2, max_blocks=6)
        with pytest.raises(InputError, match="nothing to compare"):
            compare({}, meter=meter)
    assert list(found) == ["a", "b", "wide"]
    assert found["wide"].ratio(found["a"])[0] > 2
    assert found["a"].ratio(found["b"])[0] == pytest.approx(1, abs=0.25)


def test_every_device_has_its_own_figure(monkeypatch):
    """Two boards of 100 W and 300 W over the same second."""
    device = ScriptedDevice(idle_w=100.0)

    class Scoped(type(device.meter())):
        def __init__(self, scope, factor):
            super().__init__(device)
            self._scope, self._factor = scope, factor

        @property
        def provenance(self):
            return Provenance("measured", "counter", self._scope, 5.0)

        def read_on_tick(self):
            reading = super().read_on_tick()
            return reading._replace(energy_j=self._factor * reading.energy_j)

    with measure([Scoped("GPU-a", 1), Scoped("GPU-b", 3)]) as window:
        device.sleep(10.0)
    assert window.devices["GPU-a"].power_w == pytest.approx(100, rel=0.01)
    assert window.devices["GPU-b"].power_w == pytest.approx(300, rel=0.01)
    assert window.joules == pytest.approx(sum(one.joules for one in window.devices.values()))
    assert window.provenance.scope == "GPU-a; GPU-b"
    with pytest.raises(MeterError, match="2 devices were metered"):
        _ = window.window
    with pytest.raises(InputError, match="no meter in the list"), measure([]):
        pass
