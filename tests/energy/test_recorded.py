"""Traces as files: what was recorded comes back, and what is no trace is refused."""

import json

import pytest

from ecojax.energy import measure
from ecojax.energy.meters.recorded import RecordingMeter, Trace, load_trace
from ecojax.energy.meters.scripted import SCRIPTED, ScriptedDevice
from ecojax.energy.readings import PowerReading, Reading
from ecojax.errors import InputError, MeterError

TRACE = Trace(
    [Reading(0.0, 1.0), Reading(0.1, 31.5), Reading(0.2, 62.25), Reading(0.3, 92.5)],
    SCRIPTED,
    0.1,
    [PowerReading(0.05, 300.0)],
    {"driver": "580.1"},
)


def test_json_brings_everything_back(tmp_path):
    TRACE.save(tmp_path / "trace.json")
    assert load_trace(tmp_path / "trace.json") == TRACE


def test_csv_brings_the_readings_back_and_says_no_more_than_it_knows(tmp_path):
    TRACE.save(tmp_path / "trace.csv")
    found = load_trace(tmp_path / "trace.csv")
    assert list(found.readings) == list(TRACE.readings)
    assert found.provenance.kind == "modeled"


def test_a_replayed_trace_meters_and_then_ends():
    meter = TRACE.meter()
    with measure(meter) as window:
        pass
    assert (window.joules, window.seconds) == (61, pytest.approx(0.2))  # from the second reading to the last
    with pytest.raises(MeterError, match="at its end"):
        meter.read()


def test_recording_passes_everything_through_and_keeps_each_change_once():
    device = ScriptedDevice(idle_w=50.0, power_scale=1.0, phase_s=0.05)
    with RecordingMeter(device.meter()) as meter:
        for _ in range(40):
            device.sleep(0.01)
            meter.read()
            meter.read_power()
        trace = meter.trace(driver="none")
    assert [reading.energy_j for reading in trace.readings] == pytest.approx(
        [0, 2.5, 7.5, 12.5, 17.5], abs=2e-3
    )
    assert [power.watts for power in trace.powers] == [50.0] * 4
    assert trace.details == {"driver": "none"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "seconds,joules\n1,2\n", "time_s,energy_j"),
        ("a.csv", "time_s,energy_j\n1,two\n", "damaged"),
        ("a.csv", "time_s,energy_j\n1,2\n0,3\n", "time runs backwards"),
        ("a.csv", "time_s,energy_j\n1,nan\n", "not finite"),
        ("a.json", "[1, 2]", "no ecojax-trace"),
        ("a.json", '{"format": "ecojax-trace", "version": 1}', "damaged"),
        ("a.json", json.dumps({"format": "ecojax-trace", "version": 2}), "version 1"),
        ("a.json", "{", "damaged"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said):
        load_trace(tmp_path / name)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot read the trace"):
        load_trace(tmp_path / "none.json")
    with pytest.raises(InputError, match=r"\.json or \.csv"):
        TRACE.save(tmp_path / "trace.txt")
