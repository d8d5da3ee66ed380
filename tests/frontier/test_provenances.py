"""Whose figures compare: boards of one model do, two meters do not, and what went on meanwhile is neither."""

from ecojax.energy import Provenance, Rank
from ecojax.frontier.provenances import provenances
from ecojax.frontier.table import notes
from ecojax.study import METRICS, Status, Trial

A, B = "GPU-5a3c0b1e-8d11-4c7e-9a55-0123456789ab", "GPU-77777777-8d11-4c7e-9a55-0123456789ab"


def counter(model: str, uuid: str) -> Provenance:
    return Provenance("measured", "NVML energy counter", f"{model} {uuid}", 5.0, Rank.ENERGY_COUNTER)


def trial(id_: int, provenance: Provenance, *, recorded: bool = True, tail: str = "") -> Trial:
    record = {"provenance": provenance.to_dict()}
    return Trial(
        id=id_,
        configuration={"family": "mlp"},
        origin="sobol",
        seed=id_,
        status=Status.COMPLETE,
        metrics={"energy_per_sample_j": 1e-6, "train_energy_j": 3.0, "latency_ms": 1.0},
        provenance={
            "energy_per_sample_j": str(provenance),
            "train_energy_j": str(provenance) + tail,
            "latency_ms": "measured (wall clock, NVIDIA H100)",
        },
        details={"energy": record, "train_energy": record} if recorded else {},
    )


NAMES = ("energy_per_sample_j", "train_energy_j", "latency_ms")


def test_boards_of_one_model_are_one_provenance_which_names_none_of_them():
    for recorded in (True, False):
        trials = [
            trial(k, counter("NVIDIA H100", uuid), recorded=recorded) for k, uuid in enumerate((A, B, A))
        ]
        assert provenances(trials, METRICS["train_energy_j"]) == [
            "measured (NVML energy counter, NVIDIA H100, ±5 %)"
        ]
        assert provenances(trials[:1], METRICS["train_energy_j"]) == [
            f"measured (NVML energy counter, NVIDIA H100 {A}, ±5 %)"
        ]
        assert len(provenances(trials, METRICS["latency_ms"])) == 1


def test_what_was_compiled_meanwhile_in_an_older_study_is_no_provenance():
    board = counter("NVIDIA H100", A)
    tails = (
        "",
        ", with the compilation of later candidates meanwhile",
        ", with what other workers did meanwhile, with the compilation of later candidates meanwhile",
    )
    trials = [trial(k, board, recorded=False, tail=tail) for k, tail in enumerate(tails)]
    assert provenances(trials, METRICS["train_energy_j"]) == [str(board)]


def test_two_models_or_two_meters_do_not_compare():
    sampled = Provenance(
        "measured", "NVML instant power, integrated", f"NVIDIA H100 {A}", 10.0, Rank.SAMPLED_POWER
    )
    for other in (counter("NVIDIA A100", A), sampled):
        for recorded in (True, False):
            trials = [
                trial(0, counter("NVIDIA H100", A), recorded=recorded),
                trial(1, other, recorded=recorded),
            ]
            assert len(provenances(trials, METRICS["energy_per_sample_j"])) == 2


def test_another_wording_of_the_same_origin_is_no_other_provenance():
    board = counter("NVIDIA H100", A)
    renamed = Provenance("measured", "NVML total energy counter", board.scope, 6.0, board.rank)
    assert provenances([trial(0, board), trial(1, renamed)], METRICS["energy_per_sample_j"]) == [
        str(board).replace(f" {A}", "")
    ]


def test_damaged_records_fall_back_to_the_text():
    board = counter("NVIDIA H100", A)
    for record in ({}, {"kind": "measured"}, {"kind": "measured", "by": 3, "scope": []}, "text", None):
        one = trial(0, board)
        damaged = Trial(
            **{**vars(one), "details": {"energy": {"provenance": record}, "train_energy": record}}
        )
        for metric in NAMES[:2]:
            assert provenances([damaged, one], METRICS[metric]) == [str(board)]


def test_the_table_does_not_warn_of_boards_of_one_model(make_study, tmp_path):
    from ecojax.frontier import Study
    from ecojax.study import StudyStore

    study = make_study([(0.9, 1e-5)])
    with StudyStore.open(study.path, write=True) as store:
        for id_, board in enumerate((counter("NVIDIA H100", A), counter("NVIDIA H100", B)), start=1):
            store.start(id_, {"family": "mlp", "width": id_}, origin="sobol", seed=id_)
            store.end(
                id_,
                Status.COMPLETE,
                metrics={"accuracy": 0.5, "energy_per_sample_j": 1e-6 * id_, "train_energy_j": 3.0},
                provenance={"train_energy_j": str(board)},
            )
    lines = notes(Study.open(study.path), ["train_energy_j"])
    assert any("NVML energy counter, NVIDIA H100, ±5 %" in line for line in lines)
    assert not any("unequal provenance" in line for line in lines)
