"""Ask and tell: what a program that evaluates for itself may rely on."""

import copy
import json
import math
import pickle
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest

import ecojax
from ecojax.engine.ask_tell import AskTell
from ecojax.errors import InputError
from ecojax.space import Choice, Float, Int, SearchSpace

PARAMETERS = (
    Float("rate", 1e-4, 1.0, log=True, default=0.01),
    Int("width", 8, 64, step=8, default=16),
    Choice("block", ("plain", "residual")),
    Float("momentum", 0.0, 0.9, when={"block": ("plain",)}),
)
SMALL = (Int("n", 1, 3), Choice("flip", (False, True)))  # six configurations
OBJECTIVES = {"score": "maximize", "cost": "minimize"}


def searched(steps: int = 0, *, space=PARAMETERS, batch: int = 1, **options) -> AskTell:
    """A search in which a pretended evaluation was told so many times, every fifth a failure."""
    defaults = {"seed": 1, "population": 6, "proposer": "local"}  # which has nothing to compile
    search = ecojax.ask_tell(space, OBJECTIVES, **(defaults | options))
    for _ in range(steps):
        for trial in search.ask(batch):
            search.tell(trial, evaluate(trial.configuration) if trial.id % 5 else None)
    return search


def evaluate(configuration) -> dict[str, float]:
    width = configuration.get("width", 8)
    score = math.log(width) - abs(math.log10(configuration.get("rate", 0.1)) + 1) / 4
    return {"cost": width**2 / 3, "score": score}


def proposals(search: AskTell, n: int = 6) -> list:
    return search.ask(n)


