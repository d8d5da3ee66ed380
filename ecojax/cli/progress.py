"""What a search shows while it runs: a live display on a terminal, a line a trial elsewhere, nothing when quiet.

All of it goes to standard error; standard output belongs to results.
"""

import math
import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecojax.errors import InputError
from ecojax.frontier.chance import Chance
from ecojax.frontier.extent import extent_of
from ecojax.frontier.quantities import duration, joules, times, written
from ecojax.frontier.repeats import by_configuration, merged
from ecojax.frontier.volume import in_words, reference_of, share_of_box
from ecojax.session.aim import Aim
from ecojax.session.loop import Listener
from ecojax.study import METRICS, Metric, Status, Trial
from ecojax.study.constraints import violation

if TYPE_CHECKING:
    from ecojax.data import Progress


STOPPING = "finishing the trials that run; Ctrl-C once more stops now"


class Silent(Listener):
    """Hears everything, says nothing, and keeps count for those that do."""

    def __init__(self) -> None:
        self.counts: Counter[Status] = Counter()
        self.spent_j = 0.0
        self.began = time.perf_counter()
        self.folder: Path | None = None
        self.planned = 0
        self._ended_here = 0
        self.objectives: Sequence[str] = ()
        self.metrics: Mapping[str, Metric] = METRICS
        self.constraints: Mapping[str, Mapping[str, float]] = {}
        self._standing: list[Trial] = []
        self._frontier: list[Trial] = []
        self._reference: dict[str, float] = {}

    def aiming(self, aim: Aim) -> None:
        self.objectives, self.constraints, self.metrics = aim.objectives, aim.constraints, aim.metrics

    def search_started(self, folder: Path, trials: Iterable[Trial], evaluations: int) -> None:
        self.folder, self.planned = folder, evaluations
        for trial in trials:
            if trial.status is not Status.RUNNING:
                self._count(trial)

    def trial_ended(self, trial: Trial) -> None:
        self._ended_here += 1
        self._count(trial)

    def data_progress(self, progress: "Progress") -> None:
        """Hears of downloads and of decoding."""

    def stopping(self) -> None:
        """Hears that somebody pressed Ctrl-C once. Called by a signal handler, between any two steps."""

    def interrupted(self, what: str) -> None:
        """Tells how to go on after `what` has ended the search."""
        if self.folder is not None:
            print(
                f"{what}; go on with: ecojax search --resume --out {shlex.quote(str(self.folder))}",
                file=sys.stderr,
            )
        else:
            print(f"{what} before the search had begun; nothing was written", file=sys.stderr)

    @property
    def done(self) -> int:
        return self.counts[Status.COMPLETE]

    @property
    def failed(self) -> int:
        return sum(self.counts.values()) - self.done - self.counts[Status.STOPPED]

    def time_left(self) -> str:
        """From the mean of the trials so far."""
        left = self.planned - sum(self.counts.values())
        if not self._ended_here or left < 0:
            return "–"
        return duration(left * (time.perf_counter() - self.began) / self._ended_here)

    def best(self) -> str:
        """The frontier so far at its ends: the best in each objective."""
        if not self._frontier:
            return "–"
        ends = [min(self._frontier, key=partial(self._minimised, name)) for name in self.objectives]
        return " … ".join(dict.fromkeys(map(self.point, ends)))

    def reach(self) -> str:
        """What the frontier so far has won: "5 members, energy 12.3 times, hypervolume 0.386 (area in ...)"."""
        if not self._frontier:
            return "–"
        aims = [self.metrics[name] for name in self.objectives]
        quality = next(iter(self.metrics.values()))
        chance = None if quality.chance is None else Chance(quality)
        better = [one for one in self._frontier if chance is None or chance.is_beaten_by(one) is not False]
        found = extent_of(aims, quality, better or self._frontier)
        values = [[trial.metrics[name] for trial in self._frontier] for name in self.objectives]
        try:
            volume = share_of_box(aims, values, self._reference)
        except InputError:  # the reference is perfect
            volume = 0.0
        parts = [
            f"{found.members} member{'s' if found.members > 1 else ''}",
            *(f"{self.metrics[name].said.short} {times(span)}" for name, span in found.spans.items()),
            *([f"hypervolume {volume:.3f} ({in_words(aims)})"] if volume else []),
        ]
        return ", ".join(parts)

    def point(self, trial: Trial) -> str:
        """A trial in its objectives: "accuracy 97.6 %, energy 779 nJ"."""
        return ", ".join(
            f"{self.metrics[name].said.short} {written(self.metrics[name], trial.metrics.get(name, math.nan))}"
            for name in self.objectives
        )

    def _count(self, trial: Trial) -> None:
        self.counts[trial.status] += 1
        self.spent_j += trial.metrics.get("trial_energy_j", 0.0)
        if (
            trial.complete
            and violation(trial.metrics, self.constraints) == 0
            and all(math.isfinite(trial.metrics.get(name, math.nan)) for name in self.objectives)
        ):
            for name in self.objectives:
                seen = [self._reference[name]] if name in self._reference else []
                self._reference[name] = reference_of(self.metrics[name], [*seen, trial.metrics[name]])
            # of those that were on the frontier: what it looks like so far needs no more
            groups = by_configuration([*self._standing, trial])
            self._frontier = self._non_dominated([merged(group, self.metrics) for group in groups])
            kept = {one.id for one in self._frontier}  # by its first trial
            self._standing = [one for group in groups if group[0].id in kept for one in group]

    def _non_dominated(self, trials: list[Trial]) -> list[Trial]:
        """In the objectives; of equal trials the earliest. Few at a time, so that plain comparisons will do."""
        points = [tuple(self._minimised(name, trial) for name in self.objectives) for trial in trials]
        return [
            trial
            for place, (trial, point) in enumerate(zip(trials, points, strict=True))
            if not any(
                other != point and all(a <= b for a, b in zip(other, point, strict=True)) for other in points
            )
            and point not in points[:place]
        ]

    def _minimised(self, name: str, trial: Trial) -> float:
        return self.metrics[name].minimised(trial.metrics[name])


