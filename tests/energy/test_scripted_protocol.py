"""The protocol on scripted devices, whose truth is written down: accuracy, rejection, faults. No test here waits."""

import math
import random
import statistics
import threading
from dataclasses import replace

import pytest

from ecojax.energy import calibrate
from ecojax.energy.calibration import mean_power
from ecojax.energy.conditions import Conditions
from ecojax.energy.interleave import Work, interleave, without_drift
from ecojax.energy.meters.scripted import Fault, ScriptedDevice, ScriptedLoad
from ecojax.energy.readings import PowerReading
from ecojax.energy.sampling import Sample, sample, ticking_window
from ecojax.energy.stopping import judge
from ecojax.energy.traces import PowerTrace, TickTrace
from ecojax.errors import MeterError

CALL_S, WATTS = 1.37e-3, 300.0
TRUTH_J = CALL_S * WATTS


def samples(device, load=None, **options):
    options = {
        "passes": 15, "window_s": 1.0, "target": 0.05, "max_windows": 20, "max_seconds": math.inf,
        "reference": Conditions(), "host": device.host,
    } | options  # fmt: skip
    return sample(device.meter(), load or device.load(CALL_S, WATTS, steps=10), **options)


def spread(window_s, draws=200):
    """Relative standard deviation of one window, over phases of tick and poll that have no relation to it."""
    figures = []
    for seed in range(draws):
        phase = random.Random(seed).random()
        device = ScriptedDevice(phase_s=0.1 * phase, seed=seed)
        device.sleep(phase)
        load = device.load(CALL_S, WATTS, steps=10)
        figures.append(ticking_window(device.meter(), load, 15, window_s, device.host).call_j / TRUTH_J)
    assert statistics.fmean(figures) == pytest.approx(1, abs=2e-4)
    return statistics.stdev(figures)


@pytest.mark.parametrize(("window_s", "bar"), [(1.0, 2e-3), (5.0, 5e-4)])
def test_a_window_between_ticks_is_free_of_the_ticks(window_s, bar):
    assert spread(window_s) < bar


def test_a_figure_is_the_truth_on_a_steady_device():
    found = samples(ScriptedDevice())
    assert found.verdict.mean == pytest.approx(TRUTH_J, rel=2e-3)
    assert found.rejected == {}
    assert found.verdict.converged


@pytest.mark.parametrize("noise", [0.01, 0.04, 0.08])
def test_intervals_cover_the_truth(noise):
    """The stopping rule's bias included: 93 to 97 % of 1,000 traces."""
    covered = 0
    for seed in range(1000):
        tick_noise = noise * math.sqrt(10.5)  # a window has ten ticks or eleven
        device = ScriptedDevice(phase_s=0.1 * random.Random(-seed).random(), noise=tick_noise, seed=seed)
        device.sleep(random.Random(-seed).random())
        mean, half_width, *_ = samples(device).verdict
        covered += abs(mean - TRUTH_J) <= half_width
    assert 930 <= covered <= 970


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (Conditions(processes=frozenset({4711})), "another process appeared"),
        (
            Conditions(throttled=frozenset({"hardware thermal slowdown"})),
            "throttled (hardware thermal slowdown)",
        ),
        (Conditions(clock_mhz=1900.0), "clock shift above 2%"),
    ],
)
def test_disturbed_windows_are_thrown_away_and_said_so(changed, reason):
    """Power is doubled for as long as the disturbance lasts, and the figure does not move."""
    usual = Conditions(clock_mhz=1980.0)
    disturbed = replace(usual, **{k: v for k, v in vars(changed).items() if v})

    def holds(time_s):
        return 2 < time_s < 6

    device = ScriptedDevice(
        conditions=lambda t: disturbed if holds(t) else usual, shape=lambda t: 2.0 if holds(t) else 1.0
    )
    found = samples(device, target=1e-9, max_windows=8, reference=usual)
    assert set(found.rejected) == {reason}
    assert found.rejected[reason] >= 3
    assert found.verdict.mean == pytest.approx(TRUTH_J, rel=2e-3)


