"""A device for each worker: which variables name it, and what is refused."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from ecojax.energy.boards import closed_boards
from ecojax.errors import InputError
from ecojax.execute import places as module
from ecojax.execute.places import places

CPU = {"JAX_PLATFORMS": "cpu"}
A, B, C = "GPU-aaaa-1", "GPU-aabb-2", "GPU-cccc-3"


class FakeNvml:
    """NVML of a host with boards of these UUIDs, all of one model unless told."""

    class NVMLError(Exception):
        pass

    def __init__(self, *uuids, names=None, driver=True, closed=()):
        self._boards = [
            SimpleNamespace(uuid=uuid, name=name)
            for uuid, name in zip(uuids, names or ["NVIDIA H200"] * len(uuids), strict=True)
        ]
        self._driver = driver
        self.open = 0
        self.nvmlInit = self._init
        self.nvmlShutdown = self._shutdown
        self.nvmlDeviceGetCount = lambda: len(self._boards)
        self.nvmlDeviceGetHandleByIndex = self._handle
        self._closed = closed  # numbers of boards that belong to other jobs
        self.nvmlDeviceGetUUID = lambda board: board.uuid
        self.nvmlDeviceGetName = lambda board: board.name

    def _init(self):
        if not self._driver:
            raise self.NVMLError("Driver Not Loaded")
        self.open += 1

    def _handle(self, index):
        if index in self._closed:
            raise self.NVMLError("Insufficient Permissions")
        return self._boards[index]

    def _shutdown(self):
        self.open -= 1


@pytest.fixture
def plugins(monkeypatch):
    """The plugins of JAX that are installed; none at first."""
    installed = set()
    monkeypatch.setattr(module, "find_spec", lambda name: object() if name in installed else None)
    for variable in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "JAX_PLATFORMS"):
        monkeypatch.delenv(variable, raising=False)
    return installed


def pinned(environments) -> list[str]:
    for environment in environments:
        assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
        assert environment["JAX_PLATFORMS"].split(",") == ["cuda", "cpu"]
    return [environment["CUDA_VISIBLE_DEVICES"] for environment in environments]


def test_as_many_workers_as_asked_for_share_a_cpu(plugins):
    plugins.add("jax_cuda12_plugin")
    assert places("cpu", None, nvml=FakeNvml(A)) == [CPU]
    assert places("cpu", 3, nvml=FakeNvml(A)) == [CPU] * 3


def test_each_gpu_has_a_worker(plugins):
    plugins.add("jax_cuda13_plugin")
    nvml = FakeNvml(A, B, C)
    assert pinned(places("auto", None, nvml=nvml)) == [A, B, C]
    assert pinned(places("gpu", 2, nvml=nvml)) == [A, B]
    assert nvml.open == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2,0", [C, A]),
        (f"{B}, {A}", [B, A]),
        ("GPU-c,MIG-5a5a,1", [C, "MIG-5a5a", B]),
        ("1,7,0", [B]),  # CUDA stops at what it does not know
        ("1,-1,0", [B]),
        ("1,GPU-aa", [B]),  # nor at what two boards begin with
    ],
)
def test_only_the_visible_gpus_count_in_their_order(plugins, monkeypatch, value, expected):
    plugins.add("jax_cuda12_plugin")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert pinned(places("gpu", None, nvml=FakeNvml(A, B, C))) == expected


def test_indices_of_boards_that_differ_are_refused_unless_their_order_is_known(plugins, monkeypatch):
    plugins.add("jax_cuda12_plugin")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    nvml = FakeNvml(A, B, names=["NVIDIA H200", "NVIDIA T4"])
    with pytest.raises(InputError, match="CUDA_DEVICE_ORDER=PCI_BUS_ID"):
        places("gpu", None, nvml=nvml)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert pinned(places("gpu", None, nvml=nvml)) == [B]


def test_boards_of_other_jobs_have_no_worker_and_no_number(plugins, monkeypatch):
    plugins.add("jax_cuda12_plugin")
    nvml = FakeNvml(A, B, C, names=["NVIDIA T4", "NVIDIA H200", "NVIDIA H200"], closed=[0])
    assert pinned(places("auto", None, nvml=nvml)) == [B, C]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")  # as Slurm counts within a job
    assert pinned(places("gpu", None, nvml=nvml)) == [C]
    with pytest.raises(InputError, match="1 visible GPU; NVML's GPU 0 does not answer"):
        places("gpu", 2, nvml=nvml)
    assert nvml.open == 0


def test_a_host_whose_boards_are_all_closed_says_so(plugins):
    plugins.add("jax_cuda12_plugin")
    nvml = FakeNvml(A, B, closed=[0, 1])
    with pytest.raises(
        InputError, match=r"device='gpu' .* may open; NVML's GPU 0 does not answer \(Insufficient"
    ):
        places("gpu", None, nvml=nvml)
    assert places("auto", 2, nvml=nvml) == [CPU] * 2
    assert len(closed_boards(nvml)) == 2


def test_more_workers_than_gpus_are_refused(plugins):
    plugins.add("jax_cuda12_plugin")
    for device in ("auto", "gpu"):
        with pytest.raises(InputError, match=r"workers=3 .* 2 visible GPUs"):
            places(device, 3, nvml=FakeNvml(A, B))


def test_auto_is_the_cpu_where_nothing_else_can_be_used(plugins, monkeypatch):
    assert places("auto", 2, nvml=FakeNvml(A)) == [CPU] * 2  # a GPU that this JAX cannot use
    plugins.add("jax_cuda12_plugin")
    assert places("auto", 2, nvml=FakeNvml(driver=False)) == [CPU] * 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert places("auto", 2, nvml=FakeNvml(A)) == [CPU] * 2
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert places("auto", 2, nvml=FakeNvml(A)) == [CPU] * 2


@pytest.mark.parametrize(("device", "plugin"), [("tpu", "libtpu"), ("gpu", "jax_rocm7_plugin")])
def test_what_jax_finds_by_itself_has_one_worker_without_a_pin(plugins, device, plugin):
    plugins.add(plugin)
    for asked in (device, "auto"):
        assert places(asked, None) == [{}]
        with pytest.raises(InputError, match="workers=2"):
            places(asked, 2)


@pytest.mark.parametrize("device", ["gpu", "tpu"])
def test_a_device_that_is_not_there_is_refused(plugins, device):
    with pytest.raises(InputError, match=f"device='{device}'"):
        places(device, None, nvml=FakeNvml(A))


def test_no_workers_are_refused(plugins):
    with pytest.raises(InputError, match="workers=0"):
        places("cpu", 0)


def test_the_room_is_entered_without_jax_numpy_and_ray():
    program = "; ".join(
        f"import ecojax.execute.{name}" for name in ("executor", "inline", "local", "worker", "ray", "places")
    )
    check = "import sys; print([m for m in ('jax', 'numpy', 'ray', 'ecojax.energy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", f"{program}; {check}"], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
