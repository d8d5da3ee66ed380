"""What the export of a task's models must keep to."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ecojax.energy.figure import Energy
from ecojax.energy.provenance import Provenance
from ecojax.export import export_trial, load
from ecojax.study import Status, Trial
from ecojax.study.declarations import RECORDS
from ecojax.tasks.descriptions import described_by, from_record
from ecojax.tasks.task import Arrays, Configuration, Inference, Task
from ecojax.testing.claim import require
from ecojax.testing.training import begun, compiled


def check_exporter(task: Task, *, model: Callable[..., Any] | None = None) -> None:
    """Trains the task's default candidate for two steps, exports it, loads it back and calls it.

    model: the function that builds the network, where that is a user's own.

    Raises `AssertionError` where the model that is loaded is not the one that was trained and whose inference is
    metered; what the task and its description raise passes.
    """
    import jax
    import numpy as np

    configuration = task.space.default()
    description = described_by(task, configuration)
    require(
        from_record(description.to_record()) == description,
        "the description is another once read back from its record",
    )
    candidate = task.candidate(configuration)
    training = candidate.training()
    if training is None:
        raise AssertionError("the candidate has no training, so there are no weights to export")
    compiled(training)
    state = begun(training)
    arrays, verdict = training.arrays(state), training.judge(state)
    inference = candidate.inference(arrays=arrays)
    if inference is None:
        raise AssertionError("the candidate has no inference, so an export has no energy to state")
    trial = _trial(configuration, verdict, inference)
    settings = {**task.facts(), RECORDS: [metric.to_record() for metric in task.metrics]}
    with TemporaryDirectory() as scratch:
        loaded = load(
            export_trial(description, trial, arrays, Path(scratch) / "model", settings=settings), model=model
        )
    require(loaded.description == description, "the description is another once loaded from its folder")
    _require_equal(loaded.network.to_arrays(loaded.weights), arrays)
    batch = jax.tree.map(lambda leaf: leaf[0], inference.ring)
    expected = np.asarray(jax.jit(inference.fn)(inference.state, batch))
    found = loaded(batch)
    require(
        found.shape == expected.shape and np.allclose(found, expected, rtol=1e-3, atol=1e-5),
        f"the model that was loaded gives {found[:1]} where the inference that is metered gives {expected[:1]}",
    )


def _require_equal(found: Arrays, stored: Arrays) -> None:
    import numpy as np

    require(found.keys() == stored.keys(), f"weights {sorted(found.keys() ^ stored.keys())} are lost, or new")
    for name, array in stored.items():
        require(np.array_equal(found[name], array), f"the weights {name} are others once loaded")


def _trial(configuration: Configuration, verdict: Mapping[str, float], inference: Inference) -> Trial:
    """A complete trial as a study holds it. Its joules are pretended; nothing is metered here."""
    energy = Energy(
        per_sample_j=1e-6,
        per_sample_ci95_j=1e-8,
        latency_s=1e-3,
        batch_size=inference.count,
        windows=3,
        seconds=1.0,
        spent_j=1.0,
        compile_s=0.0,
        provenance=Provenance("modeled", "nothing: a check of the export", "nothing", None),
        gates={},
        precision="float32",
        device="none",
        converged=True,
    )
    figure = f"energy_per_{inference.unit}_j"
    return Trial(
        id=0,
        status=Status.COMPLETE,
        configuration=dict(configuration),
        origin="default",
        seed=0,
        metrics={**verdict, figure: 1e-6, f"{figure}_ci95": 1e-8, "latency_ms": 1.0},
        details={"energy": energy.to_dict()},
    )
