"""What a task must keep to: the protocol of `ecojax.tasks.task`."""

import json
import math
from collections.abc import Mapping
from typing import Any

from ecojax.space import SearchSpace
from ecojax.study import Metric
from ecojax.tasks.task import Candidate, Configuration, Inference, Task, Training, quality
from ecojax.testing.claim import require
from ecojax.testing.training import begun, compiled


def check_task(task: Task) -> None:
    """Builds the task's default candidate, calls its inference, trains it for two steps and judges it.

    Raises `AssertionError` for what a search could not live with; what the task itself raises passes.
    """
    names = _check_metrics(task)
    require(isinstance(task.space, SearchSpace), f"space is {task.space!r}; give an ecojax.space.SearchSpace")
    for name in ("searched", "summary"):
        text = getattr(task, name)
        require(isinstance(text, str) and text, f"{name} is {text!r}; say in a few words what it is")
    _check_facts(task)
    configuration = task.space.default()
    _check_portable(task, configuration)
    require(
        task.parent(configuration, ()) is None,
        "parent() gives a trial where none is finished; give None then",
    )
    candidate, again = task.candidate(configuration), task.candidate(configuration)
    require(str(candidate), "a candidate is no text; let str() say what was built")
    require(
        hash(candidate.signature) == hash(again.signature) and candidate.signature == again.signature,
        "two candidates of one configuration have different signatures; make it of what shapes the inference",
    )
    known = candidate.known()
    built = {metric.name for metric in task.metrics if metric.when == "built"}
    _check_figures(known, "known()")
    require(
        set(known) <= built, f"known() gives {sorted(set(known) - built)}, no metric that is known once built"
    )
    if (inference := candidate.inference()) is not None:
        _check_inference(inference)
    if (training := candidate.training()) is None:
        _check_verdict(candidate.judge({}, "validation"), names, "judge()")
    else:
        _check_training(training, candidate, names)


def _check_metrics(task: Task) -> list[str]:
    metrics = list(task.metrics)
    require(all(isinstance(one, Metric) for one in metrics), "metrics holds what is no ecojax.study.Metric")
    names = [metric.name for metric in metrics]
    require(len(set(names)) == len(names), f"metrics names one twice: {', '.join(names)}")
    trained = [metric.name for metric in metrics if metric.when == "trained"]
    require(trained, "no metric is known after training; declare one, which is the quality")
    require(quality(task).name == trained[0], "the first metric that is known after training is the quality")
    return trained


def _check_facts(task: Task) -> None:
    facts = dict(task.facts())
    try:
        same = json.loads(json.dumps(facts)) == json.loads(json.dumps(dict(task.facts())))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"facts() cannot be stored as JSON ({error}); give plain values") from None
    require(same, "facts() differ from call to call; a study could not go on")


def _check_portable(task: Task, configuration: Configuration) -> None:
    from ecojax.tasks.descriptions import described_by, from_record

    if not task.portable(configuration):  # nothing of it is exported
        return
    try:
        record = json.loads(json.dumps(dict(task.portable(configuration)), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"portable() cannot be stored as JSON ({error}); give plain values") from None
    require(
        from_record(record) == described_by(task, configuration), "portable() is another once stored as JSON"
    )


def _check_inference(inference: Inference) -> None:
    import jax
    import numpy as np

    require(inference.count >= 1, f"an inference counts {inference.count} of its unit; give at least 1")
    require(inference.unit, "an inference has no unit; name what it handles, as in sample")
    leaves = jax.tree.leaves(inference.ring)
    rings = [len(leaf) for leaf in leaves]
    require(
        rings and min(rings) >= 2, f"the ring has {min(rings, default=0)} batches; give 2 or more that differ"
    )
    first, second = (jax.tree.map(lambda leaf, k=k: leaf[k], inference.ring) for k in (0, 1))
    differ = any(
        not np.array_equal(a, b) for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    )
    require(
        differ, "the ring's batches are equal; what is computed on them could be left out by the compiler"
    )
    jax.block_until_ready(jax.jit(inference.fn)(inference.state, first))


def _check_training(training: Training, candidate: Candidate, names: list[str]) -> None:
    require(training.steps >= 1, f"a training has {training.steps} steps; give at least 1")
    require(
        1 <= training.pass_steps <= training.steps,
        f"pass_steps is {training.pass_steps} of {training.steps} steps; a pass has from 1 step to all",
    )
    compiled(training)
    verdicts = []
    for one_by_one in (False, True):
        state = begun(training, cut=one_by_one)
        verdict = dict(training.judge(state))
        _check_verdict(verdict, names, "judge() of a training")
        verdicts.append(verdict)
    whole, cut = ([verdict[name] for name in names] for verdict in verdicts)
    require(
        all(math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-6) for a, b in zip(whole, cut, strict=True)),
        f"two steps at once end with {verdicts[0]}, one by one with {verdicts[1]}; a training can be cut anywhere",
    )
    arrays = training.arrays(state)
    stored = candidate.judge(arrays, "validation")
    require(
        math.isclose(stored[names[0]], cut[0], rel_tol=1e-2, abs_tol=1e-3),
        f"stored weights are judged at {names[0]} {stored[names[0]]:g}, and were at {cut[0]:g} when they were trained",
    )


def _check_verdict(verdict: Mapping[str, Any], names: list[str], what: str) -> None:
    missing = [name for name in names if name not in verdict]
    require(
        not missing, f"{what} gives no {', '.join(missing)}; give every metric that is known after training"
    )
    _check_figures(verdict, what)


def _check_figures(found: Mapping[str, Any], what: str) -> None:
    for name, value in found.items():
        try:
            finite = math.isfinite(value)
        except TypeError:
            finite = False
        require(finite, f"{what} gives {name} = {value!r}; give a finite number")
