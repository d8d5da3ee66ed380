"""The loop, its gates and the protocol. Facts of structure; of timing only what a busy machine cannot blur."""

import json
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ecojax.energy import ModeledMeter, ReplayMeter, per_inference
from ecojax.energy.gates import checksum_gate, ratio_gate, roofline_gate
from ecojax.energy.loop import MAX_STEPS, _steps, checksum, compile_loop
from ecojax.energy.sampling import ticking_window
from ecojax.errors import InputError, MeterError

BATCH = 16


def mlp(state, batch):
    """state [pixels, hidden], [hidden, classes]; batch uint8 [batch, height, width] -> float32 [batch, classes]."""
    x = batch.reshape(batch.shape[0], -1).astype(jnp.float32) / 255
    return jax.nn.relu(x @ state[0]) @ state[1]


def convnet(state, batch):
    """state list of [3, 3, in, out]; batch uint8 [batch, height, width] -> float32 [batch, channels]."""
    x = batch[..., None].astype(jnp.float32) / 255
    for kernel in state:
        x = jax.nn.relu(
            lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        )
    return x.mean((1, 2))


def normal(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


RING = jnp.asarray(np.random.default_rng(1).integers(0, 256, (4, BATCH, 8, 8)), jnp.uint8)
MLP = (normal(64, 32), normal(32, 10))
CONVNET = [normal(3, 3, 1, 16), normal(3, 3, 16, 16)]


def energy(fn, state, ring=RING, **options):
    options = {"meter": ModeledMeter(10.0), "batch_size": BATCH, "window_s": 0.03, "max_windows": 5} | options
    return per_inference(fn, state, ring, **options)


@pytest.fixture(scope="module")
def figures():
    return {"mlp": energy(mlp, MLP, flops=1.0, peak_flops=1e15), "convnet": energy(convnet, CONVNET)}


@pytest.mark.parametrize("model", ["mlp", "convnet"])
def test_a_figure_has_everything_it_needs(figures, model):
    figure = figures[model]
    assert figure.per_sample_j > 0
    assert figure.per_sample_ci95_j > 0
    assert figure.latency_s > 0
    assert 3 <= figure.windows <= 5
    assert figure.seconds > 0
    assert figure.spent_j > figure.per_sample_j * BATCH
    assert figure.compile_s > 0
    assert figure.gates["time_ratio"] == pytest.approx(2, abs=0.05)
    assert figure.gates["checksum_error"] < 5e-3
    assert figure.precision == "float32"
    assert figure.provenance == ModeledMeter(10.0).provenance
    assert figure.converged == (figure.per_sample_ci95_j <= 0.05 * figure.per_sample_j)
    record = json.loads(json.dumps(figure.to_dict()))
    assert record["provenance"]["by"] == "CPU time × 10 W per core"


def test_more_arithmetic_costs_more(figures):
    """The convnet multiplies 45 times as often as the MLP."""
    assert figures["convnet"].per_sample_j > 3 * figures["mlp"].per_sample_j


def test_the_roofline_is_stated_where_the_peak_is_known(figures):
    assert 0 < figures["mlp"].gates["roofline"] < 1
    assert "roofline" not in figures["convnet"].gates


def test_trap_a_function_that_ignores_its_batch():
    def bound(state, batch):
        return mlp(state, RING[0])

    with pytest.raises(MeterError, match="do not depend on its batch"):
        energy(bound, MLP)
    with pytest.raises(MeterError, match="do not depend on its batch"):
        energy(jax.jit(bound), MLP)  # an inner call hides nothing


def test_trap_work_that_xla_hoists_out_of_a_loop():
    """Work on the parameters alone: a loop without dependence on its carry does it once, ours in every call."""

    def fn(state, batch):
        return jnp.sum(jnp.tanh(state @ state) @ state) + batch[0, 0].astype(jnp.float32)

    @jax.jit
    def naive(state, passes):
        def step(i, carry):
            return carry + jnp.sum(fn(state, RING[i % 4]))

        return lax.fori_loop(0, passes, lambda _, carry: lax.fori_loop(0, 4, step, carry), jnp.float32(0))

    state = normal(256, 256)
    ours = compile_loop(fn, state, RING, pass_s=1e-6)

    def growth(run):
        """Time of 200 passes over that of one, the fastest of three: 200 where the work is done."""
        run(1)
        seconds = {passes: [] for passes in (1, 200)}
        for passes in 3 * (1, 200):
            began = time.process_time()
            run(passes)
            seconds[passes].append(time.process_time() - began)
        return min(seconds[200]) / min(seconds[1])

    assert growth(ours.run) > 3 * growth(lambda passes: naive(state, passes).block_until_ready())


def test_trap_folding_one_element_only():
    loop = compile_loop(mlp, MLP, RING, pass_s=0.001, fold=lambda outputs: checksum(outputs[0, 0]))
    with pytest.raises(MeterError, match="checksum"):
        checksum_gate(loop)


def test_the_checksum_is_the_plain_sum_of_squares():
    loop = compile_loop(mlp, MLP, RING, pass_s=0.001)
    x = np.asarray(RING, np.float64).reshape(4, BATCH, 64) / 255
    outputs = np.maximum(x @ np.asarray(MLP[0], np.float64), 0) @ np.asarray(MLP[1], np.float64)
    assert loop.steps % 4 == 0
    assert loop.run(1) == pytest.approx(loop.steps / 4 * np.square(outputs).sum(), rel=1e-3)
    assert loop.run(3) == pytest.approx(3 * loop.run(1), rel=1e-3)


def test_every_leaf_and_type_is_folded():
    outputs = {
        "logits": jnp.array([1.0, -2.0], jnp.bfloat16),
        "token": jnp.array([3]),
        "flag": jnp.array([True]),
    }
    assert float(checksum(outputs)) == 1 + 4 + 9 + 1
    assert float(checksum(jnp.array([3 + 4j]))) == pytest.approx(25)


def test_low_precision_is_named():
    def cast(state, batch):
        return mlp([w.astype(jnp.bfloat16).astype(jnp.float32) for w in state], batch), jnp.dot(
            *[w[0, :4].astype(jnp.bfloat16) for w in state]
        )

    assert compile_loop(cast, MLP, RING, pass_s=0.001).precision == "bfloat16+float32"


def test_outputs_that_are_not_finite_are_no_measurement():
    with pytest.raises(MeterError, match="not finite"):
        energy(lambda state, batch: jnp.log(-1 - mlp(state, batch) ** 2), MLP)


def test_a_pytree_ring():
    ring = {"image": RING, "mask": jnp.ones((4, BATCH))}
    figure = energy(lambda state, batch: mlp(state, batch["image"]) * batch["mask"][:, None], MLP, ring)
    assert figure.per_sample_j > 0


@pytest.mark.parametrize(
    ("ring", "batch_size", "said"),
    [
        (RING[:1], BATCH, "ring of one batch"),
        (RING, 64, "batch_size says 64"),
        ([RING, RING[:2]], BATCH, "agree in their first two sizes"),
        ((), BATCH, "A ring is arrays"),
    ],
)
def test_a_ring_that_is_none(ring, batch_size, said):
    with pytest.raises(InputError, match=said):
        energy(mlp, MLP, ring, batch_size=batch_size)


def test_a_function_without_outputs():
    with pytest.raises(InputError, match="no arrays"):
        energy(lambda state, batch: None, MLP)


def test_ratio_gate_tries_again_on_a_noisy_host():
    calls = []

    def timed(passes):
        calls.append(passes)
        return passes + (5.0 if len(calls) <= 6 else 0.0)

    assert ratio_gate(timed, passes=1) == pytest.approx(2)
    assert max(calls) == 4
    with pytest.raises(MeterError, match="removed work"):
        ratio_gate(lambda passes: 1.0, passes=1)


def test_faster_than_the_device_is_no_measurement():
    assert roofline_gate(call_s=1e-3, flops=1e9, peak_flops=2e12) == 0.5
    with pytest.raises(MeterError, match="work is missing"):
        roofline_gate(call_s=1e-6, flops=1e9, peak_flops=2e12)


@pytest.mark.parametrize(("wanted", "steps"), [(0.01, 2), (3, 3), (8, 8), (9, 16), (1e9, MAX_STEPS)])
def test_a_pass_is_whole_turns_of_the_ring(wanted, steps):
    assert _steps(wanted, batches=8) == steps


def board(power_w, *, fail_at_s=float("inf")):
    """Readings every 10 ms of a counter that ticks every 100 ms."""
    for k in range(100_000):
        if k / 100 > fail_at_s:
            yield MeterError("The driver is gone.")
        yield k / 100, power_w * (k // 10) / 10


@pytest.fixture(scope="module")
def loop():
    return compile_loop(mlp, MLP, RING, pass_s=0.005)


def test_a_ticking_meters_joules_are_power_times_time(loop):
    sample = ticking_window(ReplayMeter(board(300.0), tick_s=0.1), loop, 1, 1.0)
    assert sample.call_j == pytest.approx(300 * sample.call_s)
    assert sample.seconds >= 1.0
    assert not [thread for thread in threading.enumerate() if thread.name == "ecojax-ticks"]


def test_a_meter_that_fails_inside_a_window_leaves_no_thread(loop):
    with pytest.raises(MeterError, match="driver is gone"):
        ticking_window(ReplayMeter(board(300.0, fail_at_s=0.5), tick_s=0.1), loop, 1, 1.0)
    assert not [thread for thread in threading.enumerate() if thread.name == "ecojax-ticks"]


def test_the_whole_protocol_on_a_ticking_meter():
    figure = energy(mlp, MLP, meter=ReplayMeter(board(300.0), tick_s=0.1), window_s=0.5, warm_up_s=0.0)
    assert figure.per_sample_j > 0
    assert figure.provenance.by == "replayed readings"


def test_a_meter_that_counts_nothing_is_no_measurement():
    idle = ReplayMeter((k, 1.0) for k in range(1000))
    with pytest.raises(MeterError, match="cannot be right"):
        energy(mlp, MLP, meter=idle)
