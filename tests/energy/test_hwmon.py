"""Supply rails on recorded sysfs trees of Jetson modules and Grace superchips: which are added, and what fails."""

import pytest

from ecojax.energy.meters.hwmon import HwmonMeter, rails, supplies
from ecojax.energy.provenance import Rank
from ecojax.energy.window import Window
from ecojax.errors import MeterError

# (label, mV, mA) of each INA3221 channel, as the modules show them
ORIN_NX = {"hwmon1": [("VDD_IN", 4952, 1504), ("VDD_CPU_GPU_CV", 4952, 400), ("VDD_SOC", 4952, 296)]}
AGX_ORIN = {
    "hwmon3": [("VDD_GPU_SOC", 20000, 200), ("VDD_CPU_CV", 20000, 100), ("VIN_SYS_5V0", 5000, 1000)],
    "hwmon4": [("NC", 0, 0), ("VDDQ_VDD2_1V8AO", 5000, 100), ("NC", 0, 0)],
}


def jetson(root, chips):
    for folder, channels in chips.items():
        place = root / "class" / "hwmon" / folder
        place.mkdir(parents=True)
        (place / "name").write_text("ina3221\n")
        (place / "in7_label").write_text("sum of shunt voltages\n")
        (place / "in7_input").write_text("1234\n")
        (place / "curr4_input").write_text("99999\n")
        for channel, (label, millivolts, milliamperes) in enumerate(channels, 1):
            (place / f"in{channel}_label").write_text(f"{label}\n")
            (place / f"in{channel}_input").write_text(f"{millivolts}\n")
            (place / f"curr{channel}_input").write_text(f"{milliamperes}\n")
    return root


def grace(root, *labels, microwatts=100_000_000):
    for number, label in enumerate(labels):
        place = root / "class" / "hwmon" / f"hwmon{number}"
        (place / "device").mkdir(parents=True)
        (place / "name").write_text("power_meter\n")
        (place / "device" / "power1_oem_info").write_text(f"{label}\n")
        (place / "device" / "power1_average").write_text(f"{microwatts}\n")
    return root


def watts(root):
    return sum(rail.read_w() for rail in supplies(rails(root)))


def test_a_module_with_a_rail_for_all_is_that_rail(tmp_path):
    assert watts(jetson(tmp_path, ORIN_NX)) == pytest.approx(4.952 * 1.504)


def test_a_module_without_is_the_sum_of_rails_that_do_not_feed_each_other(tmp_path):
    assert watts(jetson(tmp_path, AGX_ORIN)) == pytest.approx(4.0 + 2.0 + 5.0)


GRACE = [f"{part} Power Socket {k}" for k in (0, 1) for part in ("Grace", "CPU", "SysIO")]


def test_grace_hopper_is_its_modules_and_grace_its_sockets(tmp_path):
    assert watts(grace(tmp_path / "gh", *GRACE, "Module Power Socket 0", "Module Power Socket 1")) == 200.0
    assert watts(grace(tmp_path / "g", *GRACE)) == 200.0


def test_fans_batteries_and_unlabelled_sensors_are_no_rails(tmp_path):
    place = tmp_path / "class" / "hwmon" / "hwmon0"
    place.mkdir(parents=True)
    (place / "name").write_text("nvme\n")
    (place / "power1_input").write_text("5000000\n")
    (place / "power2_average").write_text("200000000\n")
    (place / "power2_label").write_text("PPT\n")  # of a Radeon
    assert rails(tmp_path) == []
    with pytest.raises(MeterError, match=r"neither a Jetson module nor a Grace superchip"):
        HwmonMeter(root=tmp_path)


def test_rails_are_integrated(tmp_path):
    with HwmonMeter(root=grace(tmp_path, "Module Power Socket 0", microwatts=451_000_000)) as meter:
        window = Window(meter.read_on_tick(), meter.read_on_tick())
        assert window.power_w == pytest.approx(451.0)
        assert window.seconds >= 0.9 * meter.tick_s
        assert meter.provenance.rank is Rank.SENSOR
        assert str(meter.provenance) == "measured (power sensors, integrated, Module Power Socket 0, ±5 %)"


def test_rails_that_vanish_or_are_closed(tmp_path):
    root = grace(tmp_path, "Grace Power Socket 0")
    file = root / "class" / "hwmon" / "hwmon0" / "device" / "power1_average"
    with HwmonMeter(root=root) as meter:
        meter.read_on_tick()
        file.write_text("")
        with pytest.raises(MeterError, match=r"Grace Power Socket 0.*power1_average, cannot be read"):
            read_on_ticks(meter, 10)
    file.unlink()
    file.mkdir()  # cannot be read, even by root
    with pytest.raises(MeterError, match="cannot be read"):
        HwmonMeter(root=root)


def read_on_ticks(meter, count):
    for _ in range(count):
        meter.read_on_tick()