def test_it_needs_no_other_part_of_ecojax() -> None:
    code = """if True:
        import sys, ecojax
        from ecojax.space import Float
        search = ecojax.ask_tell([Float("x", 0.0, 1.0)], ["loss"], seed=0, population=2, proposer="nsga2")
        for _ in range(4):
            for trial in search.ask():
                search.tell(trial, trial.configuration["x"])
        rooms = {name for name in sys.modules if name.count(".") == 1 and name.startswith("ecojax.")}
        rooms = {name for name in rooms if hasattr(sys.modules[name], "__path__")}  # not the files beside them
        # the first names settings in messages
        assert rooms == {"ecojax.declaration", "ecojax.engine", "ecojax.space"}, rooms
        assert {"ecojax.session.loop", "ecojax.settings"}.isdisjoint(sys.modules)
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_front_is_what_no_other_beats_best_first() -> None:
    search = ecojax.ask_tell([Int("n", 0, 99)], OBJECTIVES, seed=0)
    told = {3: (1.0, 1.0), 4: (2.0, 2.0), 5: (1.5, 3.0), 6: (3.0, 9.0), 7: (3.0, 10.0)}
    for n, values in told.items():
        search.tell({"n": n}, values)
    assert [member.configuration["n"] for member in search.front()] == [6, 4, 3]
    assert search.front()[0].values == {"score": 3.0, "cost": 9.0}
    # from (0, 10): steps of 1 by 9, 1 by 8 and 1 by 1
    assert search.hypervolume({"score": 0, "cost": 10}) == pytest.approx(9 + 8 + 1)
    assert search.hypervolume([0, 10]) == pytest.approx(18)


def test_replicates_count_by_their_mean_with_its_standard_error() -> None:
    search = ecojax.ask_tell([Int("n", 0, 9)], ["loss"], seed=0)
    (asked,) = search.ask()
    for loss in (1.0, 2.0, 6.0):
        search.tell(asked.configuration, loss)
    (member,) = search.front()
    assert (member.replicates, member.values) == (3, {"loss": 3.0})
    assert member.standard_errors["loss"] == pytest.approx(np.std([1, 2, 6], ddof=1) / math.sqrt(3))
    search.tell(
        {"n": (asked.configuration["n"] + 1) % 10}, 2.5
    )  # worse than the best draw, better than the mean
    (best,) = search.front()
    assert (best.values, best.standard_errors) == ({"loss": 2.5}, None)
    assert len(search) == 4


def test_replicates_are_asked_for_on_request_and_of_the_front_only() -> None:
    search = searched(26, replicate=5)
    seen, asked_again = set(), 0
    for trial in json.loads(search.to_json())["trials"]:
        key = search.space.key(trial["configuration"])
        assert (key in seen) == (trial["origin"] == "replicate")
        asked_again += key in seen
        seen.add(key)
    assert asked_again == 4  # at 10, 15, 20 and 25


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_a_failure(value) -> None:
    search = searched()
    for trial in search.ask(3):
        search.tell(trial, {"score": 1.0, "cost": value})
    assert search.front() == []
    assert search.to_arrays()["status"].tolist() == ["failed"] * 3
    assert search.hypervolume([0.0, 1e9]) == 0
    assert "NaN" not in search.to_json()
    assert "Infinity" not in search.to_json()


def test_nan_everywhere_does_not_stop_it() -> None:
    search = searched()
    for _ in range(25):
        for trial in search.ask():
            search.tell(trial, [math.nan, math.nan])
    assert len({search.space.key(t["configuration"]) for t in json.loads(search.to_json())["trials"]}) == 25
    assert not search.exhausted


def test_a_failed_replicate_leaves_the_mean() -> None:
    search = searched()
    (trial,) = search.ask()
    search.tell(trial, [1.0, 2.0])
    search.tell(trial, None)
    assert search.front()[0].replicates == 1


@pytest.mark.parametrize("constraints", [{"memory": 0.5}, [0.5, -3.0], [-1.0, 0.1]])
def test_all_infeasible_goes_on_and_the_front_is_empty(constraints) -> None:
    search = searched()
    for _ in range(20):
        for trial in search.ask():
            search.tell(trial, evaluate(trial.configuration), constraints=constraints)
    assert len(search) == 20
    assert search.front() == []


def test_a_slack_constraint_is_feasible_and_an_unknown_one_a_failure() -> None:
    search = searched()
    one, other = search.ask(2)
    search.tell(one, [1.0, 1.0], constraints=[-0.1, 0.0])
    search.tell(other, [2.0, 0.0], constraints=[math.nan])
    assert [member.configuration for member in search.front()] == [one.configuration]
    assert search.to_arrays()["status"].tolist() == ["complete", "failed"]


def test_a_constant_objective() -> None:
    search = ecojax.ask_tell(PARAMETERS, ["loss", "one"], seed=0, population=4, proposer="nsga2")
    for _ in range(25):
        for trial in search.ask():
            search.tell(trial, [evaluate(trial.configuration)["cost"], 1.0])
    assert search.front()[0].values["loss"] == min(search.to_arrays()["values"][:, 0])


def test_a_space_of_one_configuration() -> None:
    search = searched(space=[Choice("family", ("mlp",)), Int("width", 8, 8)])
    assert [trial.configuration for trial in search.ask(3)] == [{"family": "mlp", "width": 8}]
    assert search.exhausted
    assert search.ask() == []


@pytest.mark.parametrize("proposer", ["assisted", "nsga2", "local", "sobol", "random"])
def test_asked_for_more_than_the_space_holds(proposer) -> None:
    search = searched(space=SMALL, proposer=proposer, population=2)
    found = []
    for _ in range(4):
        batch = search.ask(4)
        found += batch
        for trial in batch:
            search.tell(trial, [trial.configuration["n"], trial.configuration["flip"]])
    assert len(found) == len({search.space.key(trial.configuration) for trial in found}) == 6
    assert search.exhausted
    assert search.ask() == []
    assert AskTell.from_json(search.to_json()).exhausted


def test_a_batch_holds_no_configuration_twice_and_stays_pending() -> None:
    search = searched(8)
    batch = search.ask(8)
    assert len({search.space.key(trial.configuration) for trial in batch}) == 8
    assert search.pending == batch
    search.tell(batch[3].configuration, [1.0, 1.0])  # by its configuration, and out of order
    search.tell(batch[0].id, [1.0, 2.0])
    assert [trial.id for trial in search.pending] == [batch[i].id for i in (1, 2, 4, 5, 6, 7)]
    assert len(search) == 16


def test_what_was_never_asked_for_is_taken() -> None:
    search = searched()
    id_ = search.tell({"rate": np.float64(0.1), "width": 8, "block": np.str_("residual")}, [1.0, 2.0])
    (trial,) = json.loads(search.to_json())["trials"]
    assert (trial["id"], trial["origin"], trial["status"]) == (id_, "queued", "complete")
    assert search.front()[0].configuration == {"rate": 0.1, "width": 8, "block": "residual"}
    assert all(search.ask()[0].configuration != trial["configuration"] for _ in range(5))


def test_what_is_done_to_an_asked_configuration_stays_outside() -> None:
    search = searched()
    (trial,) = search.ask()
    trial.configuration.clear()
    search.tell(trial, [1.0, 2.0])
    assert search.front()[0].configuration["width"] == 16


def test_queued_configurations_come_first_completed_by_defaults() -> None:
    search = searched(queue=[{"width": 64}, {"block": "residual"}])
    first, second, third = search.ask(3)
    assert first.configuration == {"rate": 0.01, "width": 64, "block": "residual"}
    assert (second.configuration["width"], second.origin) == (16, "queued")
    assert third.origin != "queued"


def test_known_objectives_are_asked_for_once_a_configuration() -> None:
    calls: list[str] = []

    def known(configuration) -> dict[str, float]:
        calls.append(json.dumps(configuration, sort_keys=True))
        return {"cost": configuration["width"] ** 2 / 3}

    search = searched(13, known=known, proposer="assisted")
    assert calls
    assert len(calls) == len(set(calls))
    with pytest.raises(InputError, match="give from_json the same known="):
        AskTell.from_json(search.to_json())
    assert len(AskTell.from_json(search.to_json(), known=known)) == len(search)


# Checkpoints


@pytest.mark.parametrize(
    ("steps", "proposer"), [(0, "assisted"), (3, "assisted"), (26, "assisted"), (12, "nsga2"), (12, "local")]
)
def test_a_checkpoint_goes_on_as_the_search_would_have(steps, proposer) -> None:
    """Over the first population, variation and the model's proposals, with trials pending."""
    search = searched(
        steps, proposer=proposer, queue=[{"width": 64}], priors={"rate": {"mean": 0.1, "factor": 2}}
    )
    search.ask(2)
    text = search.to_json()
    again = AskTell.from_json(text)
    assert json.loads(again.to_json()) == json.loads(text)
    assert again.pending == search.pending
    assert again.front() == search.front()
    for trial in search.pending:
        for one in (search, again):
            one.tell(trial.id, evaluate(trial.configuration))
    assert proposals(again) == proposals(search)
    for name, array in search.to_arrays().items():
        np.testing.assert_array_equal(array, again.to_arrays()[name])


