"""Power gauges as energy counters: closed forms of the integral, gaps, dropped samples, failing gauges, threads."""

import math
import threading
import time

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecojax.energy import per_inference
from ecojax.energy.meters.sampled import PowerIntegral, SampledMeter
from ecojax.energy.provenance import Provenance, Rank
from ecojax.energy.readings import PowerReading
from ecojax.energy.window import Window
from ecojax.errors import MeterError

SAMPLED = Provenance("measured", "a gauge", "a board", 5.0, Rank.SAMPLED_POWER)
steps = st.floats(1e-3, 1.0)
watts = st.floats(0.0, 1e3)


def integrate(samples, max_gap_s=math.inf):
    integral = PowerIntegral(max_gap_s)
    return [integral.add(PowerReading(*sample)) for sample in samples]


@given(st.lists(steps, min_size=2, max_size=30), st.floats(0, 500), st.floats(0, 50), st.floats(-1e6, 1e6))
def test_linear_power_is_integrated_exactly_at_any_spacing(spacing, start_w, slope, origin_s):
    times = [sum(spacing[:k]) for k in range(len(spacing))]
    readings = integrate([(origin_s + t, start_w + slope * t) for t in times])
    for reading, t in zip(readings, times, strict=True):
        assert reading.energy_j == pytest.approx(start_w * t + slope * t * t / 2, rel=1e-6, abs=1e-4)


@given(st.lists(st.tuples(steps, watts), min_size=3, max_size=30), st.data())
def test_the_integral_is_additive_and_never_falls(samples, data):
    times = [sum(step for step, _ in samples[: k + 1]) for k in range(len(samples))]
    readings = integrate([(t, w) for t, (_, w) in zip(times, samples, strict=True)])
    middle = data.draw(st.integers(1, len(readings) - 2))
    first, second = Window(readings[0], readings[middle]), Window(readings[middle], readings[-1])
    assert first.joules >= 0
    assert second.joules >= 0
    assert first.joules + second.joules == pytest.approx(Window(readings[0], readings[-1]).joules)


def test_a_sample_seen_again_changes_nothing():
    assert integrate([(0, 10), (1, 10), (1, 10), (0.5, 99), (2, 30)])[-1] == (2, 30.0)


def test_a_dropped_sample_is_bridged_and_a_gap_is_not():
    assert integrate([(0, 10), (0.1, 10), (0.9, 20)], max_gap_s=1.0)[-1].energy_j == pytest.approx(13)
    with pytest.raises(MeterError, match=r"no sample for 1\.1 s.*unknown"):
        integrate([(0, 10), (1.1, 10)], max_gap_s=1.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_what_is_no_power_is_refused(value):
    with pytest.raises(MeterError, match="no power"):
        integrate([(0, value)])


class Gauge:
    """A gauge of constant power that takes a sample every ten milliseconds, until it is told to fail."""

    def __init__(self, watts=50.0):
        self.watts, self.closed, self.answer = watts, 0, None

    def __call__(self):
        if self.answer is not None:
            return self.answer()
        return PowerReading(time.perf_counter() // 0.01 * 0.01, self.watts)

    def close(self):
        self.closed += 1

    def meter(self, **options):
        options = {"tick_s": 0.01, "max_gap_s": 0.5, "name": "The gauge"} | options
        return SampledMeter(self, provenance=SAMPLED, close_source=self.close, **options)


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "ecojax-power"]


def test_constant_power_and_a_thread_that_starts_late_and_ends_surely():
    gauge = Gauge(50.0)
    with gauge.meter() as meter:
        assert not threads()
        start = meter.read_on_tick()
        assert len(threads()) == 1
        time.sleep(0.1)
        window = Window(start, meter.read_on_tick())
        assert window.power_w == pytest.approx(50.0)
        assert window.seconds >= 0.089  # the first sample may have been taken a tick before it was seen
    assert not threads()
    meter.close()
    assert gauge.closed == 1
    with pytest.raises(MeterError, match="closed"):
        meter.read()


def test_a_device_at_rest_ticks_too():
    with Gauge(0.0).meter() as meter:
        first = meter.read_on_tick()
        assert meter.read_on_tick().time_s > first.time_s


def tick_until_refused(meter):
    for _ in range(200):
        meter.read_on_tick()


def vanish():
    raise MeterError("the driver is gone")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (vanish, "the driver is gone"),
        (lambda: PowerReading(time.perf_counter() + 7, 50.0), "no sample for"),
        (lambda: PowerReading(0.0, 50.0), "no sample for more than"),
        (lambda: None, "no sample for more than"),
        (lambda: 1 / 0, "division by zero"),
    ],
    ids=["vanishes", "gap", "stalls", "drops", "bug"],
)
def test_a_gauge_that_fails_reaches_the_reader_and_is_never_zero(answer, said):
    gauge = Gauge()
    with gauge.meter() as meter:
        meter.read_on_tick()
        gauge.answer = answer
        with pytest.raises(MeterError, match=said):
            tick_until_refused(meter)
        with pytest.raises(MeterError, match=said):
            meter.read()
    assert not threads()
    assert gauge.closed == 1


def test_a_gauge_that_never_answers():
    gauge = Gauge()
    gauge.answer = lambda: None
    with gauge.meter() as meter, pytest.raises(MeterError, match="no sample"):
        meter.read()
    with gauge.meter() as meter, pytest.raises(MeterError, match="no sample"):
        meter.read_on_tick()


def test_the_protocol_finds_the_power_of_a_gauge():
    """Joules per sample of a device that draws 50 W whatever it does: 50 W times seconds per sample."""
    ring = jax.random.normal(jax.random.key(0), (4, 16, 32))
    weights = jax.random.normal(jax.random.key(1), (32, 32))
    with SampledMeter(
        lambda: PowerReading(time.perf_counter(), 50.0), provenance=SAMPLED, tick_s=0.01
    ) as meter:
        figure = per_inference(
            lambda w, x: jnp.tanh(x @ w),
            weights,
            ring,
            meter=meter,
            batch_size=16,
            confidence_target=0.3,
            window_s=0.2,
            warm_up_s=0.1,
        )
    assert figure.per_sample_j == pytest.approx(50 * figure.latency_s / 16, rel=0.1)
    assert figure.provenance == SAMPLED
