#!/usr/bin/env python
"""How many candidates a search affords, and what its short cuts cost: the table of the evaluator's bars.

    .venv/bin/python scripts/benchmark_search.py [PART ...] [--quick] [--data-dir DIR] [--out FOLDER]

ecopt   24 networks of ECOpt's space (arXiv 2601.08991), drawn by one seed among those of at most 40 MFLOP, on 10,000
        images of CIFAR-10, 3 epochs: trials an hour against the plain script below, and the hypervolume of what is
        found over that of full training. Needs the prepared data set in DIR.
digits  48 perceptrons on digits, 20 epochs, likewise.
warm_ecopt the search of "ecopt" the second time: with warm caches of compiled programs, the share of its time that is
        neither training nor metering.
warm    likewise a search on digits, of 36 candidates by accuracy and parameters.
convolutions a training step of single convolutions: the stock one by itself over ours in a compiled loop.
inherit a search of digits with --inherit over one without, 3 seeds: the hypervolume at equal joules.
regret_cifar the 24 candidates of "ecopt", every one trained in full, and the stop rule replayed likewise.
regret  100 trials on digits, every one trained in full, and the stop rule replayed on their curves, in the order of the
        search and in 200 shuffled ones: the share of the frontier's members that it would have stopped.

The plain script is what a competent person writes: Flax, data on the device, one jitted step a trial, a Python loop
over batches, every trial trained in full, one cold reading of its inference. It begins with the same weights and takes
the images in the same order as the search, so that what the two find differs by the stop rule and by rounding alone.
About an hour on two cores; `--quick` runs a few tiny trials of each to see that it works.
"""

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

PARTS = ("ecopt", "digits", "warm_ecopt", "warm", "regret", "regret_cifar", "inherit", "convolutions")
BARS = {"ecopt_ratio": 4.0, "digits_ratio": 8.0, "hypervolume": 0.98, "not_working": 0.15, "regret": 0.02}
OBJECTIVES = ("accuracy", "energy_per_sample_j")
SHUFFLES = 200
MOST_FLOPS = 4e7  # as configs/cifar10.toml: the whole of ECOpt's space wants an A100

# the recipe of both sides: nothing but the peak rate and the batch size is left to the space
PLAIN_RECIPE = {
    "optimizer": "adamw",
    "weight_decay": 1e-5,
    "warmup": 0.0,
    "schedule": "cosine",
    "dropout": 0.0,
}
PLAIN_RECIPE |= {"label_smoothing": 0.0, "flip": False, "crop": 0, "cutout": 0}
ECOPT_PINS = PLAIN_RECIPE | {"depth": 1, "growth": 1.0, "block": "plain", "head": "flatten", "norm": "none"}
ECOPT_PINS |= {"activation": "relu", "batch_size": 64, "adamw_learning_rate": 1e-3}
ECOPT_SPACE = {
    "stages": {"type": "int", "low": 0, "high": 5},
    "width": {"type": "int", "low": 1, "high": 128, "log": True},
    "kernel": {"type": "choice", "choices": [1, 3, 5, 7, 9], "ordered": True},
    "pooling": {"type": "choice", "choices": ["max", "average", "none"]},
}
MLP_PINS = PLAIN_RECIPE | {"norm": "none", "activation": "relu"}


# The plain script


def plain_network(
    configuration: Mapping[str, Any], image_shape: Sequence[int], classes: int, seed: int
) -> Any:
    """ECOpt's stack of convolutions, or a perceptron, in stock Flax."""
    import jax
    from flax import nnx

    rngs = nnx.Rngs(jax.random.key(seed, impl="rbg"))
    he_normal = nnx.initializers.he_normal()
    height, width, channels = image_shape
    layers: list[Any] = []
    if configuration["family"] == "mlp":
        layers.append(lambda x: x.reshape(len(x), -1))
        features = height * width * channels
        for _ in range(configuration["hidden_layers"]):
            width = configuration["hidden_width"]
            layers += [nnx.Linear(features, width, kernel_init=he_normal, rngs=rngs), nnx.relu]
            features = configuration["hidden_width"]
    else:
        kernel, filters = (configuration["kernel"],) * 2, configuration["width"]
        pool = {"max": nnx.max_pool, "average": nnx.avg_pool}.get(configuration.get("pooling", "none"))
        for layer in range(1 + configuration["stages"]):
            layers += [nnx.Conv(channels, filters, kernel, kernel_init=he_normal, rngs=rngs), nnx.relu]
            channels = filters
            if layer and pool and min(height, width) >= 2:
                layers.append(lambda x: pool(x, (2, 2), strides=(2, 2)))
                height, width = height // 2, width // 2
        layers.append(lambda x: x.reshape(len(x), -1))
        features = height * width * channels
    return nnx.Sequential(*layers, nnx.Linear(features, classes, rngs=rngs))