def test_the_seed_decides() -> None:
    assert proposals(searched(7)) == proposals(searched(7))
    assert proposals(searched(7)) != proposals(searched(7, seed=2))


def test_values_come_back_to_the_last_bit() -> None:
    search = searched()
    values = [0.1 + 0.2, 5e-324]
    search.tell(search.ask()[0], values)
    search.tell(search.ask()[0], [-0.0, 1e308])
    again = AskTell.from_json(search.to_json())
    assert again.to_arrays()["values"].tobytes() == search.to_arrays()["values"].tobytes()
    assert again.to_arrays()["values"][0].tolist() == values


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"width": Int("width", 8, 128, step=8, default=16)}, "high of parameter 'width' was 64 and is 128"),
        ({"rate": Float("rate", 1e-4, 1.0, default=0.01)}, "log of parameter 'rate' was true and is false"),
        ({"block": Choice("block", ("plain", "dense"))}, "choices of parameter 'block' was"),
        ({"momentum": None}, "parameter 'momentum' is gone"),
        ({"extra": Int("extra", 1, 2)}, "parameter 'extra' is new"),
        ({"momentum": Float("momentum", 0.0, 0.9)}, "when of parameter 'momentum'"),
    ],
    ids=["wider", "scale", "choices", "gone", "new", "condition"],
)
def test_a_changed_space_is_refused_by_the_parameters_name(changed, says) -> None:
    parameters = {p.name: p for p in PARAMETERS} | changed
    space = SearchSpace([p for p in parameters.values() if p is not None])
    text = searched(3).to_json()
    if says.startswith("choices"):
        space = SearchSpace([p if p.name != "momentum" else replace(p, when={}) for p in space])
        says = "parameter 'block'"
    with pytest.raises(InputError, match=says):
        AskTell.from_json(text, space=space)


