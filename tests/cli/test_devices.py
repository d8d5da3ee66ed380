"""`ecojax devices`, on this host and on one whose meters are faked."""

import json

import jax
import pytest

from ecojax.energy.meters import shelf
from ecojax.energy.meters.cpu_watts import cpu_model
from ecojax.errors import MeterError


@pytest.fixture
def without_instruments(monkeypatch):
    def none_here(*_, **__):
        raise MeterError("none here, but `pip install '.[cuda]'` and /a/path/" + "long/" * 40)

    for name in ("NvmlMeter", "AmdMeter", "HwmonMeter", "RaplMeter"):
        monkeypatch.setattr(shelf, name, none_here)


def test_devices_as_json(ecojax):
    answer = ecojax("devices", "--json")
    assert answer.status == 0
    record = json.loads(answer.out)
    assert len(record["devices"]) >= jax.local_device_count()
    for device in record["devices"]:
        assert (device["auto"] is None) != (device["error"] is None)
    modeled = next(meter for meter in record["meters"] if meter["name"] == "modeled")
    assert (modeled["available"], modeled["rank"], modeled["label"]) == (True, 5, "modeled:watts-per-core")
    availability = [meter["available"] for meter in record["meters"]]
    assert availability == sorted(availability, reverse=True)


def test_devices_as_a_table(ecojax, without_instruments):
    answer = ecojax("devices")
    assert answer.status == 0
    here, missing = answer.out.split("Not here")
    assert cpu_model() in here
    assert "modeled (CPU time" in here
    assert "±30 %" in here
    assert "rapl" in missing
    assert ".[cuda]" in missing  # brackets are not markup
    assert "chmod o+r" in missing
    assert "…" not in answer.out
    assert max(map(len, answer.out.splitlines())) <= 120