def plain_trial(configuration: Mapping[str, Any], dataset: Any, epochs: int, seed: int) -> float:
    """Trains in full and gives the validation accuracy."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx

    mean, std = (255.0 * jnp.asarray(value, jnp.float32) for value in (dataset.mean, dataset.std))
    std = jnp.maximum(std, 0.255)
    images, labels = jnp.asarray(dataset.x_train), jnp.asarray(dataset.y_train)
    batch = configuration["batch_size"]
    steps = len(labels) // batch
    rate = configuration["adamw_learning_rate"]
    optimizer = optax.adamw(
        optax.cosine_decay_schedule(rate, epochs * steps),
        weight_decay=configuration["weight_decay"],
        mask=lambda weights: jax.tree.map(lambda leaf: leaf.ndim > 1, weights),
    )
    graph, weights = nnx.split(
        plain_network(configuration, dataset.image_shape, len(dataset.class_names), seed)
    )
    state = optimizer.init(weights)

    def logits_of(weights: Any, x: Any) -> Any:
        return nnx.merge(graph, weights)((x.astype(jnp.float32) - mean) / std)

    @jax.jit
    def step(weights: Any, state: Any, images: Any, labels: Any, index: Any) -> tuple[Any, Any]:
        def loss_of(weights: Any) -> Any:
            logits = logits_of(weights, images[index])
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels[index]).mean()

        updates, state = optimizer.update(jax.grad(loss_of)(weights), state, weights)
        return optax.apply_updates(weights, updates), state

    infer = jax.jit(logits_of)
    for epoch in range(epochs):
        key, _ = jax.random.split(jax.random.fold_in(jax.random.key(seed), epoch))
        order = jnp.argsort(jax.random.bits(key, (len(labels),)))[: steps * batch].reshape(steps, batch)
        for index in np.asarray(order):
            weights, state = step(weights, state, images, labels, index)
    began = time.process_time()  # the cold reading: CPU time of judging
    x, y = dataset.x_validation, dataset.y_validation
    right = sum(
        int((np.asarray(infer(weights, x[i : i + 256])).argmax(1) == y[i : i + 256]).sum())
        for i in range(0, len(x), 256)
    )
    assert time.process_time() >= began
    return right / len(y)


# The same trials on both sides


def drawn(task: Any, n: int, seed: int, most_flops: float = math.inf) -> list[dict[str, Any]]:
    """Different configurations at random, of at most so many FLOPs an inference."""
    rng, space = np.random.default_rng(seed), task.space
    found: dict[str, dict[str, Any]] = {}
    while len(found) < min(n, space.size()):
        configuration = space.decode(rng.random(len(space)))
        if task.candidate(configuration).known(["flops"])["flops"] <= most_flops:
            found.setdefault(space.key(configuration), configuration)
    return list(found.values())


def candidates(options: Mapping[str, Any], n: int, most_flops: float) -> list[dict[str, Any]]:
    """Those that `drawn` gives for a search of these settings."""
    from ecojax.settings import SearchSettings
    from ecojax.tasks.shelf import load_task

    return drawn(load_task(SearchSettings(**options), "this benchmark", "float32"), n, 0, most_flops)


def versus_plain(options: Mapping[str, Any], *, trials: int, most_flops: float = math.inf) -> dict[str, Any]:
    """`trials` configurations through the plain script, then through a search that is given them as its queue."""
    import jax

    from ecojax import Study
    from ecojax.session.conduct import conduct
    from ecojax.session.crew import assemble
    from ecojax.session.loop import trial_seed
    from ecojax.settings import SearchSettings
    from ecojax.study import StudyStore

    # in this process, where neither side finds anything that was compiled before
    settings = SearchSettings(
        **options, evaluations=trials, population=2, frontier_energy_ci=0, executor="inline"
    )
    with (
        tempfile.TemporaryDirectory() as scratch,
        assemble(settings, "this benchmark") as crew,
    ):
        settings = crew.settings  # with what the task completes
        configurations = drawn(crew.task, trials, 0, most_flops)
        jax.clear_caches()
        plain, began = [], time.perf_counter()
        for number, configuration in enumerate(configurations):
            seed = trial_seed(settings.seed, number)
            plain.append(plain_trial(configuration, crew.task.dataset, settings.epochs, seed))
        plain_s = time.perf_counter() - began
        jax.clear_caches()
        settings = settings.model_copy(update={"enqueue": configurations, "evaluations": len(configurations)})
        folder = Path(scratch) / "study"
        began = time.perf_counter()
        record = settings.model_dump(mode="json", exclude_none=True)
        with StudyStore.create(folder, record, facts=crew.facts) as store:
            conduct(store, settings, crew)
        own_s = time.perf_counter() - began
        study = Study.open(folder)
        networks = len({crew.task.candidate(configuration).signature for configuration in configurations})
    energies = {
        json.dumps(dict(t.configuration)): t.metrics.get(OBJECTIVES[1], math.nan) for t in study.trials
    }
    energy = np.array([energies[json.dumps(configuration)] for configuration in configurations])
    full = np.stack([1 - np.array(plain), energy], 1)
    own = np.array([[1 - t.metrics["accuracy"], t.metrics[OBJECTIVES[1]]] for t in study.complete()])
    return {
        "trials": len(configurations),
        "networks": networks,
        "statuses": {status: count for status, count in study.counts().items() if count},
        "plain_seconds": plain_s,
        "seconds": own_s,
        "ratio": plain_s / own_s,
        "hypervolume_ratio": hypervolume(own, full) / hypervolume(full, full),
        "account_seconds": study.progress["account"],
        "accuracies": {
            "plain": plain,
            "own": [t.metrics.get("accuracy") for t in study.trials],
        },
    }


def hypervolume(points: np.ndarray, all_points: np.ndarray) -> float:
    """Of (error, energy), from the worst of `all_points`; energy by its logarithm, for it spans decades."""
    from ecojax.engine.hypervolume import hypervolume

    points, all_points = (F[np.isfinite(F).all(1)] for F in (points, all_points))
    scaled = np.stack([points[:, 0], np.log10(points[:, 1])], 1)
    worst = np.array([1.0, np.log10(all_points[:, 1].max()) + 0.1])
    return float(hypervolume(scaled, worst))


# What the search wastes, and whom it wrongs


def warm(options: Mapping[str, Any]) -> dict[str, Any]:
    """The account of a search whose programs are in the persistent cache already.

    It must come to the same candidates as the one before: by what they are enqueued, or by objectives that repeat.
    """
    import jax

    import ecojax

    with tempfile.TemporaryDirectory() as scratch:
        for name in ("cold", "warm"):
            jax.clear_caches()
            study = ecojax.search(**options, executor="inline", out=Path(scratch) / name)
    account = study.progress["account"]
    working = account["training"] + account["metering"] + account.get("measuring the frontier", 0.0)
    return {"account_seconds": account, "not_working": 1 - working / sum(account.values())}


def full_curves(options: Mapping[str, Any], *, ours: bool = False) -> tuple[list[Any], int]:
    """The complete trials of a search that looks at its rungs and stops nobody, and how many images judge them.

    ours: of the candidates of part "ecopt" in place of what the search would propose.
    """
    from ecojax.budget import Budget
    from ecojax.engine.engine import Engine
    from ecojax.session.aim import Aim
    from ecojax.session.crew import assemble
    from ecojax.session.loop import Loop
    from ecojax.settings import resolve
    from ecojax.study import StudyStore

    settings, source = resolve(None, {**options, "executor": "inline"})
    with (
        tempfile.TemporaryDirectory() as scratch,
        assemble(settings, source) as crew,
        StudyStore.create(Path(scratch) / "study", {}) as store,
    ):
        engine = Engine(
            crew.task.space,
            objectives=2,
            population=settings.population,
            seed=settings.seed,
            queue=drawn(crew.task, settings.evaluations, 0, MOST_FLOPS) if ours else (),
        )
        Loop(store, engine, crew.executor, Aim(OBJECTIVES), Budget(settings.evaluations)).run()
        images = len(crew.task.dataset.y_validation)
        return [trial for trial in store.trials() if trial.complete], images


def replay(trials: Sequence[Any], images: int) -> tuple[set[int], float]:
    """Who would have been stopped, had the trials come in this order, and the share of all training saved."""
    from ecojax.session.rivals import rivals
    from ecojax.study import METRICS, Status
    from ecojax.trial.rungs import extrapolate

    metric = replace(METRICS["accuracy"], count=images)

    ended: list[Any] = []
    stopped: set[int] = set()
    saved = 0.0
    for trial in trials:
        known = rivals(ended, OBJECTIVES, {}, "accuracy")
        least = trial.metrics[OBJECTIVES[1]] - trial.metrics[f"{OBJECTIVES[1]}_ci95"]
        for share, accuracy in trial.details["rungs"]:
            bound = extrapolate(metric, accuracy, share, known.curves).bound
            if known.beating(metric, bound, {OBJECTIVES[1]: least}) is not None:
                stopped.add(trial.id)
                saved += 1 - share
                trial = replace(trial, status=Status.STOPPED)
                break
        ended.append(trial)
    return stopped, saved / len(trials)


def regret(options: Mapping[str, Any], *, shuffles: int, ours: bool = False) -> dict[str, Any]:
    from ecojax.engine.dominance import is_non_dominated

    trials, images = full_curves(options, ours=ours)
    costs = np.array([[1 - t.metrics["accuracy"], t.metrics[OBJECTIVES[1]]] for t in trials])
    F = np.array([[-t.metrics["accuracy"], t.metrics[OBJECTIVES[1]]] for t in trials])
    members = {t.id for t, member in zip(trials, is_non_dominated(F), strict=True) if member}
    stopped, saved = replay(trials, images)
    rng = np.random.default_rng(0)
    shuffled = [replay([trials[i] for i in rng.permutation(len(trials))], images) for _ in range(shuffles)]
    wrong = [len(members & found) / len(members) for found, _ in shuffled]
    return {
        "trials": len(trials),
        "frontier": len(members),
        "in_order": {
            "stopped": len(stopped),
            "epochs_saved": saved,
            "regret": len(members & stopped) / len(members),
            "hypervolume_ratio": hypervolume(costs[[t.id not in stopped for t in trials]], costs)
            / hypervolume(costs, costs),
        },
        "shuffled": {
            "orders": shuffles,
            "stopped": float(np.mean([len(found) for found, _ in shuffled])),
            "epochs_saved": float(np.mean([share for _, share in shuffled])),
            "regret": float(np.mean(wrong)),
        },
        "curves": [
            [
                t.metrics[OBJECTIVES[1]],
                *(accuracy for _, accuracy in t.details["rungs"]),
                t.metrics["accuracy"],
            ]
            for t in trials
        ],
    }


def inherit(options: Mapping[str, Any], *, seeds: int) -> dict[str, Any]:
    """Searches with and without inheritance: the hypervolume that each has when both have spent the same joules.

    Both compile everything themselves, since compiling is among the joules.
    """
    import jax

    import ecojax

    jax.config.update("jax_enable_compilation_cache", False)
    ratios, joules = [], []
    for seed in range(seeds):
        histories = []
        with tempfile.TemporaryDirectory() as scratch:
            for inherits in (False, True):
                jax.clear_caches()
                study = ecojax.search(
                    **options,
                    seed=seed,
                    inherit=inherits or None,
                    frontier_energy_ci=0,
                    executor="inline",
                    out=Path(scratch) / f"{inherits}",
                )
                spent = np.cumsum([t.metrics.get("trial_energy_j", 0.0) for t in study.trials])
                points = [
                    [1 - t.metrics["accuracy"], t.metrics[OBJECTIVES[1]]] if t.complete else [np.nan] * 2
                    for t in study.trials
                ]
                histories.append((spent, np.array(points)))
        most = min(spent[-1] for spent, _ in histories)
        everything = np.concatenate([points for _, points in histories])
        without, with_it = (hypervolume(points[spent <= most], everything) for spent, points in histories)
        ratios.append(with_it / without if without else math.nan)
        joules.append(most)
    jax.config.update("jax_enable_compilation_cache", True)
    return {
        "seeds": seeds,
        "joules": joules,
        "hypervolume_ratios": ratios,
        "median": float(np.median(ratios)),
    }


# side of the image, channels in and out, side of the kernel; batches of 64
CONVOLUTIONS = [(32, 3, 1, 9), (32, 1, 1, 9), (32, 3, 17, 7), (32, 4, 4, 9), (32, 6, 6, 5), (32, 2, 2, 3)]
CONVOLUTIONS += [
    (32, 72, 72, 1),
    (32, 3, 81, 1),
    (32, 3, 32, 7),
    (16, 11, 11, 5),
    (32, 16, 16, 3),
    (8, 64, 64, 3),
]


def convolutions(shapes: Sequence[tuple[int, int, int, int]], *, repeats: int) -> dict[str, Any]:
    """Seconds of a step (value, both gradients, update), the least of `repeats` rounds, taken in turns."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    from ecojax.models.images.convolution import CANONICAL, loop_safe_convolution

    steps, rows = 8, []
    for side, channels, features, kernel in shapes:
        rng = np.random.default_rng(0)
        x = jnp.asarray(rng.normal(size=(64, side, side, channels)), jnp.float32)
        first = jnp.asarray(rng.normal(size=(kernel, kernel, channels, features)) / 10, jnp.float32)

        def step(convolution: Any, x: Any, k: Any) -> Any:
            def loss_of(x: Any, k: Any) -> Any:
                return jnp.square(
                    jax.nn.relu(convolution(x, k, (1, 1), "SAME", dimension_numbers=CANONICAL))
                ).sum()

            dx, dk = jax.grad(loss_of, (0, 1))(x, k)
            return k - 1e-9 * (dk + dx.mean())

        alone = jax.jit(lambda x, k, step=step: step(lax.conv_general_dilated, x, k))
        looped = jax.jit(
            lambda x, k, step=step: lax.fori_loop(0, steps, lambda _, k: step(loop_safe_convolution, x, k), k)
        )

        def by_itself(x: Any, k: Any, alone: Any = alone) -> Any:
            for _ in range(steps):
                k = alone(x, k)
            return k

        seconds: dict[str, float] = {}
        for name, way in (("stock", by_itself), ("ours", looped)) * (1 + repeats):
            began = time.perf_counter()
            jax.block_until_ready(way(x, first))
            if name in seconds:  # the first round compiles
                seconds[name] = min(seconds[name], (time.perf_counter() - began) / steps)
            else:
                seconds[name] = math.inf
        rows.append(
            {
                "shape": [side, channels, features, kernel],
                **seconds,
                "ratio": seconds["stock"] / seconds["ours"],
            }
        )
    return {"rows": rows, "median": float(np.median([row["ratio"] for row in rows]))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="by default all", metavar="PART")
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    parser.add_argument("--data-dir", type=Path, default=Path("../shared/data/tfds"))
    parser.add_argument("--out", type=Path, help="folder for search-<device>[-quick].json")
    arguments = parser.parse_args()
    if arguments.out is not None:  # found out before the work
        arguments.out.mkdir(parents=True, exist_ok=True)
    parts = arguments.parts or PARTS
    quick = arguments.quick

    # whatever was compiled on this machine before is not to be found
    empty = tempfile.TemporaryDirectory(prefix="ecojax-benchmark-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = empty.name

    import jax

    from ecojax.session.workplace import versions

    found: dict[str, Any] = {}
    ecopt = {"dataset": "cifar10", "data_dir": str(arguments.data_dir), "families": ["convnet"]}
    ecopt |= {"space": ECOPT_SPACE, "pin": ECOPT_PINS, "epochs": 3, "train_size": 500 if quick else 10_000}
    has_cifar = (arguments.data_dir / "cifar10").is_dir()
    if not has_cifar:
        print(f"ecopt and regret_cifar: no prepared CIFAR-10 in {arguments.data_dir}; left out")
    if "ecopt" in parts and has_cifar:
        flops = 2e6 if quick else MOST_FLOPS
        found["ecopt"] = versus_plain(ecopt, trials=3 if quick else 24, most_flops=flops)
    if "digits" in parts:
        options = {"dataset": "digits", "families": ["mlp"], "pin": MLP_PINS, "epochs": 3 if quick else 20}
        found["digits"] = versus_plain(options, trials=3 if quick else 48)
    digits = {"dataset": "digits", "epochs": 9 if quick else 20}
    if "warm" in parts:
        options = digits | {"objectives": ["accuracy", "parameters"]}
        found["warm"] = warm(options | ({"evaluations": 3, "families": ["linear"]} if quick else {}))
    if "warm_ecopt" in parts and has_cifar:
        flops, n = (2e6, 3) if quick else (MOST_FLOPS, 24)
        queue = {"enqueue": candidates(ecopt, n, flops), "evaluations": n, "population": 2}
        found["warm_ecopt"] = warm(ecopt | queue | {"frontier_energy_ci": 0})
    if "regret" in parts:
        more = {"evaluations": 12, "families": ["mlp"]} if quick else {"evaluations": 100}
        found["regret"] = regret(digits | more, shuffles=5 if quick else SHUFFLES)

    if "inherit" in parts:
        less = {"evaluations": 6, "population": 2} if quick else {"evaluations": 30}
        options = {"dataset": "digits", "families": ["mlp", "convnet"], "epochs": 3 if quick else 5}
        found["inherit"] = inherit(options | less, seeds=1 if quick else 3)

    if "regret_cifar" in parts and has_cifar:
        found["regret_cifar"] = regret(
            ecopt | {"evaluations": 3 if quick else 24}, shuffles=5 if quick else SHUFFLES, ours=True
        )

    if "convolutions" in parts:
        shapes = CONVOLUTIONS[-2:] if quick else CONVOLUTIONS
        found["convolutions"] = convolutions(shapes, repeats=1 if quick else 5)

    for name in ("ecopt", "digits"):
        if name in found:
            row = found[name]
            print(
                f"{name}: {row['trials']} trials of {row['networks']} networks ({row['statuses']}) in "
                f"{row['seconds']:.0f} s, by the plain script in "
                f"{row['plain_seconds']:.0f} s: {row['ratio']:.2f} times as many an hour (bar "
                f"{BARS[f'{name}_ratio']:g}); hypervolume {row['hypervolume_ratio']:.3f} (bar {BARS['hypervolume']})"
            )
            print("   " + in_words(row["account_seconds"]))
    for name in ("warm_ecopt", "warm"):
        if name in found:
            row = found[name]
            print(
                f"{name}: {row['not_working']:.1%} neither training nor metering (bar {BARS['not_working']:.0%})"
            )
            print("   " + in_words(row["account_seconds"]))
    for part in ("regret", "regret_cifar"):
        row = found.get(part, {})
        for name in ("in_order", "shuffled") if row else ():
            one = row[name]
            print(
                f"{part}, {name.replace('_', ' ')}: of {row['trials']} trials {one['stopped']:.1f} stopped, "
                f"{one['epochs_saved']:.1%} of all epochs saved, {one['regret']:.2%} of the {row['frontier']} members "
                f"of the frontier lost (bar {BARS['regret']:.0%})"
            )
        if row:
            kept = row["in_order"]["hypervolume_ratio"]
            print(f"{part}: hypervolume of who was not stopped over that of all: {kept:.3f}")
    if "inherit" in found:
        row = found["inherit"]
        ratios = ", ".join(f"{ratio:.3f}" for ratio in row["hypervolume_ratios"])
        print(
            f"inherit: hypervolume with over without, at equal joules: median {row['median']:.3f} ({ratios})"
        )
    for row in found.get("convolutions", {}).get("rows", ()):
        side, channels, features, kernel = row["shape"]
        print(
            f"convolutions: {kernel} x {kernel}, {channels} to {features} channels, {side} x {side}: stock by itself "
            f"{1e3 * row['stock']:.2f} ms, ours in a loop {1e3 * row['ours']:.2f} ms: {row['ratio']:.1f} times as fast"
        )
    if arguments.out:
        device = jax.devices()[0]
        path = arguments.out / f"search-{device.platform}{'-quick' if quick else ''}.json"
        earlier = json.loads(path.read_text()) if path.exists() else {}
        today = {"date": datetime.now(UTC).date().isoformat(), "versions": versions()}
        record = {
            "device": f"{device.platform}: {device.device_kind}",
            "cores": os.cpu_count(),
            "quick": quick,
            "bars": BARS,
            **{part: earlier[part] for part in PARTS if part in earlier},
            **{part: today | {"load_average": os.getloadavg()[0]} | row for part, row in found.items()},
        }
        path.write_text(json.dumps(record, indent=2) + "\n")
        print(f"written to {path}")


def in_words(seconds: Mapping[str, float]) -> str:
    from ecojax.session.account import in_words

    return in_words(seconds)


if __name__ == "__main__":
    main()