def test_a_steady_power_cap_is_the_boards_working_point():
    capped = Conditions(throttled=frozenset({"software power cap"}))
    device = ScriptedDevice(conditions=lambda t: capped)
    assert samples(device, reference=capped).rejected == {}
    assert samples(ScriptedDevice(conditions=lambda t: capped if t < 3 else Conditions())).rejected


def test_where_every_window_is_disturbed_there_is_no_figure():
    device = ScriptedDevice(conditions=lambda t: Conditions(throttled=frozenset({"board limit"})))
    with pytest.raises(MeterError, match=r"only 0 could be used.*throttled \(board limit\) \(20 ×\)"):
        samples(device)


@pytest.mark.parametrize(
    "fault",
    [Fault("reset", 2.5), Fault("stall", 2.0, 9.0), Fault("gone", 2.0, 2.6), Fault("dropped", 1.0, 4.0)],
    ids=lambda fault: fault.kind,
)
def test_a_passing_fault_costs_windows_and_not_the_figure(fault):
    found = samples(ScriptedDevice(faults=[fault]), target=1e-9, max_windows=8)
    assert found.verdict.mean == pytest.approx(TRUTH_J, rel=2e-3)
    if fault.kind == "dropped":  # ticks that never come make windows longer, not wrong
        assert found.rejected == {}
    else:
        assert set(found.rejected) == {"counter fault"}


def test_a_counter_that_wraps_is_a_fault_and_never_negative():
    found = samples(ScriptedDevice(wrap_j=700.0), target=1e-9, max_windows=6)
    assert found.rejected["counter fault"] >= 1
    assert all(window.call_j > 0 for window in found.windows)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("gone", 2.0), "driver is gone"),
        (Fault("stall", 2.0), "stalls"),
        (Fault("unsupported", 0.0), "no energy counter"),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_lasting_fault_is_an_error_that_says_which(fault, said):
    with pytest.raises(MeterError, match=said):
        samples(ScriptedDevice(faults=[fault]))


def test_a_closed_meter_reads_no_more():
    meter = ScriptedDevice().meter()
    with meter:
        meter.read()
    with pytest.raises(MeterError, match="closed"):
        meter.read()


@pytest.mark.parametrize("tracer", [TickTrace, PowerTrace])
def test_ctrl_c_in_a_window_leaves_no_thread(tracer):
    class Interrupted:
        steps = 1

        def run(self, passes):
            raise KeyboardInterrupt

    device = ScriptedDevice()
    with pytest.raises(KeyboardInterrupt), tracer(device.meter()):
        Interrupted().run(1)
    with pytest.raises(KeyboardInterrupt):
        ticking_window(device.meter(), Interrupted(), 1, 1.0)
    assert not [thread for thread in threading.enumerate() if thread.name == "ecojax-ticks"]


def test_calibration_finds_tick_idle_and_the_cost_of_watching():
    device = ScriptedDevice(tick_s=0.02, phase_s=0.007, idle_w=70.0, poll_w=2.0)
    found = calibrate(device.meter(), host=device.host)
    assert found.tick_s == pytest.approx(0.02, rel=0.06)  # a poll is a millisecond
    assert found.idle_w == pytest.approx(70, rel=0.01)
    assert found.polling_w == pytest.approx(2, abs=0.5)
    assert found.measuring_share(300.0, 1.0) == pytest.approx(2 / 300, rel=0.25)
    assert found.counter_over_integral is None


@pytest.mark.parametrize(("scale", "warned"), [(1.0, False), (0.97, False), (0.9, True)])
def test_the_counter_is_held_against_integrated_power(scale, warned):
    device = ScriptedDevice(power_scale=scale, shape=lambda t: 1 + 0.1 * math.sin(5 * t))
    load = device.load(CALL_S, WATTS, steps=10)
    found = calibrate(device.meter(), lambda: load.run(15), host=device.host)
    assert found.counter_over_integral == pytest.approx(1 / scale, rel=0.01)
    assert bool(found.notes) == warned


