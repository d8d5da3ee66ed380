import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads or writes the user's own datasets and cache, or asks a proxy for 127.0.0.1."""
    for variable in ("ECOJAX_DATA_DIR", "ECOJAX_MIRROR", "XDG_CACHE_HOME", "TFDS_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ECOJAX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


# Read at import, since the fixture above hides it from the tests.
DATA_DIR = Path(
    os.environ.get("ECOJAX_DATA_DIR") or Path(__file__).resolve().parents[2].parent / "shared/data/tfds"
)


@pytest.fixture(scope="session")
def cifar10_dir() -> Path:
    if not (DATA_DIR / "cifar10").is_dir():
        pytest.skip(f"no prepared cifar10 in {DATA_DIR}; set ECOJAX_DATA_DIR to run this on real images")
    return DATA_DIR
