"""What fails at the end of a search loses nothing of it; what can be known at the start is found there."""

import pytest

from ecojax import Study
from ecojax.errors import DataError, ExecutorError
from ecojax.session.workplace import Workplace

QUICK = ["--executor", "inline", "--evaluations", "2", "--epochs", "1", "--population", "2"]


def failing(error):
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [DataError("the test file is gone"), RuntimeError("out of memory")], ids=str
)
def test_a_failed_test_is_told_after_the_table_and_made_up_for(
    ecojax, small_search, tmp_path, monkeypatch, error
):
    folder = tmp_path / "study"
    with monkeypatch.context() as patch:
        patch.setattr(Workplace, "test", failing(error))
        answer = ecojax("search", *small_search, *QUICK, "--out", folder)
    assert answer.status == 1
    assert "accuracy" in answer.out  # the table
    last = answer.err.strip().splitlines()[-1]
    assert str(error) in last
    assert f"--resume --out '{folder}'" in last
    assert not any("test_accuracy" in trial.metrics for trial in Study.open(folder).trials)
    resumed = ecojax("search", "--resume", "--out", folder)
    assert resumed.status == 0
    study = Study.open(folder)
    assert len(study.trials) == 2  # nothing is trained again
    assert all("test_accuracy" in trial.metrics for trial in study.frontier())


def test_a_comparison_that_fails_does_not_keep_the_frontier_from_its_test(
    ecojax, small_search, tmp_path, monkeypatch
):
    folder = tmp_path / "study"
    monkeypatch.setattr(Workplace, "compare", failing(ExecutorError("the worker died")))
    answer = ecojax("search", *small_search, *QUICK, "--out", folder)
    assert answer.status == 1
    assert "the worker died" in answer.err.strip().splitlines()[-1]
    assert all("test_accuracy" in trial.metrics for trial in Study.open(folder).frontier())


@pytest.mark.parametrize("where", ["file/study", "file/deep/study"])
def test_a_folder_that_cannot_be_written_is_found_before_the_data_are_read(
    ecojax, small_search, tmp_path, monkeypatch, where
):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("ecojax.data.load", failing(AssertionError("the data were read")))
    answer = ecojax("search", *small_search, "--out", tmp_path / where)
    assert answer.status == 1
    assert f"'{tmp_path / 'file'}' is a file; choose another --out" in answer.err


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("plot.jpg", "suffix"),
        ("missing/plot.png", "No such file or directory"),
        ("folder.png", "Is a directory"),
    ],
)
def test_a_plot_that_cannot_be_written_is_found_before_the_study_is_read(
    ecojax, tmp_path, monkeypatch, name, says
):
    (tmp_path / "folder.png").mkdir()
    monkeypatch.setattr("ecojax.frontier.Study.open", failing(AssertionError("the study was read")))
    answer = ecojax("frontier", "anything", "--plot", tmp_path / name)
    assert answer.status == 1
    assert says in answer.err
    assert {path.name for path in tmp_path.iterdir()} == {"folder.png"}


def test_a_plot_that_fails_does_not_keep_the_table_back(ecojax, study, tmp_path, monkeypatch):
    monkeypatch.setattr("ecojax.frontier.plot.draw", failing(OSError(28, "No space left on device")))
    answer = ecojax("frontier", study, "--plot", tmp_path / "plot.png")
    assert answer.status == 1
    assert "accuracy" in answer.out
    assert "No space left" in answer.err


def test_a_model_that_cannot_be_written_is_found_before_the_study_is_read(ecojax, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("ecojax.frontier.Study.open", failing(AssertionError("the study was read")))
    answer = ecojax("export", "anything", "--to", tmp_path / "file" / "model")
    assert answer.status == 1
    assert "is a file; choose another --to" in answer.err