class Log(Silent):
    """A line a trial."""

    def stopping(self) -> None:
        with suppress(OSError, ValueError):  # closed, or no file
            os.write(sys.stderr.fileno(), f"{STOPPING}\n".encode())

    def told_plan(self, lines: Sequence[str]) -> None:
        print("\n".join(lines), file=sys.stderr, flush=True)

    def noted(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def trial_ended(self, trial: Trial) -> None:
        super().trial_ended(trial)
        ended = sum(self.counts.values())
        took = written(METRICS["trial_seconds"], trial.metrics.get("trial_seconds", 0.0))
        what = self.point(trial) if trial.complete else f"{trial.status}: {trial.error}"
        print(
            f"[{ended}/{self.planned}] trial {trial.id} ({trial.origin}) {what}, "
            f"{took}; spent {joules(self.spent_j)}, left {self.time_left()}",
            file=sys.stderr,
            flush=True,
        )

    def data_progress(self, progress: "Progress") -> None:
        if progress.done == progress.total:
            amount = f": {progress.done} {progress.unit}" if progress.total else ""
            print(f"{progress.stage} {progress.item}{amount}", file=sys.stderr, flush=True)


class Live(Silent):
    """A rich display: a bar, the counts, both ends of the frontier and its reach, energy spent, time left."""

    def __init__(self, console: Any) -> None:
        super().__init__()
        from rich.live import Live as RichLive
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
        )
        self._task = self._bar.add_task("starting", total=None)
        self._running: dict[int, Trial] = {}
        self._reached = "–"
        self._stopping = ""
        self._waiting = ""
        self.display = RichLive(get_renderable=self._render, console=console, refresh_per_second=4)

    def search_started(self, folder: Path, trials: Iterable[Trial], evaluations: int) -> None:
        super().search_started(folder, trials, evaluations)
        self._reached = self.reach()
        self._bar.update(
            self._task, description="trials", total=evaluations, completed=sum(self.counts.values())
        )

    def told_plan(self, lines: Sequence[str]) -> None:
        self.noted("\n".join(lines))

    def noted(self, text: str) -> None:
        self.display.console.print(text, markup=False, highlight=False)

    def stopping(self) -> None:
        self._stopping = STOPPING

    def waiting(self, seconds: float, whom: str) -> None:
        self._waiting = f"waiting for {duration(seconds)} for {whom}" if whom else ""

    def trial_started(self, trial: Trial) -> None:
        self._running[trial.id] = trial

    def trial_ended(self, trial: Trial) -> None:
        super().trial_ended(trial)
        self._reached = self.reach()
        self._running.pop(trial.id, None)
        self._bar.update(self._task, completed=sum(self.counts.values()))

    def measuring(self, members: int) -> None:
        self._bar.update(self._task, description=f"measuring the frontier's {members} models side by side")

    def testing(self, members: int) -> None:
        self._bar.update(self._task, description=f"testing the frontier's {members} models")

    def data_progress(self, progress: "Progress") -> None:
        self._bar.update(
            self._task,
            description=f"{progress.stage} {progress.item}",
            completed=progress.done,
            total=progress.total or None,
        )

    def _render(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        running = ", ".join(f"{trial.id} ({trial.origin})" for trial in [*self._running.values()]) or "–"
        stopped = f"   stopped {self.counts[Status.STOPPED]}" if self.counts[Status.STOPPED] else ""
        lines = [
            f"  done {self.done}{stopped}   failed {self.failed}   running {running}",
            f"  frontier  {self.best()}",
            f"            {self._reached}",
            f"  spent {joules(self.spent_j)} in {duration(time.perf_counter() - self.began)}   "
            f"left {self.time_left()}",
        ]
        lines += [f"  {self._waiting}"] if self._waiting else []
        lines += [self._stopping] if self._stopping else []
        return Group(self._bar, *(Text(line, overflow="ellipsis", no_wrap=True) for line in lines))


@contextmanager
def listening(*, quiet: bool) -> Iterator[Silent]:
    """The listener that suits the terminal, shown while the block runs."""
    if quiet:
        yield Silent()
        return
    # FORCE_COLOR makes rich take a file for a terminal, where a display that redraws itself is rubbish
    if not sys.stderr.isatty() or os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        yield Log()
        return
    from rich.console import Console

    live = Live(Console(stderr=True))
    with live.display:
        yield live
