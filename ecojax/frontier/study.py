"""A study, read: its trials, its frontier and the member to take home. What `ecojax.search()` returns."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecojax.errors import FruitlessError, InputError
from ecojax.frontier.chance import Chance
from ecojax.frontier.pick import NAMES, conditions, pick, satisfying
from ecojax.frontier.provenances import provenances
from ecojax.frontier.quantities import written
from ecojax.frontier.reasons import bounds_of, why_none
from ecojax.frontier.repeats import by_configuration, merged
from ecojax.frontier.stated import check, check_figures
from ecojax.install import how_to_install
from ecojax.study import Metric, Status, StudyStore, Trial, selectable
from ecojax.study.declarations import metrics_of, presumed
from ecojax.study.facts import Facts
from ecojax.wording import option

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ecojax.frontier.extent import Extent


class Study:
    """A study as it stood when it was read; nothing here writes.

    path: its folder; `name` is the folder's.
    settings: what the search was asked for. facts: what its figures depend on. progress: how far it is.
    trials: all trials by id, failed and running ones too.
    objectives: names of metrics, in the order the search was given them.
    metrics: what its trials record, by name; the first is the quality.
    constraints: bounds that a member of the frontier meets, as {metric: {"min" and/or "max": bound}}.
    chance: what a guess is worth; None where the study does not say.
    """

    def __init__(
        self,
        folder: Path | str,
        settings: Mapping[str, Any],
        trials: Sequence[Trial],
        *,
        facts: Facts | None = None,
        progress: Mapping[str, Any] | None = None,
    ):
        self.path = Path(folder)
        self.name = self.path.resolve().name
        self._checked = False
        self.settings = dict(settings)
        self.facts = facts or Facts()
        self.progress = dict(progress or {})
        self.trials = list(trials)
        self.objectives: list[str] = list(self.settings["objectives"])
        self.constraints: dict[str, dict[str, float]] = dict(self.settings.get("constraints") or {})
        self.metrics: dict[str, Metric] = metrics_of(self.facts.record())
        self.chance = None if self.quality.chance is None else Chance(self.quality)

    @classmethod
    def open(cls, folder: Path | str) -> "Study":
        """The study in `folder`, also while a search still writes it.

        Raises `StudyError` for a folder without a study, a foreign, damaged or newer database, and settings that make
        no sense; figures are looked at when they are asked for.
        """
        with StudyStore.open(folder) as store:
            settings, facts, progress = store.settings(), store.facts(), store.progress()
            trials = store.trials()
        checked = check(folder, settings, facts, progress)
        return cls(folder, settings, trials, facts=checked, progress=progress)

    def __repr__(self) -> str:
        return f"<Study '{self.path}': {len(self.trials)} trials, {len(self.frontier())} on the frontier>"

    @property
    def title(self) -> str:
        """The study's name and its dataset's, for the head of a table or plot."""
        dataset = self.facts.dataset_title or self.settings.get("dataset")
        return f"{self.name} · {dataset}" if dataset else self.name

    @property
    def quality(self) -> Metric:
        """The metric that a training aims at."""
        return next(iter(self.metrics.values()))

    def metric(self, name: str) -> Metric:
        """The declaration of a metric; of one that nobody has declared, what its name tells."""
        return self.metrics.get(name) or presumed(name)

    def is_cost(self, name: str) -> bool:
        """Whether less of a metric is cheaper, and not better."""
        return name != self.quality.name and self.metric(name).is_cost

    # Which trials

    def counts(self) -> dict[str, int]:
        """How many trials have each status; every status is there."""
        found = Counter(trial.status for trial in self.trials)
        return {str(status): found[status] for status in Status}

    def complete(self) -> list[Trial]:
        """The trials that ended well, by id; they may exceed a constraint. Raises `StudyError` for damaged figures."""
        complete = [trial for trial in self.trials if trial.complete]
        if not self._checked:
            check_figures(self.path, complete, self.metrics)
            self._checked = True
        return complete

    def feasible(self) -> list[Trial]:
        """The complete trials that meet every constraint, as does every other of their configuration; by id."""
        trials = [trial for group in self._feasible_groups() for trial in group]
        return sorted(trials, key=lambda trial: trial.id)

    def configurations(self) -> list[Trial]:
        """The feasible configurations with finite objectives, each by the first of its trials, in the order of those.

        Where there are several trials of one, the figures are means over them, with their spread and the number of
        `repeats` (see `ecojax.frontier.repeats.merged`).
        """
        groups = [list(filter(self._finite, group)) for group in self._feasible_groups()]
        return [merged(group, self.metrics) for group in groups if group]

    def _finite(self, trial: Trial) -> bool:
        return all(math.isfinite(trial.metrics.get(name, math.nan)) for name in self.objectives)

    def repeats_of(self, trial: Trial) -> list[Trial]:
        """The complete trials of `trial`'s configuration, itself among them, by id."""
        groups = by_configuration(self.complete())
        return next((group for group in groups if trial.id in [one.id for one in group]), [])

    def better_than_chance(self, trial: Trial) -> bool | None:
        """Whether the quality of `trial` is significantly better than chance (one-sided, 95 %).

        None where the study does not say what chance gives, or the trial has no quality.
        """
        return None if self.chance is None else self.chance.is_beaten_by(trial)

    def beyond_chance(self, trials: Sequence[Trial]) -> list[Trial]:
        """Those of `trials` that are not known to be no better than chance; all of them where there are none."""
        return [trial for trial in trials if self.better_than_chance(trial) is not False] or list(trials)

    def _feasible_groups(self) -> list[list[Trial]]:
        from ecojax.study.constraints import violation

        return [
            group
            for group in by_configuration(self.complete())
            if all(violation(trial.metrics, self.constraints) == 0 for trial in group)
        ]

    def frontier(self) -> list[Trial]:
        """The configurations for which no feasible one is as good in every objective and better in one, in the means.

        Each is the first of its trials, with the means of all (see `configurations`). Best first by the first
        objective, then by the second, and so on. Of configurations with exactly the same objectives the earliest
        stands for all. Empty while no feasible trial is complete.
        """
        trials = self.configurations()
        if not trials:
            return []
        from ecojax.engine.dominance import is_non_dominated

        F = self._minimised(trials)
        members: dict[tuple[float, ...], Trial] = {}
        for trial, row, member in zip(trials, F.tolist(), is_non_dominated(F), strict=True):
            if member:
                members.setdefault(tuple(row), trial)
        return [members[row] for row in sorted(members)]

    def why_no_frontier(self) -> str | None:
        """Why there is no frontier: how the trials failed, or which bound how many of them break; else None."""
        return None if self.frontier() else why_none(self.trials, self.constraints, self.metrics)

    def require_frontier(self) -> list[Trial]:
        """The frontier. Raises `FruitlessError` saying why when it is empty."""
        members = self.frontier()
        if not members:
            raise FruitlessError(
                f"study '{self.name}' has no frontier yet: {self.why_no_frontier()}; search on with {option('resume')}"
            )
        return members

    # Which one

    def knee(self) -> Trial:
        """The frontier's member after which quality gets expensive: the one that gains most on both objectives.

        It lies farthest from the line between the frontier's two extremes, towards the ideal, with every objective
        scaled to [0, 1] (see `ecojax.frontier.knee`). Costs are taken as they are, not by their logarithm: a joule
        is a joule, and on a logarithmic axis the cheapest of models that have learnt next to nothing would win.
        Members that are no better than chance do not count while there are others.
        Raises `InputError` when there is no frontier.
        """
        from ecojax.frontier.knee import knee

        members = self.beyond_chance(self.require_frontier())
        return members[knee(self._minimised(members))]

    def best(self, metric: str | None = None, where: str | None = None) -> Trial:
        """The feasible trial with the best `metric`, by default the quality, among those that satisfy `where`; of
        several, one on the frontier.

        Repeats count by their mean, and it is as `frontier` gives it. Trials that are no better than chance do not
        count while there are others.

        `where` holds bounds as `pick` takes them: "energy_per_sample_j<=1e-4". Raises `InputError` for an unknown
        metric, malformed bounds, and when no trial satisfies them.
        """
        metric = self.quality.name if metric is None else metric
        minimised = selectable(metric, "best", self.metrics).minimised
        self.require_frontier()
        trials = satisfying(self.configurations(), conditions(where, self) if where else [], "trial")
        recorded = [trial for trial in trials if metric in trial.metrics]
        if not recorded:
            raise InputError(f"no trial of study '{self.name}' has a {metric} on record")
        recorded = self.beyond_chance(recorded)
        members = {trial.id for trial in self.frontier()}
        return min(recorded, key=lambda t: (minimised(t.metrics[metric]), t.id not in members, t.id))

    def pick(self, text: str) -> Trial:
        """The trial that `text` asks for, as it was recorded.

        Repeats are judged by their mean; of the configuration that is chosen, it is the first trial, with the figures
        of that one training.

        - `knee`: see `knee()`.
        - `best`: the frontier's best in the first objective.
        - `cheapest`: the frontier's least in the first objective that is a cost.
        - `17`: trial 17, on the frontier or not, if it is complete.
        - a bound on the quality, as in "accuracy>=0.6": the cheapest of the frontier's members that reach it.
        - `energy_per_sample_j<=1e-4`: the best of the frontier's members that stay within it.
        - several bounds, parted by commas or "and": the best of those that meet all, if one bounds a cost, and the
          cheapest otherwise.

        The cheapest is that of the members whose quality is significantly better than chance, while there are any.

        Raises `InputError` for anything else, and when nothing matches, naming what the frontier offers.
        """
        return pick(self, text)

    # How good

    def hypervolume_reference(self) -> dict[str, float] | None:
        """The point that the hypervolume is measured from: the quality at chance, and the dearest of every cost.

        Where the study does not say what chance is, it is the worst that there can be of what is maximised, and
        otherwise the worst of all feasible configurations, in the metrics' units; None when there is none.
        """
        from ecojax.frontier.volume import reference_of

        trials = self.configurations()
        if not trials:
            return None
        return {
            name: reference_of(self.metrics[name], [trial.metrics[name] for trial in trials])
            for name in self.objectives
        }

    def hypervolume_ideal(self, reference: Mapping[str, float] | None = None) -> dict[str, float] | None:
        """The point that the hypervolume is measured to, from the study's own reference or the one given.

        Perfection, as a share of 1; of a cost, which has no perfection on a logarithm, a millionth of the reference.
        """
        from ecojax.frontier.volume import ideal_of

        reference = self.hypervolume_reference() if reference is None else reference
        members = self.frontier()
        if reference is None or not members:
            return None
        return {
            name: ideal_of(self.metrics[name], reference[name], [trial.metrics[name] for trial in members])
            for name in self.objectives
        }

    def hypervolume(
        self, reference: Mapping[str, float] | None = None, *, plain: bool = False
    ) -> float | None:
        """The share of the box between `hypervolume_reference()` and `hypervolume_ideal()` that the frontier dominates.

        In [0, 1], on the scales on which gains are weighed: the logit of an accuracy, the logarithm of an energy (see
        `hypervolume_meaning()`). Give a `reference` like `hypervolume_reference()`'s to compare studies: by default
        each is measured from its own. None when no feasible trial is complete, and when no member is better in every
        objective than the study's own reference, as with a single trial, whose cost is also the dearest:
        `hypervolume_obstacle()` says so. Raises `InputError` for a reference at perfection.

        `plain` takes the metrics as they are, up to perfection at no cost, as ecojax did before it had scales.
        """
        own = reference is None
        reference = self.hypervolume_reference() if reference is None else reference
        if reference is None:
            return None
        from ecojax.frontier.volume import share_of_box

        members = self.frontier()
        values = [[trial.metrics[name] for trial in members] for name in self.objectives]
        try:
            volume = share_of_box(self._aims, values, reference, plain=plain)
        except InputError:
            if own:
                return None
            raise
        return None if own and volume == 0 else volume

    def hypervolume_meaning(self) -> str:
        """What `hypervolume()` is a share of, in words: "area in logit accuracy × log energy"."""
        from ecojax.frontier.volume import in_words

        return in_words(self._aims)

    def extent(self) -> "Extent":
        """How far the frontier reaches, how evenly, by its members that are better than chance, or all if none is."""
        from ecojax.frontier.extent import extent_of

        members = self.frontier()
        return extent_of(self._aims, self.quality, self.beyond_chance(members) if members else [])

    @property
    def _aims(self) -> list[Metric]:
        return [self.metrics[name] for name in self.objectives]

    def hypervolume_obstacle(self) -> str | None:
        """Why `hypervolume()` is None, in words; None where it is not."""
        if self.hypervolume() is not None:
            return None
        reference = self.hypervolume_reference()
        if reference is None:
            return "no feasible trial is complete"
        corner = " and ".join(
            f"{self.metrics[name].said.short} "
            f"{'above' if self.metrics[name].direction == 'maximize' else 'below'} "
            f"{written(self.metrics[name], bound)}"
            for name, bound in reference.items()
        )
        return f"no member has {corner}, the corner that it is measured from"

    def provenance(self, metric: str) -> str | None:
        """How the figures of `metric` came about: "modeled (CPU time × 10 W per core, ...)", "computed", ...

        A study should hold one provenance a metric; several (see `provenances`) are joined by "; ", which whoever shows
        it must not hide. None when no trial has the metric.
        """
        return "; ".join(self.provenances(metric)) or None

    def provenances(self, metric: str) -> list[str]:
        """Those of the complete trials, of which figures of two do not compare; boards of one model count as one."""
        return provenances(self.complete(), self.metric(metric))

    # In other forms

    def summary(self) -> dict[str, Any]:
        """The frontier and what it rests on, in plain values: the contract of `ecojax frontier --format json`.

        Metrics are in the units of `metrics`; what a trial has not recorded, or not as a finite number,
        is None.
        """
        frontier = self.frontier()
        names = self.metric_names(frontier)
        return {
            "study": self.name,
            "dataset": self.settings.get("dataset"),
            "seed": self.settings.get("seed"),
            "trials": self.counts(),
            "objectives": [
                {"name": name, "direction": self.metrics[name].direction, "provenance": self.provenance(name)}
                for name in self.objectives
            ],
            "constraints": [
                bound.to_dict() for bound in bounds_of(self.constraints, self.complete(), self.metrics)
            ],
            "stopped": self.progress.get("stopped"),
            "no_frontier": self.why_no_frontier(),
            "hypervolume": self.hypervolume(),
            "hypervolume_meaning": self.hypervolume_meaning(),
            "hypervolume_reference": self.hypervolume_reference(),
            "hypervolume_ideal": self.hypervolume_ideal(),
            "hypervolume_plain": self.hypervolume(plain=True),
            "hypervolume_obstacle": self.hypervolume_obstacle(),
            "extent": asdict(self.extent()),
            f"chance_{self.quality.name}": self.quality.chance,
            "picks": {text: self.pick(text).id for text in NAMES} if frontier else {},
            "frontier": [
                {
                    "trial": trial.id,
                    "config": dict(trial.configuration),
                    "metrics": {name: _finite(trial.metrics.get(name)) for name in names},
                    "better_than_chance": self.better_than_chance(trial),
                }
                for trial in frontier
            ],
        }

    def to_dataframe(self) -> "pd.DataFrame":
        """A row a trial: id, status, origin, on_frontier, the configuration as `config.*`, the metrics by name.

        Raises `InputError` when pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise InputError(f"to_dataframe() needs pandas; run {how_to_install('pandas')}") from None
        members = {trial.id for trial in self.frontier()}
        names = self.metric_names(self.trials)
        return pd.DataFrame(
            [
                {
                    "id": trial.id,
                    "status": str(trial.status),
                    "origin": trial.origin,
                    "on_frontier": trial.id in members,
                    **{f"config.{name}": value for name, value in trial.configuration.items()},
                    **{name: trial.metrics.get(name) for name in names},
                }
                for trial in self.trials
            ]
        )

    def metric_names(self, trials: Sequence[Trial]) -> list[str]:
        """The contract's metrics, then all others that `trials` have recorded, in a stable order."""
        recorded = {name for trial in trials for name in trial.metrics}
        metrics = self.metrics.values()
        contract = [metric.name for metric in metrics if metric.contract]
        known = [metric.name for metric in metrics if not metric.contract and metric.name in recorded]
        return [*contract, *known, *sorted(recorded - self.metrics.keys())]

    def _minimised(self, trials: Sequence[Trial]) -> "np.ndarray":
        """[trials, objectives], less is better; NaN where a trial lacks one."""
        import numpy as np

        rows = [
            [self.metrics[name].minimised(trial.metrics.get(name, math.nan)) for name in self.objectives]
            for trial in trials
        ]
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.objectives))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
