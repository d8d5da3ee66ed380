"""The memory that is left, in trees as kernels show them: hosts, containers, and jobs below the root of the groups."""

from pathlib import Path

import pytest

from ecojax.memory import available_memory_bytes

HOST = 8_000_000 * 1024
UNLIMITED_V1 = 0x7FFFFFFFFFFFF000  # what the kernel writes in place of "no limit"


class Host:
    """Files under `proc` and `groups`, as the kernel of a host lays them out."""

    def __init__(self, folder: Path):
        self.proc, self.groups = folder / "proc", folder / "cgroup"
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "meminfo").write_text(
            f"MemTotal: 9000000 kB\nMemFree: 1 kB\nMemAvailable:    {HOST // 1024} kB\nHugePages_Total: 0\n"
        )

    def member(self, *lines: str) -> "Host":
        """What /proc/self/cgroup says."""
        (self.proc / "self" / "cgroup").write_text("".join(f"{line}\n" for line in lines))
        return self

    def v2(self, path: str, limit: object, used: int = 0, *, cached: int = 0, **others: object) -> "Host":
        stat = f"anon 500\nfile {cached}\ninactive_file {cached}\nactive_file 7"
        self._write(path, {"max": limit, "current": used, "stat": stat, **others})
        return self

    def v1(self, path: str, limit: int, used: int, *, cached: int = 0, above: int = UNLIMITED_V1) -> "Host":
        stat = f"cache 1\ninactive_file 3\nhierarchical_memory_limit {above}\ntotal_inactive_file {cached}"
        self._write(f"memory/{path}", {"limit_in_bytes": limit, "usage_in_bytes": used, "stat": stat})
        return self

    def _write(self, path: str, files: dict[str, object]) -> None:
        folder = self.groups / path
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / f"memory.{name}").write_text(f"{content}\n")

    @property
    def available(self) -> int | None:
        return available_memory_bytes(self.proc, self.groups)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_without_control_groups_the_host_counts(host: Host) -> None:
    assert host.available == HOST
    assert host.member("0::/user.slice").available == HOST  # nothing is mounted
    assert host.member("garbage", "1:name=systemd:/", "").available == HOST


def test_a_container_of_version_2_has_what_its_group_leaves(host: Host) -> None:
    host.member("0::/").v2("", 1000, 600, cached=100)
    assert host.available == 500
    assert host.v2("", "max", 600).available == HOST


def test_a_container_of_version_1_has_what_its_group_leaves(host: Host) -> None:
    host.member("12:cpu,cpuacct:/docker/77", "4:memory:/docker/77", "1:name=systemd:/docker/77")
    host.v1("", 1000, 600, cached=100)  # the folder of the host's path is not there to see
    assert host.available == 500
    assert host.v1("", UNLIMITED_V1, 600).available == HOST


def test_the_limit_of_a_slurm_job_above_the_step_counts(host: Host) -> None:
    job = "system.slice/slurmstepd.scope/job_77"
    host.member(f"0::/{job}/step_0/user/task_0")
    for path in ("system.slice", "system.slice/slurmstepd.scope", job, f"{job}/step_0", f"{job}/step_0/user"):
        host.v2(path, "max", 10**9)
    host.v2(f"{job}/step_0/user/task_0", "max", 50).v2(job, 1000, 600, cached=100)
    assert host.available == 500


def test_the_limit_of_a_version_1_job_below_the_root_counts(host: Host) -> None:
    host.member("4:memory:/slurm/uid_1000/job_77/step_0")
    host.v1("", UNLIMITED_V1, 10**12).v1("slurm/uid_1000/job_77", 1000, 600)
    host.v1("slurm/uid_1000/job_77/step_0", UNLIMITED_V1, 600)
    assert host.available == 400


def test_a_limit_above_what_a_container_of_version_1_sees_counts(host: Host) -> None:
    host.member("4:memory:/").v1("", UNLIMITED_V1, 600, above=1000)
    assert host.available == 400


def test_the_tightest_of_several_limits_counts(host: Host) -> None:
    host.member("0::/a/b").v2("a", 5000, 4000).v2("a/b", 2000, 1500)
    assert host.available == 500
    host.v2("a", 5000, 4900)  # the neighbours in it have taken most
    assert host.available == 100


@pytest.mark.parametrize("version", ["memory", "unified"])
def test_a_host_of_both_versions_is_asked_for_both(host: Host, version: str) -> None:
    host.member("4:memory:/job", "0::/job")
    host.v1("job", 1000 if version == "memory" else UNLIMITED_V1, 600)
    host.v2("unified/job", 1000 if version == "unified" else "max", 600)
    assert host.available == 400


def test_where_the_kernel_begins_to_hold_a_group_up_is_a_limit(host: Host) -> None:
    assert host.member("0::/job").v2("job", "max", 600, high=1000).available == 400
    assert host.v2("job", 2000, 600, high="max").available == 1400


def test_a_group_outside_of_the_mount_is_not_looked_for_elsewhere(host: Host) -> None:
    host.member("0::/../../job").v2("", 1000, 600)
    host.v2("../../job", 1, 0)
    assert host.available == 400


def test_a_group_over_its_limit_leaves_nothing(host: Host) -> None:
    assert host.member("0::/").v2("", 1000, 1200).available == 0


def test_a_limit_without_figures_of_use_is_a_bound_all_the_same(host: Host) -> None:
    host.member("0::/job")
    (host.groups / "job").mkdir(parents=True)
    (host.groups / "job" / "memory.max").write_text("1000\n")
    assert host.available == 1000


def test_data_and_trials_read_the_same_figure() -> None:
    from ecojax.data import memory as of_data
    from ecojax.train import memory as of_trials

    assert of_data.available_memory_bytes is of_trials.available_memory_bytes is available_memory_bytes
    assert 0 < (available_memory_bytes() or 1) < 2**50