def test_mean_power_weighs_by_time():
    """A triangle of 0, 300, 0 W over 3 s: half of its peak."""
    assert mean_power([PowerReading(0, 0), PowerReading(1, 300), PowerReading(3, 0)]) == pytest.approx(150)


def drifting(seed):
    """5 % in the minute that a comparison takes; noise of a per cent besides."""
    return ScriptedDevice(
        phase_s=0.1 * random.Random(seed).random(),
        shape=lambda t: 1 + 0.05 * t / 60,
        block_noise=0.005,
        seed=seed,
    )


def test_interleaving_is_unbiased_under_drift():
    interleaved, in_turn = [], []
    for seed in range(30):
        device = drifting(seed)
        a, b = device.load(1e-3, 300.0, steps=10), device.load(2e-3, 200.0, steps=10)
        found = interleave(
            {"a": Work(a, 20), "b": Work(b, 10)}, Work(a, 20), device.meter(), window_s=1.0, target=1e-9,
            max_blocks=14, max_seconds=math.inf, seed=seed, host=device.host,
        )  # fmt: skip
        interleaved.append(found["b"].verdict.mean / found["a"].verdict.mean / (4 / 3) - 1)
        device = drifting(seed)
        means = [
            samples(device, device.load(call_s, watts, steps=10), target=1e-9).verdict.mean
            for call_s, watts in ((1e-3, 300.0), (2e-3, 200.0))
        ]
        in_turn.append(means[1] / means[0] / (4 / 3) - 1)
    assert abs(statistics.fmean(interleaved)) < 3e-3
    assert abs(statistics.fmean(in_turn)) > 1e-2  # the trap that it avoids


def test_contenders_may_have_clocks_of_their_own():
    """A large model at the board's power limit clocks lower than a small one; neither is disturbed."""
    clock = {"mhz": 1980.0}
    device = ScriptedDevice(conditions=lambda t: Conditions(clock_mhz=clock["mhz"]))

    class Clocked:
        steps = 10

        def __init__(self, mhz):
            self.mhz = mhz

        def run(self, passes):
            clock["mhz"] = self.mhz
            return device.load(CALL_S, WATTS, steps=10).run(passes)

    works = {"small": Work(Clocked(1980.0), 15), "large": Work(Clocked(1200.0), 15)}
    found = interleave(
        works, works["small"], device.meter(), window_s=1.0, target=0.05, max_blocks=8, max_seconds=math.inf,
        host=device.host,
    )  # fmt: skip
    assert [one.rejected for one in found.values()] == [{}, {}]


def test_a_straight_drift_is_divided_out_exactly():
    sentinel = [Sample(10 * (1 + 0.01 * t), 1.0, 1.0, t) for t in (0, 4, 8)]
    contender = [Sample(3 * (1 + 0.01 * t), 1.0, 1.0, t) for t in (1, 5, 6)]
    flat = [window.call_j for window in without_drift(contender, sentinel)]
    assert flat == pytest.approx([3 * 1.04] * 3)  # as in the middle of the sentinel's time
    assert without_drift(contender, sentinel[:2]) == contender


def test_an_interval_that_was_looked_at_again_is_wider():
    """Student's 4.303 for three windows as it is; 3.182 for four, times 1.4."""
    assert judge([1.0, 1.01, 1.02], target=0.05).half_width == pytest.approx(4.303 * 0.01 / 3**0.5, rel=1e-3)
    four = judge([1.0, 1.0, 1.02, 1.02], target=0.05)
    assert four.half_width == pytest.approx(1.4 * 3.182 * (4e-4 / 3) ** 0.5 / 2, rel=1e-3)
    assert not judge([1.0, 2.0], target=0.05, exhausted=True).stop  # two windows are no interval to speak of


def test_the_virtual_load_keeps_its_own_books():
    device = ScriptedDevice(tick_s=0.1, resolution_j=1e-6)
    load = ScriptedLoad(device, 0.5, 100.0)
    load.run(4)
    assert (device.time_s, device.true_j) == (2.0, pytest.approx(200.0))
    assert device.meter().read().energy_j == pytest.approx(200.0, abs=10.001)  # a tick at most behind
