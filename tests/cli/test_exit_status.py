"""What a job script is told by the exit status, and a person by the last lines."""

import json

import ecojax as package


def test_a_search_of_which_nothing_succeeded_exits_3_and_says_why(ecojax, tmp_path, small_search):
    diverging = ["--pin", "optimizer=sgd", "--pin", "sgd_learning_rate=1e30"]
    out = tmp_path / "s"
    answer = ecojax("search", *small_search, *diverging, "--evaluations", "1", "--out", out)
    assert answer.status == 3
    assert "none of its trials is complete (1 diverged; the last: " in " ".join(answer.out.split())
    assert "the search ended: the budget of 1 evaluations is spent" in answer.out
    for kind in ("table", "json", "csv"):
        assert ecojax("frontier", out, "--format", kind).status == 3
    record = json.loads(ecojax("frontier", out, "--format", "json").out)
    assert record["frontier"] == []
    assert "1 diverged" in record["no_frontier"]
    assert record["stopped"] == "the budget of 1 evaluations is spent"
    assert ecojax("export", out, "--to", tmp_path / "model").status == 3


def test_all_trials_failing_in_a_row_exits_3_and_is_on_record(ecojax, tmp_path, small_search):
    diverging = ["--pin", "optimizer=sgd", "--pin", "sgd_learning_rate=1e30", "--pin", "hidden_layers=1"]
    out = tmp_path / "s"
    answer = ecojax("search", *small_search, *diverging, "--evaluations", "9", "--out", out, "--quiet")
    assert answer.status == 3
    assert "all 4 trials failed, so the search stops" in answer.err
    assert "all 4 trials failed" in package.Study.open(out).progress["stopped"]


def test_a_search_of_which_nothing_is_feasible_says_which_bound_failed_how_often(
    ecojax, tmp_path, small_search
):
    out = tmp_path / "s"
    bounds = ["--constraint", "latency_ms<=1ns", "--constraint", "accuracy>=0%"]
    answer = ecojax("search", *small_search, *bounds, "--evaluations", "2", "--out", out)
    assert answer.status == 3
    said = " ".join(answer.out.split())
    assert "latency_ms ≤ 1.00 ns broken by 2 of 2, lowest " in said
    assert "accuracy ≥ 0 % broken by 0 of 2" in said
    assert "broken by 2 of 2" in answer.err
    record = json.loads(ecojax("frontier", out, "--format", "json").out)
    first, second = record["constraints"]
    assert (first["metric"], first["side"], first["broken"], first["trials"]) == ("latency_ms", "max", 2, 2)
    assert first["nearest"] > first["bound"]
    assert second["broken"] == 0


def test_a_bound_that_nothing_can_meet_is_refused_before_a_trial(ecojax, tmp_path, small_search):
    out = tmp_path / "s"
    answer = ecojax("search", *small_search, "--constraint", "parameters<=10", "--out", out)
    assert answer.status == 1
    assert (
        "no network of this space meets parameters<=10 (--constraint); the nearest has parameters = 610"
        in answer.err
    )
    assert "[1/" not in answer.err
    assert not out.exists()


def test_a_search_says_in_its_last_lines_what_ended_it(ecojax, tmp_path, small_search, study):
    assert "the search ended: the budget of 5 evaluations is spent" in ecojax("frontier", study).out
    out = tmp_path / "s"
    answer = ecojax("search", *small_search, "--budget", "1ms", "--out", out)
    assert answer.status == 0
    assert "the search ended: the budget of 0.001 s is spent" in answer.out


def test_every_status_is_in_the_help(ecojax):
    for command in ([], ["search"]):
        text = " ".join(ecojax(*command, "--help").out.split())
        assert all(f" {status} " in text for status in (0, 1, 2, 3, 130)), command
