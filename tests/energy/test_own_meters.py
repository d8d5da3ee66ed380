"""Meters of a user's own: from a file, from an installed package, and one more on the shelf."""

from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from ecojax.energy import Provenance, Rank, Reading, open_meter
from ecojax.energy.meter import Meter
from ecojax.energy.meters import choose, shelf
from ecojax.errors import InputError
from ecojax.settings import SearchSettings

CPU = SimpleNamespace(platform="cpu")
PLUG = """
import time
from ecojax.energy import Meter, Provenance, Reading

class Plug(Meter):
    provenance = Provenance("modeled", "42 W while it runs", "the whole machine", None)
    tick_s = 0.0

    def read(self):
        return Reading(time.perf_counter(), 42.0 * time.perf_counter())

    def close(self):
        pass

class Half:
    tick_s = 0.0

def unplugged():
    raise OSError("no such plug")

NUMBER = 42
"""


class Plug(Meter):
    provenance = Provenance("measured", "a plug", "the whole machine", None, Rank.SENSOR)
    tick_s = 0.0

    def read(self) -> Reading:
        return Reading(0.0, 0.0)

    def close(self) -> None: ...


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUG)
    return path


def test_a_meter_of_a_file(file):
    with open_meter(f"{file}:Plug", device=CPU) as meter:
        assert str(meter.provenance).startswith("modeled (42 W while it runs")


def test_workers_are_told_where_the_file_lies(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert SearchSettings(meter="mine.py:Plug").meter == f"{file}:Plug"
    assert SearchSettings(meter="nvml").meter == "nvml"


@pytest.mark.parametrize(
    ("thing", "says"),
    [
        ("", "has no ''.*as in mine.py:Plug"),
        ("Socket", "has no 'Socket'"),
        ("NUMBER", "'NUMBER' of .* is 42"),
        ("Half", "no provenance and no read and no close; return an ecojax.energy.Meter"),
    ],
)
def test_what_gives_no_meter_is_refused(file, thing, says):
    with pytest.raises(InputError, match=says):
        open_meter(f"{file}:{thing}", device=CPU)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"is not there; name a file as in mine\.py:Plug"):
        open_meter(f"{tmp_path}/none.py:Plug", device=CPU)


def test_what_the_users_code_raises_is_the_users_own(file):
    with pytest.raises(OSError, match="no such plug"):
        open_meter(f"{file}:unplugged", device=CPU)


def test_a_meter_of_an_installed_package(monkeypatch):
    point = EntryPoint("plug", f"{__name__}:Plug", choose.GROUP)
    monkeypatch.setattr(choose, "entry_points", lambda group: [point] if group == "ecojax.meters" else [])
    assert isinstance(open_meter("plug", device=CPU), Plug)
    with pytest.raises(InputError, match=r"auto, nvml.*modeled, plug, external:FILE"):
        open_meter("socket", device=CPU)


def test_a_record_on_the_shelf_is_all_that_a_meter_needs(monkeypatch):
    from ecojax.energy import probe

    plug = shelf.Instrument("a plug", lambda device: Plug(), lambda device: True, Rank.SENSOR, "buy one")
    monkeypatch.setitem(choose.METERS, "plug", plug)
    assert isinstance(open_meter("plug", device=CPU), Plug)
    assert "plug" in choose.meters_of(CPU)
    assert next(finding for finding in probe(ticks=False) if finding.name == "plug").available