def test_the_same_space_is_accepted_however_it_is_written() -> None:
    text = searched(3, space=[Float("x", 0, 1), Int("n", 1, 3)]).to_json()
    same = [Float("x", 0.0, 1.0, prior={"mean": 0.5, "sd": 0.1}), Int("n", 1, 3)]
    assert len(AskTell.from_json(text, space=same)) == 3
    with pytest.raises(InputError, match="parameter 'n' has the place of 'x'"):
        AskTell.from_json(text, space=same[::-1])


def test_migration_keeps_what_is_still_in_the_space() -> None:
    search = searched()
    rows = [(0.01, 8, "residual"), (0.5, 16, "residual"), (0.01, 64, "residual")]
    for rate, width, block in rows:
        search.tell({"rate": rate, "width": width, "block": block}, [1.0, float(width)])
    search.tell({"rate": 0.02, "width": 8, "block": "plain", "momentum": 0.3}, [1.0, 1.0])
    search.tell({"rate": 0.01, "width": 8, "block": "plain", "momentum": 0.45}, [1.0, 1.0])  # its default

    space = [
        Float("rate", 1e-4, 0.1, log=True),  # 0.5 is out
        Int("width", 8, 32, step=8),  # 64 is out
        Choice("block", ("plain", "residual", "dense")),
        Choice("norm", ("batch", "none"), default="none"),  # new; momentum is gone
    ]
    moved = AskTell.from_json(search.to_json(), space=space, migrate=True)
    kept = [trial["configuration"] for trial in json.loads(moved.to_json())["trials"]]
    assert kept == [
        {"rate": 0.01, "width": 8, "block": "residual", "norm": "none"},
        {"rate": 0.01, "width": 8, "block": "plain", "norm": "none"},
    ]
    assert moved.left_out == 3
    assert moved.ask()[0].id == 5  # no id comes twice


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"format": "x"}', '{"format": "ecojax ask/tell"}', "[" * 100_000],
    ids=lambda text: text[:20],
)
def test_a_text_that_is_no_checkpoint_is_refused(text) -> None:
    with pytest.raises(InputError, match="no checkpoint"):
        AskTell.from_json(text)


def test_a_checkpoint_of_another_version_is_refused() -> None:
    record = json.loads(searched(2).to_json()) | {"version": 99}
    with pytest.raises(InputError, match="version 99"):
        AskTell.from_json(json.dumps(record))


# Bad input


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1.0], "1 values do not fit the objectives score, cost"),
        ([1.0, 2.0, 3.0], "3 values do not fit"),
        (7.0, "1 values do not fit"),
        ({"score": 1.0}, "lack the objective 'cost'"),
        ({"score": 1.0, "cost": 2.0, "beauty": 3.0}, "'beauty' is no objective; there are score, cost"),
        ({"score": "1.0", "cost": 2.0}, "must be numbers"),
        ([None, 1.0], "must be numbers"),
        ([[1.0, 2.0]], "list of numbers"),
        ("ab", "must be numbers"),
    ],
    ids=str,
)
def test_wrong_values_are_refused_and_the_trial_stays_pending(values, says) -> None:
    search = searched()
    (trial,) = search.ask()
    with pytest.raises(InputError, match=says):
        search.tell(trial, values)
    assert search.pending == [trial]


@pytest.mark.parametrize(
    ("trial", "says"),
    [
        (7, "trial 7 was never asked for"),
        (True, "cannot tell of True"),
        (None, "cannot tell of None"),
        ({"rate": 0.1, "width": 8}, "lacks parameter 'block'"),
        ({"rate": 0.1, "width": 9, "block": "residual"}, "'width' = 9 lies outside"),
        ({"rate": 0.1, "width": 8, "block": "residual", "depth": 1}, "unknown parameter 'depth'"),
    ],
    ids=str,
)
def test_wrong_trials_are_refused(trial, says) -> None:
    search = searched()
    with pytest.raises(InputError, match=says):
        search.tell(trial, [1.0, 2.0])
    assert len(search) == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"objectives": []}, "1 to 6 objectives, got 0"),
        ({"objectives": list("abcdefg")}, "1 to 6 objectives, got 7"),
        ({"objectives": ["a", "a"]}, "names one twice"),
        ({"objectives": {"a": "up"}}, "'up' is no direction"),
        ({"population": 1}, "must be a whole number from 2"),
        ({"proposer": "oracle"}, "'oracle' is unknown"),
        ({"seed": -1}, "seed = -1"),
        ({"queue": [{"height": 3}]}, "unknown parameter 'height'"),
        ({"priors": {"height": {"mean": 1, "sd": 1}}}, "'height' is no parameter"),
        ({"priors": {"width": {"mean": 1, "sd": 1}}}, "prior.mean = 1 lies outside"),
        ({"space": []}, "search space is empty"),
    ],
    ids=str,
)
def test_wrong_options_are_refused(options, says) -> None:
    with pytest.raises(InputError, match=says):
        AskTell(**({"space": PARAMETERS, "objectives": OBJECTIVES} | options))


