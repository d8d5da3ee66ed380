"""Every meter of the shelf keeps to what `ecojax.testing` asks, where its instrument is a fake."""

import pytest
from fake_nvml import Board, FakeNvml, meter_on
from test_amd import FakeAmdsmi
from test_external import Logger
from test_hwmon import grace
from test_rapl import ZONES

from ecojax.energy.meters.hwmon import HwmonMeter
from ecojax.energy.meters.modeled import ModeledMeter
from ecojax.energy.meters.rapl import RaplMeter
from ecojax.energy.meters.shelf import METERS
from ecojax.energy.meters.tpu import TpuMeter
from ecojax.testing import check_meter


def rapl(root):
    for zone, (name, range_uj) in ZONES.items():
        folder = root / "class" / "powercap" / zone
        folder.mkdir(parents=True)
        for file, text in (("name", name), ("max_energy_range_uj", range_uj), ("energy_uj", 1_000_000)):
            (folder / file).write_text(f"{text}\n")
    return RaplMeter(root=root)


SCRIPTED = {
    "nvml": lambda root: meter_on(FakeNvml([Board("GPU-aaaa1111-22")])),
    "amd": lambda root: FakeAmdsmi().meter(),
    "rapl": rapl,
    "hwmon": lambda root: HwmonMeter(root=grace(root, "Module Power Socket 0")),
    "tpu": lambda root: TpuMeter("TPU v4"),
    "modeled": lambda root: ModeledMeter(10.0),
    "external": lambda root: Logger(root / "wall.csv", lambda t: 61.5).meter(),
}


@pytest.mark.parametrize("name", [*METERS, "external"])
def test_a_meter_of_a_fake_instrument(name, tmp_path):
    check_meter(SCRIPTED[name](tmp_path))
