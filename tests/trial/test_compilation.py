"""Shapes compiled together: what is needed comes out, nothing is kept for ever, and an interrupt leaves no thread."""

import signal
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from ecojax.tasks.supervised.training import SupervisedTraining
from ecojax.trial.compilation import PROGRAMS_KEPT, Compiler
from ecojax.trial.worker import Evaluate, Upcoming


class Lowered:
    """Compiles to its own name, after a while."""

    def __init__(self, name: str, seconds: float, log: list[str]):
        self.name, self.seconds, self.log = name, seconds, log

    def as_text(self) -> str:
        return ""

    def compile(self, **_: object) -> str:
        self.log.append(self.name)
        if self.name.startswith("bad"):
            raise MemoryError(self.name)
        time.sleep(self.seconds)
        return self.name


PARTS = ("epoch", "evaluate", "init")


class Training:
    """Something to compile whose programs are texts."""

    def __init__(self, program: str, seconds: float, log: list[str]):
        self.program, self.seconds, self.log = program, seconds, log

    def lowered(self) -> dict[str, Lowered]:
        if self.program.startswith("unbuilt"):
            raise ValueError(self.program)
        return {part: Lowered(f"{self.program} {part}", self.seconds, self.log) for part in PARTS}


class Compiled:
    """A compiler that is called with programs."""

    def __init__(self, compiler: Compiler, seconds: float, log: list[str]):
        self.compiler, self.seconds, self.log = compiler, seconds, log

    def __call__(self, program: str, upcoming: list[str] = ()) -> dict[str, str]:
        def training(of: str) -> Training:
            return Training(of, self.seconds, self.log)

        return self.compiler(training(program), [training(other) for other in upcoming])

    def __getattr__(self, name: str):
        return getattr(self.compiler, name)


def compiler(*, threads: int, seconds: float = 0.0, beside: bool = False) -> tuple[Compiled, list[str]]:
    log: list[str] = []
    return Compiled(Compiler(threads=threads, beside=beside), seconds, log), log


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_one_shape_a_thread_is_compiled_at_once_and_none_twice(threads) -> None:
    compiled, log = compiler(threads=threads)
    upcoming = ["b", "a", "b", "c", "d", "e"]
    assert compiled("a", upcoming) == {part: f"a {part}" for part in PARTS}
    assert {name.split()[0] for name in log} == set("abcde"[:threads])
    for name in "edcba":
        assert compiled(name, upcoming)["epoch"] == f"{name} epoch"
    assert sorted(log) == sorted(
        f"{name} {part}" for name in "abcde" for part in ("init", "epoch", "evaluate")
    )


@pytest.mark.parametrize("bad", ["bad", "unbuilt"])
def test_what_goes_wrong_with_an_upcoming_shape_is_its_own_affair(bad) -> None:
    compiled, _ = compiler(threads=3)
    assert compiled("a", [bad, "b"])["init"] == "a init"
    with pytest.raises((MemoryError, ValueError), match=bad):
        compiled(bad)
    assert compiled("b")["init"] == "b init"


def test_what_was_not_seen_for_long_is_dropped_and_never_what_is_needed() -> None:
    compiled, log = compiler(threads=PROGRAMS_KEPT * 2)
    names = [f"p{number}" for number in range(PROGRAMS_KEPT * 2)]
    assert compiled(names[0], names)["init"] == "p0 init"
    assert len(log) == 3 * PROGRAMS_KEPT
    for name in names:
        compiled(name)
    assert len(compiled._kept) == PROGRAMS_KEPT
    del log[:]
    compiled(names[-1])
    assert not log
    compiled(names[0])
    assert len(log) == 3


def test_an_interrupt_while_compiling_begins_nothing_more_and_leaves_no_thread() -> None:
    compiled, log = compiler(threads=2, seconds=0.3)
    before = threading.active_count()
    main = threading.main_thread().ident
    timer = threading.Timer(0.1, signal.pthread_kill, [main, signal.SIGINT])  # as the terminal does
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        compiled("a", ["b", "c"])
    timer.join()
    assert len(log) == 2  # two at a time, and no third
    assert threading.active_count() == before
    assert compiled("a")["init"] == "a init"  # nothing half done is kept


