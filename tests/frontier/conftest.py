"""Small studies by hand, through the store that a search writes to."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ecojax.frontier import Study
from ecojax.study import Status, StudyStore
from ecojax.study.parts import parted

MODELED = "modeled (CPU time × 10 W per core, this process, ±30 %)"

MakeStudy = Callable[..., Study]


@pytest.fixture
def make_study(tmp_path: Path) -> MakeStudy:
    """`make_study(points, ...)`: a trial a row of `points`, each its objectives or None where the trial diverged."""

    def make(
        points: Sequence[Sequence[float] | None],
        objectives: Sequence[str] = ("accuracy", "energy_per_sample_j"),
        more: Mapping[str, float] | None = None,
        configurations: Sequence[Mapping[str, Any]] | None = None,
        **settings: Any,
    ) -> Study:
        folder = tmp_path / "digits-1"
        settings = {
            "dataset": "digits",
            "dataset_title": "Digits",
            "seed": 3,
            "inference_batch": 64,
        } | settings
        parts = parted({"objectives": list(objectives), **settings})
        with StudyStore.create(folder, parts["settings"], facts=parts["facts"]) as store:
            for name, value in parts["progress"].items():
                store.set(name, value, "progress")
            for id_, point in enumerate(points):
                configuration = configurations[id_] if configurations else {"family": "mlp", "width": 8 * id_}
                store.start(id_, configuration, origin="sobol", seed=id_)
                if point is None:
                    store.end(id_, Status.DIVERGED, error="the loss is not finite")
                    continue
                metrics = dict(zip(objectives, point, strict=True)) | dict(more or {})
                store.end(id_, Status.COMPLETE, metrics=metrics, provenance={"energy_per_sample_j": MODELED})
        return Study.open(folder)

    return make