@pytest.mark.parametrize("n", [0, -1, 1.5, True, None])
def test_a_wrong_number_is_refused(n) -> None:
    with pytest.raises(InputError, match="must be a whole number from 1"):
        searched().ask(n)


@pytest.mark.parametrize("count", [1, 6])
def test_one_to_six_objectives(count) -> None:
    names = [f"f{i}" for i in range(count)]
    search = ecojax.ask_tell(
        [Float(f"x{i}", 0.0, 1.0) for i in range(6)], names, seed=0, population=4, proposer="nsga2"
    )
    for _ in range(12):
        for trial in search.ask():
            search.tell(trial, [trial.configuration[f"x{i}"] for i in range(count)])
    assert 0 < search.hypervolume([1.0] * count) <= 1


def test_compiling_the_model_is_announced_once(caplog):
    """The first proposal by model took seconds, and nobody knew what for."""
    space = [Float(f"announced_{i}", 0.0, 1.0) for i in range(7)]  # of a size that no other test compiles for

    def said_after(proposer):
        search = ecojax.ask_tell(space, ["cost"], population=4, proposer=proposer)
        for number in range(14):
            for trial in search.ask():
                search.tell(trial, number + sum(trial.configuration.values()))
        origins = {trial.origin for trial in search._trials.values()}
        return origins, [record.getMessage() for record in caplog.records]

    assert said_after("nsga2")[1] == []
    origins, said = said_after("assisted")
    assert "model" in origins
    assert len(said) == 1
    assert "ask_tell compiles its model of the objectives, which takes some seconds" in said[0]
    assert len(said_after("assisted")[1]) == 1  # compiled already


def test_a_metric_among_the_objectives_weighs_them_on_its_scale_and_they_stay_as_they_are() -> None:
    """It proposes what a search that is told the logarithms does, and tells of what it was told."""
    cost = ecojax.Metric("cost", "minimize", "J", link="log")
    plain = ecojax.Metric("cost", "minimize", link="identity")

    def filled(metric: ecojax.Metric, scale) -> AskTell:
        objectives = {"score": "maximize", "cost": metric}
        search = ecojax.ask_tell(PARAMETERS, objectives, seed=3, population=4, proposer="nsga2")
        for _ in range(24):
            for trial in search.ask():
                told = evaluate(trial.configuration)
                search.tell(trial, told | {"cost": scale(told["cost"])})
        return search

    search, by_hand = filled(cost, float), filled(plain, math.log)
    assert search.to_arrays()["genome"].tolist() == by_hand.to_arrays()["genome"].tolist()
    assert search.objectives == OBJECTIVES
    for member in search.front():
        assert member.values == pytest.approx(evaluate(member.configuration))
    again = AskTell.from_json(search.to_json())
    assert again.to_json() == search.to_json()
    assert again.ask(3) == search.ask(3)


def test_what_is_known_beforehand_is_weighed_too() -> None:
    cost = ecojax.Metric("cost", "minimize", "J", link="log")
    search = ecojax.ask_tell(
        PARAMETERS, {"score": "maximize", "cost": cost}, known=lambda c: {"cost": c["width"] ** 2}
    )
    known = search._known_weighed({"rate": 0.1, "width": 16, "block": "residual"})
    assert math.isnan(known[0])
    assert known[1] == pytest.approx(math.log(256))
    record = json.loads(search.to_json())
    assert record["objectives"] == {"score": "maximize", "cost": cost.to_record()}
    record["objectives"]["cost"] = {"name": "cost"}
    with pytest.raises(InputError, match=r"no checkpoint of an ask/tell search: .*'direction' is missing"):
        AskTell.from_json(json.dumps(record), known=lambda c: {"cost": 1.0})