@pytest.mark.usefixtures("unmetered")
def test_results_do_not_depend_on_threads_or_on_what_was_compiled_before(make_evaluator) -> None:
    trained, monkeypatch = [], pytest.MonkeyPatch()
    for threads, upcoming in ((1, False), (4, True)):
        evaluator = make_evaluator(epochs=1, compile_threads=threads)
        configuration = evaluator.task.space.default()
        others = [configuration | {"batch_size": 64}, configuration | {"hidden_width": -1}]
        following = [Upcoming(other, 4) for other in others]
        trained.append([evaluator(Evaluate(configuration, 3, upcoming=following if upcoming else ()))])
        lowerings = []

        def counted(self, lowered=SupervisedTraining.lowered, count=lowerings.append):
            count(self)
            return lowered(self)

        monkeypatch.setattr(SupervisedTraining, "lowered", counted)
        trained[-1].append(evaluator(Evaluate(others[0], 4)))
        monkeypatch.undo()
        assert len(lowerings) == (not upcoming)  # compiled ahead, or now
    for one, other in zip(*trained, strict=True):
        assert one.metrics["accuracy"] == other.metrics["accuracy"]
        assert one.metrics["compile_energy_j"] >= 0
        for name, array in one.arrays.items():
            np.testing.assert_array_equal(other.arrays[name], array)


def beside(*, threads: int, seconds: float) -> tuple[Compiled, list[str]]:
    return compiler(threads=threads, seconds=seconds, beside=True)


def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()


def test_what_comes_next_compiles_beside_what_follows() -> None:
    compiled, log = beside(threads=2, seconds=0.05)
    assert compiled("a", ["b", "c", "a", "b"]) == {part: f"a {part}" for part in PARTS}
    assert not {"b evaluate", "c evaluate"} & set(log)  # nobody waited for them
    assert compiled.busy
    assert eventually(lambda: not compiled.busy)
    assert len(log) == 9
    assert compiled("c")["epoch"] == "c epoch"
    assert compiled("b")["epoch"] == "b epoch"
    assert len(log) == 9
    compiled.close()


def test_alone_means_that_nothing_compiles_and_nothing_begins_to() -> None:
    compiled, log = beside(threads=3, seconds=0.1)
    compiled("a", ["b", "c", "d"])
    with compiled.alone():
        seen = len(log)
        time.sleep(0.3)
        assert len(log) == seen < 12
    assert eventually(lambda: len(log) == 12)
    compiled.close()


@pytest.mark.parametrize("bad", ["bad", "unbuilt"])
def test_what_goes_wrong_beside_shows_when_its_turn_comes(bad) -> None:
    compiled, _ = beside(threads=2, seconds=0.0)
    compiled("a", [bad, "b"])
    assert eventually(lambda: not compiled.busy)
    assert compiled("b")["init"] == "b init"
    with pytest.raises((MemoryError, ValueError), match=bad):
        compiled(bad)
    compiled.close()


def test_what_is_proposed_and_never_tried_is_forgotten() -> None:
    compiled, _ = beside(threads=1, seconds=0.001)
    compiled("a", [f"p{number}" for number in range(3 * PROGRAMS_KEPT)])
    assert len(compiled._begun) <= PROGRAMS_KEPT
    compiled.close()


def test_closing_leaves_no_thread_and_begins_nothing_more() -> None:
    before = threading.active_count()
    compiled, log = beside(threads=1, seconds=0.1)
    compiled("a", ["b", "c", "d"])
    compiled.close()
    assert threading.active_count() == before
    assert len(log) < 12


@pytest.mark.usefixtures("unmetered")
def test_results_do_not_depend_on_compiling_beside(make_evaluator) -> None:
    outcomes = []
    for compile_beside in (False, True):
        evaluator = make_evaluator(epochs=1, compile_beside=compile_beside)
        configuration = evaluator.task.space.default()
        other = configuration | {"batch_size": 64}
        first = evaluator(Evaluate(configuration, 3, upcoming=[Upcoming(other, 4)]))
        outcomes.append((first, evaluator(Evaluate(other, 4))))
        assert first.details["train_energy"]["meanwhile"] == ["compiling later candidates"] * compile_beside
        # what else went on is no provenance: the trial after it compiles nothing
        assert first.provenance["train_energy_j"] == str(evaluator.meter.provenance)
        evaluator.close()
    for one, another in zip(*outcomes, strict=True):
        assert one.metrics["accuracy"] == another.metrics["accuracy"]
        for name, array in one.arrays.items():
            np.testing.assert_array_equal(another.arrays[name], array)
