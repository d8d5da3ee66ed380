from collections.abc import Callable
from pathlib import Path

import pytest

from ecojax.study import Status, StudyStore

SETTINGS = {"dataset": "digits", "seed": 7, "objectives": ["accuracy", "energy_per_sample_j"], "pi": 3.14}


@pytest.fixture
def settings() -> dict[str, object]:
    return dict(SETTINGS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed study with one complete, one failed and one running trial."""
    import numpy as np

    folder = tmp_path / "study"
    with StudyStore.create(folder, SETTINGS) as store:
        store.start(0, {"width": 8}, origin="default", seed=1)
        store.end(0, Status.COMPLETE, metrics={"accuracy": 0.5}, arrays={"dense/kernel": np.eye(3)})
        store.start(1, {"width": 16}, origin="sobol", seed=2)
        store.end(1, Status.OOM, error="no room")
        store.start(2, {"width": 24}, origin="sobol", seed=3)
    return folder


@pytest.fixture
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder with its bytes, but for the lock and SQLite's own two."""

    def read(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.endswith((".lock", "-wal", "-shm"))
        }

    return read
