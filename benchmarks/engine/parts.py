"""The parts of the benchmark: which runs each needs, what it prints of them, and the bars it is held to.

The bars are those of the engine's specification: right, fast, wins, batch, noise.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine import closed_forms, convergence, lcbench, ours, peers, problems, tables
from benchmarks.engine.ledger import CHECKPOINTS, GRID
from benchmarks.engine.report import Bars, print_table, signed_rank_p, spread
from benchmarks.engine.tasks import ROOT, Remembered, Task

FCNET_BARS = {"assisted": (0.80, 0.90, 0.97, 0.995), "assisted, known": (0.85, 0.93, 0.98, 0.995)}
WORST_AT_200 = 0.90
# of the judged method up to the strict reference: at 50, 100 and 200, and the worst seed at 200
STRICT_BARS = {
    "fcnet_slice_localization": (0.93, 0.98, 0.995, 0.95),
    "fcnet_naval_propulsion": (0.82, 0.96, 0.99, 0.95),
}
# at the end of 20 trainings: those that went to the end alone, every checkpoint, and the worst seed of either
CURVE_BARS = dict(zip(lcbench.NAMES, ((0.80, 0.97), (0.75, 0.90), (0.70, 0.70), (0.95, 0.99)), strict=True))
WORST_CURVE = 0.60
BATCH_LOSS, BATCHES = 0.03, (4, 8)
NOISE_TRIALS, NOISE_SHARE = 200, 0.93
# how a ratio is recorded, and what its bars are called: see the reference points of `tables` and `closed_forms`
SCALES = {"ratio": "", "strict": ", strict"}
SPEED_BARS = {100: 4.0, 1000: 2.0, 10_000: 1.0}


@dataclass(frozen=True)
class Plan:
    """What is to be measured.

    Attributes:
        judged: ecojax's method that the bars are about.
        slow_seeds, slow_seconds: of the peers in `peers.SLOW`: how many seeds, and seconds a run.
    """

    tables: Path
    problems: tuple[str, ...]
    methods: tuple[str, ...]
    judged: str
    seeds: int
    peer_seeds: int
    slow_seeds: int
    slow_seconds: float
    right_seeds: int
    trials: int
    replicate: int
    populations: tuple[int, ...]

    def length(self, problem: str) -> int:
        """Trials of a search; the closed forms are judged at 100 and 200, cells at 200, curves at 20."""
        if problem in lcbench.NAMES:
            return lcbench.TRAININGS
        return self.trials if problem in tables.TABLES else min(self.trials, 200)

    def ours(self, problem: str, method: str, seed: int, batch: int = 1) -> Task:
        trials = self.length(problem) if batch == 1 else min(self.trials, 200)
        return self._task("ours", problem, **ours.METHODS[method], seed=seed, trials=trials, batch=batch)

    def peer(self, problem: str, method: str, seed: int) -> Task:
        seconds = self.slow_seconds if method in peers.SLOW else 1e6
        return self._task(
            "peer", problem, method=method, seed=seed, trials=self.length(problem), seconds=seconds
        )

    def noise(self, problem: str, seed: int) -> Task:
        proposer = ours.METHODS[self.judged]["proposer"]
        return self._task(
            "noise",
            problem,
            proposer=proposer,
            seed=seed,
            trials=min(self.trials, NOISE_TRIALS),
            replicate=self.replicate,
        )

    def _task(self, kind: str, problem: str, **rest: Any) -> Task:
        return {"kind": kind, "problem": problem, **rest, "tables": str(self.tables)}

    def own_methods(self, problem: str) -> list[str]:
        return [
            m
            for m in self.methods
            if m in ours.METHODS and (problem in tables.TABLES or not ours.METHODS[m].get("known"))
        ]

    def peer_methods(self) -> list[str]:
        return [m for m in self.methods if m in peers.PEERS and peers.unavailable(m) is None]

    def seeds_of(self, method: str) -> int:
        if method in ours.METHODS:
            return self.seeds
        return min(self.slow_seeds if method in peers.SLOW else self.peer_seeds, self.seeds)


Records = dict[int, dict[str, Any]]


# Right


def right_tasks(plan: Plan) -> Iterable[Task]:
    for seed in range(plan.right_seeds):
        for problem in convergence.PROBLEMS:
            if seed < max(5, plan.right_seeds // 2) or problem in convergence.SEEDS_EVERYWHERE:
                for method in ("ecojax", "pymoo"):
                    yield _converge(problem, method, seed)


def _converge(problem: str, method: str, seed: int) -> Task:
    return {"kind": "converge", "problem": problem, "method": method, "seed": seed}


def right_report(plan: Plan, remembered: Remembered, bars: Bars) -> dict[str, Any]:
    print(
        f"RIGHT: final hypervolume of NSGA-II, population {convergence.POPULATION}; median (quartiles) worst\n"
    )
    rows, record = [], {}
    for problem, (arguments, generations, reference) in convergence.PROBLEMS.items():
        found = {
            method: [
                r["hypervolume"]
                for seed in range(plan.right_seeds)
                if (r := remembered.get(_converge(problem, method, seed)))
            ]
            for method in ("ecojax", "pymoo")
        }
        record[problem] = {"generations": generations, "reference": reference, **arguments, **found}
        n = min(map(len, found.values()))
        share = float(np.median(found["ecojax"]) / np.median(found["pymoo"])) if n else None
        rows.append(
            [
                problem,
                f"{generations} generations, seeds {n}",
                *map(spread, found.values()),
                "–" if share is None else f"{share:.4f}",
            ]
        )
        if problem == "zdt1":
            bars.ask("ZDT1 30-D, hypervolume", np.median(found["ecojax"]) if n else None, "≥", 0.868)
        elif problem == "dtlz2":
            bars.ask("DTLZ2, 3 objectives, hypervolume", np.median(found["ecojax"]) if n else None, "≥", 0.69)
        else:
            bars.ask(f"{problem}, share of pymoo's hypervolume", share, "≥", 0.98)
    print_table(["problem", "", "ecojax", "pymoo NSGA2", "share"], rows)
    bars.print()
    return record


# Fast


def fast_report(plan: Plan, bars: Bars) -> dict[str, Any]:
    from benchmarks.engine import speed

    print("FAST: generations a second on ZDT1 (30-D), contestants in turns\n")
    record: dict[str, Any] = {"compile_seconds": speed.compile_seconds(ROOT)}
    measured = [speed.generations_a_second(population) for population in plan.populations]
    names = list(measured[0]["generations_per_s"])
    print_table(
        ["population", *names],
        [[str(m["population"]), *(f"{v:.4g}" for v in m["generations_per_s"].values())] for m in measured],
    )
    record["generations"] = measured
    for m in measured:
        bar = SPEED_BARS[m["population"]]
        bars.ask(f"population {m['population']}, times pymoo", m["ratio"], "≥", bar)
        bars.ask(
            f"population {m['population']}, times pymoo without duplicate elimination",
            m["ratio_without_elimination"],
            "≥",
            bar,
        )
    record["ask_and_tell_ms"] = speed.ask_and_tell_ms()
    for name, value in record["ask_and_tell_ms"].items():
        bars.ask(f"ask and tell, population 20, {name}, ms", value, "≤", 1.0)
    for name, seconds in record["compile_seconds"].items():
        bars.ask(f"compilation, {name}, s", seconds["first"], "≤", 3.0)
        bars.ask(f"compilation, {name}, a second instance, s", seconds["again"], "≤", 0.1)
    if (plan.tables / f"{tables.TABLES[0]}.npz").exists():
        proposal = speed.assisted_proposal_ms(tables.load(tables.TABLES[0], plan.tables))
        record["proposal_ms"] = proposal
        rows = [[origin, *(f"{value:.4g}" for value in row.values())] for origin, row in proposal.items()]
        print_table(["proposal at 200 trials, by origin", "median ms", "slowest ms", "first ms"], rows)
        bars.ask("assisted proposal, ms", proposal.get("model", {}).get("median"), "≤", 100.0)
    bars.print()
    return record


# Wins


def wins_tasks(plan: Plan) -> Iterable[Task]:
    for slow in (False, True):
        for seed in range(plan.seeds):
            for problem in plan.problems:
                for method in () if slow else plan.own_methods(problem):
                    yield plan.ours(problem, method, seed)
                for method in plan.peer_methods():
                    if (method in peers.SLOW) == slow and seed < plan.seeds_of(method):
                        yield plan.peer(problem, method, seed)


def wins_report(plan: Plan, remembered: Remembered, bars: Bars) -> dict[str, Any]:
    print(
        "WINS: hypervolume ratio to the true front after so many evaluations, repeats counted; "
        "median (quartiles) worst; [n]: seeds that got so far, where not all\n"
    )
    for method in peers.PEERS:
        if method in plan.methods and (reason := peers.unavailable(method)):
            print(f"{method} is not installable here: {reason}")
    record = {}
    for problem in plan.problems:
        record[problem] = _wins_on(problem, plan, remembered, bars)
    bars.print()
    return record


def _wins_on(problem: str, plan: Plan, remembered: Remembered, bars: Bars) -> dict[str, Any]:
    records: dict[str, Records] = {}
    for method in [*plan.own_methods(problem), *plan.peer_methods()]:
        task = plan.ours if method in ours.METHODS else plan.peer
        runs = {s: r for s in range(plan.seeds_of(method)) if (r := remembered.get(task(problem, method, s)))}
        if runs:
            records[method] = runs
    reached = [c for c in (lcbench.TRAININGS, *CHECKPOINTS) if c <= plan.length(problem)]
    reached = reached if problem in lcbench.NAMES else reached[1:]
    for scale in SCALES:
        _print_wins(problem, plan, records, reached, scale)
        _print_tests(problem, plan, records, reached, scale)
        if scale == "ratio" or problem in problems.FILES:
            _ask_wins(problem, plan, records, bars, scale)
    return {method: {"seeds": list(runs), "runs": list(runs.values())} for method, runs in records.items()}


def _print_wins(
    problem: str, plan: Plan, records: dict[str, Records], reached: Sequence[int], scale: str
) -> None:
    dimensions = f", {closed_forms.DIMENSIONS[problem]}-D" if problem in closed_forms.DIMENSIONS else ""
    rows = []
    for method, runs in records.items():
        cells = []
        for checkpoint in reached:
            values = list(at(runs, checkpoint, scale).values())
            cells.append(spread(values) + (f" [{len(values)}]" if len(values) < len(runs) else ""))
        full = [r for r in runs.values() if r["evaluations"] >= plan.length(problem)]
        repeated = f"{np.median([r['repeated'] for r in full]):.0f}" if full else "–"
        cost = np.median([1e3 * r["seconds"] / max(r["evaluations"], 1) for r in runs.values()])
        rows.append([method, str(len(runs)), *cells, repeated, f"{cost:.0f}"])
        bar = FCNET_BARS.get(method) if problem.startswith("fcnet") else None
        if bar:
            rows.append(["   bar", "", *(f"{value:.3f}" for value in bar[: len(reached)]), "", ""])
    title = problem + dimensions + SCALES[scale]
    print_table([title, "seeds", *map(str, reached), f"repeated at {plan.trials}", "ms a trial"], rows)


def at(runs: Records, checkpoint: int, scale: str = "ratio") -> dict[int, float]:
    """Ratios after so many evaluations, of the seeds that got there."""
    index = GRID.index(checkpoint)
    return {seed: run[scale][index] for seed, run in runs.items() if len(run[scale]) > index}


def _paired(one: Records, other: Records, checkpoint: int, scale: str) -> tuple[list[float], list[float]]:
    a, b = at(one, checkpoint, scale), at(other, checkpoint, scale)
    both = sorted(set(a) & set(b))
    return [a[seed] for seed in both], [b[seed] for seed in both]


def _print_tests(
    problem: str, plan: Plan, records: dict[str, Records], reached: Sequence[int], scale: str
) -> None:
    if plan.judged not in records:
        return
    rows = []
    for method, runs in records.items():
        if method == plan.judged:
            continue
        cells = []
        for checkpoint in reached:
            mine, theirs = _paired(records[plan.judged], runs, checkpoint, scale)
            p = signed_rank_p(mine, theirs)
            cells.append(f"n = {len(mine)}" if p is None else f"p = {p:.2g}, n = {len(mine)}")
        rows.append([method, *cells])
    if rows:
        print_table([f"{plan.judged} better than (Wilcoxon, one-sided)", *map(str, reached)], rows)


def _ask_wins(problem: str, plan: Plan, records: dict[str, Records], bars: Bars, scale: str) -> None:
    name = problem + SCALES[scale]
    if problem in lcbench.NAMES:
        ends = list(at(records.get(plan.judged, {}), lcbench.TRAININGS, scale).values())
        bar, counted = (
            CURVE_BARS[problem][scale == "strict"],
            "every checkpoint" if scale == "strict" else "full length",
        )
        bars.ask(f"{problem}, {counted}", np.median(ends) if ends else None, "≥", bar)
        bars.ask(f"{problem}, {counted}, worst seed", min(ends, default=None), "≥", WORST_CURVE)
        return
    if scale == "strict" and problem in STRICT_BARS:
        *wanted, worst_bar = STRICT_BARS[problem]
        runs = records.get(plan.judged, {})
        for checkpoint, bar in zip(CHECKPOINTS, wanted, strict=False):
            values = list(at(runs, checkpoint, scale).values())
            bars.ask(
                f"{name}, {plan.judged} at {checkpoint}", np.median(values) if values else None, "≥", bar
            )
        worst = list(at(runs, 200, scale).values())
        bars.ask(f"{name}, {plan.judged}, worst seed at 200", min(worst, default=None), "≥", worst_bar)
    loosely = problem.startswith("fcnet") and scale == "ratio"
    for method, wanted in FCNET_BARS.items() if loosely else ():
        runs = records.get(method, {})
        for checkpoint, bar in zip(CHECKPOINTS, wanted, strict=True):
            values = list(at(runs, checkpoint, scale).values())
            bars.ask(f"{name}, {method} at {checkpoint}", np.median(values) if values else None, "≥", bar)
        worst = list(at(runs, 200, scale).values())
        bars.ask(f"{name}, {method}, worst seed at 200", min(worst, default=None), "≥", WORST_AT_200)
    table = problem in problems.FILES
    for checkpoint in [c for c in CHECKPOINTS if c <= plan.length(problem)] if table else (100, 200):
        margins = []
        for method in peers.PEERS:
            mine, theirs = _paired(records.get(plan.judged, {}), records.get(method, {}), checkpoint, scale)
            if mine:
                margin = float(np.median(mine) - np.median(theirs))
                margins.append((margin, f"{method} {np.median(theirs):.3f}, {len(mine)} seeds"))
        margin, note = min(margins, default=(None, ""))
        bars.ask(
            f"{name}, {plan.judged} at {checkpoint} less the best peer",
            margin,
            "≥" if table else ">",
            0.0,
            note,
        )


# Batch


def batch_tasks(plan: Plan) -> Iterable[Task]:
    for seed in range(plan.seeds):
        for problem in _batch_problems(plan):
            for batch in (1, *BATCHES):
                yield plan.ours(problem, plan.judged, seed, batch)


def _batch_problems(plan: Plan) -> list[str]:
    return [problem for problem in plan.problems if problem in (*tables.TABLES, "zdt1")]


def batch_report(plan: Plan, remembered: Remembered, bars: Bars) -> dict[str, Any]:
    print(f"BATCH: {plan.judged}, so many at a time with the others pending; median (quartiles) worst\n")
    reached = [c for c in CHECKPOINTS if c <= min(plan.trials, 200)]
    record: dict[str, Any] = {}
    for problem in _batch_problems(plan):
        runs: dict[int, Records] = {
            batch: {
                s: r
                for s in range(plan.seeds)
                if (r := remembered.get(plan.ours(problem, plan.judged, s, batch)))
            }
            for batch in (1, *BATCHES)
        }
        for scale, suffix in SCALES.items():
            print_table(
                [problem + suffix, "seeds", *map(str, reached)],
                [
                    [
                        f"batch {batch}",
                        str(len(found)),
                        *(spread(list(at(found, c, scale).values())) for c in reached),
                    ]
                    for batch, found in runs.items()
                ],
            )
            for checkpoint in reached:
                one, eight = _paired(runs[1], runs[8], checkpoint, scale)
                loss = float(np.median(one) - np.median(eight)) if one else None
                bars.ask(f"{problem}{suffix}, loss by batches of 8 at {checkpoint}", loss, "≤", BATCH_LOSS)
        record[problem] = {
            batch: {"seeds": list(found), "runs": list(found.values())} for batch, found in runs.items()
        }
    bars.print()
    return record


# Noise


def noise_tasks(plan: Plan) -> Iterable[Task]:
    for seed in range(plan.seeds):
        for problem in _noise_problems(plan):
            yield plan.ours(problem, plan.judged, seed)
            yield plan.noise(problem, seed)


def _noise_problems(plan: Plan) -> list[str]:
    return [problem for problem in plan.problems if problem.startswith("fcnet")]


def noise_report(plan: Plan, remembered: Remembered, bars: Bars) -> dict[str, Any]:
    trials = max(c for c in CHECKPOINTS if c <= min(plan.trials, NOISE_TRIALS))
    print(
        f"NOISE: {plan.judged}, one random training a trial, a replicate every {plan.replicate} trials; the front "
        "named by means, evaluated free of noise; median (quartiles) worst\n"
    )
    rows, record = [], {}
    for problem in _noise_problems(plan):
        noisy = {s: r for s in range(plan.seeds) if (r := remembered.get(plan.noise(problem, s)))}
        free: Records = {s: r for s in noisy if (r := remembered.get(plan.ours(problem, plan.judged, s)))}
        off_front = sum(r["replicates_off_front"] for r in noisy.values())
        replicates = float(np.median([r["replicates"] for r in noisy.values()])) if noisy else None
        for scale, suffix in SCALES.items():
            named = {seed: noisy[seed]["named"][scale][str(trials)] for seed in free}
            there = at(free, trials, scale)
            shares = [value / there[seed] for seed, value in named.items()]
            rows.append(
                [
                    problem + suffix,
                    str(len(named)),
                    spread(list(there.values())),
                    spread(list(named.values())),
                    spread(shares),
                    "–" if replicates is None else f"{replicates:g}",
                    str(off_front),
                ]
            )
            share = float(np.median(shares)) if shares else None
            bars.ask(f"{problem}{suffix}, share of the noise-free at {trials}", share, "≥", NOISE_SHARE)
        bars.ask(f"{problem}, replicates a search", replicates, "≥", 1)
        bars.ask(f"{problem}, replicates off the front", off_front if noisy else None, "≤", 0)
        record[problem] = {"seeds": list(noisy), "runs": list(noisy.values())}
    print_table(
        [f"at {trials}", "seeds", "noise-free", "named under noise", "share", "replicates", "off front"], rows
    )
    bars.print()
    return record