def test_a_finite_space_is_told_to_be_exhausted_only_when_it_is() -> None:
    space = SearchSpace([Int("a", 0, 19), Int("b", 0, 9), Choice("c", tuple("abcdefghij"))])
    search = ecojax.ask_tell(space, ["loss"], proposer="random", population=2)
    asked = {space.key(trial.configuration) for trial in search.ask(2001)}
    assert len(asked) == space.size() == 2000
    assert search.exhausted


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int32])
def test_numpys_integers_are_whole_numbers(kind: type) -> None:
    def two(number):
        search = ecojax.ask_tell([Float("x", 0, 1)], ["loss"], seed=number(3), population=number(4))
        _, second = search.ask(number(2))
        search.tell(number(second.id), 1.0)
        return search.to_json()

    assert two(kind) == two(int)


@pytest.mark.parametrize("kind", [jnp.bfloat16, np.float16, np.float32, np.int8, Fraction])
def test_any_real_number_is_a_value(kind) -> None:
    search = ecojax.ask_tell([Float("x", 0, 1)], ["loss", "cost"])
    (trial,) = search.ask()
    search.tell(trial, {"loss": kind(3), "cost": kind(2)})
    assert search.front()[0].values == {"loss": 3.0, "cost": 2.0}


@pytest.mark.parametrize("value", ["3", b"3", 3j, np.datetime64("2020-01-01"), [1, "2"]])
def test_what_is_no_real_number_is_refused(value) -> None:
    search = ecojax.ask_tell([Float("x", 0, 1)], ["loss"])
    (trial,) = search.ask()
    with pytest.raises(InputError, match="must be numbers"):
        search.tell(trial, value)


def test_a_set_of_objectives_is_refused() -> None:
    with pytest.raises(
        InputError, match="is a set, whose order is not the same in every process; give a list"
    ):
        ecojax.ask_tell([Float("x", 0, 1)], {"loss", "cost"})


def test_a_real_that_is_told_with_other_digits_is_the_one_that_was_asked() -> None:
    search = ecojax.ask_tell([Float("x", 1e-5, 1, log=True)], ["loss"])
    (trial,) = search.ask()
    x = trial.configuration["x"]
    assert search.tell({"x": x * (1 + 1e-9)}, 1.0) == trial.id


@pytest.mark.parametrize("told", [0.123456789, 0.12345679, 0.123457])
def test_a_real_that_was_queued_with_more_digits_than_are_proposed_is_told_of_as_it_was_asked(told) -> None:
    search = ecojax.ask_tell([Float("x", 0, 1)], ["loss"], queue=[{"x": 0.123456789}])
    (trial,) = search.ask()
    assert [search.tell({"x": told}, loss) for loss in (1.0, 3.0)] == [trial.id, trial.id + 1]
    (member,) = search.front()
    assert member.configuration == {"x": 0.123456789}
    assert (member.values, member.replicates, search.pending) == ({"loss": 2.0}, 2, [])


def test_a_default_with_more_digits_than_are_proposed_is_told_of_as_it_was_asked() -> None:
    search = ecojax.ask_tell([Float("x", 0, 1, default=1 / 3), Choice("c", ("p", "q"))], ["loss"], queue=[{}])
    (trial,) = search.ask()
    assert search.tell(trial.configuration, 1.0) == trial.id


@pytest.mark.parametrize("again", [copy.deepcopy, lambda search: pickle.loads(pickle.dumps(search))])
def test_a_search_can_be_copied_and_pickled(again) -> None:
    search = ecojax.ask_tell([Float("x", 0, 1), Choice("c", ("p", "q"))], ["loss", "cost"], seed=5)
    for trial in search.ask(20):
        search.tell(trial, [trial.configuration["x"], 1 - trial.configuration["x"] ** 2])
    search.ask()
    twin = again(search)
    assert json.loads(twin.to_json()) == json.loads(search.to_json())
    assert twin.ask(3) == search.ask(3)
