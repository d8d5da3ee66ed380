"""The accelerator's benchmark: its arithmetic, what it keeps, and that its programs run (here on a CPU, tiny)."""

import json
import sys
from importlib import util
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.accelerator import board, epoch
from benchmarks.kept import Kept
from ecojax.models.known import known_beforehand

ROOT = Path(__file__).parents[2]
VERSIONS = {"jax": "0.11.2"}


def script(name: str):
    spec = util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_utilisation_counts_one_view_of_six():
    size = epoch.SIZES["quick"]
    program, _ = epoch.program_of(size, "float32")
    six = known_beforehand(program.network, size["batch"])["flops"]
    # and the mean over six views of ten logits
    assert six == pytest.approx(6 * epoch.flops_of_one_view(program.network, size["batch"]) + 2 * 6 * 10)
    # 0.1 GFLOP a view, 50,000 images in 10 s: forward and backward are three times the forward pass
    assert epoch.model_flop_per_s(1e8, 50_000, 10.0) == pytest.approx(1.5e12)


def test_busy_is_training_and_metering_over_wall():
    account = {"training": 60.0, "metering": 20.0, "waiting for compilation": 15.0, "the rest": 5.0}
    assert script("benchmark_accelerator").busy(account) == pytest.approx(0.8)


def test_a_part_is_on_disk_at_once_and_is_not_measured_twice(tmp_path):
    kept = Kept(tmp_path, "accelerator", "NVIDIA H100 80GB HBM3", VERSIONS, quick=False)
    assert not kept.done("digits")
    kept.save("digits", {"seconds": 1.0})
    assert kept.path.name == "accelerator-nvidia-h100-80gb-hbm3.json"
    assert json.loads(kept.path.read_text())["parts"]["digits"]["result"] == {"seconds": 1.0}
    again = Kept(tmp_path, "accelerator", "NVIDIA H100 80GB HBM3", VERSIONS, quick=False)
    assert again.done("digits")
    again.save("ecopt", {"trials": 3}, finished=False)
    assert not again.done("ecopt")
    assert again.result("ecopt") == {"trials": 3}  # to go on with
    assert [file.name for file in tmp_path.iterdir()] == [kept.path.name]


def test_a_part_of_other_versions_or_of_a_smoke_run_does_not_count(tmp_path):
    Kept(tmp_path, "accelerator", "cpu", VERSIONS, quick=False).save("digits", {})
    assert not Kept(tmp_path, "accelerator", "cpu", {"jax": "0.12"}, quick=False).done("digits")
    assert not Kept(tmp_path, "accelerator", "cpu", VERSIONS, quick=True).done("digits")


def test_a_figure_that_is_no_number_leaves_the_file_as_it_was(tmp_path):
    kept = Kept(tmp_path, "accelerator", "cpu", VERSIONS, quick=False)
    kept.save("digits", {"seconds": 1.0})
    before = kept.path.read_text()
    with pytest.raises(ValueError, match="JSON"):
        kept.save("meter", {"tick_s": float("nan")})
    assert kept.path.read_text() == before


def test_a_child_that_fails_is_noted_and_ends_nothing():
    found = board.answer(board.child("-c", "import sys; sys.exit('unknown flag')"))
    assert found == {"error": "unknown flag"}


def test_the_meter_is_read_in_a_process_of_its_own():
    found = board.meter("cpu", "quick", "float32")
    assert 0 < found["read_us_median"] <= found["read_us_max"]


@pytest.mark.slow
def test_the_epochs_of_processes_side_by_side_begin_together():
    found = board.side_by_side("cpu", "quick", "float32")
    assert all(found[processes]["images_per_s"] > 0 for processes in ("1", "2")), found
