"""Going on with a study: what must be as it was, told apart from what is only worded or numbered otherwise."""

import pytest

from ecojax.energy import Provenance, Rank
from ecojax.errors import StudyError
from ecojax.session.loop import Listener
from ecojax.session.resume import note_data, require_agreement
from ecojax.study import StudyStore

A, B = "GPU-5a3c0b1e-8d11-4c7e-9a55-0123456789ab", "GPU-77777777-8d11-4c7e-9a55-0123456789ab"
COUNTER, H100 = "NVML energy counter", "NVIDIA H100 80GB HBM3"


def board(model=H100, uuid=A, by=COUNTER, rank=Rank.ENERGY_COUNTER, percent=5.0) -> Provenance:
    return Provenance(rank.kind, by, f"{model} {uuid}", percent, rank)


def facts(provenance: Provenance, **other) -> dict:
    return {
        "dataset_version": "1",
        "splits": {"train": {"size": 5}},
        "inputs": {"shape": [8, 8, 1]},
        "device_kind": f"gpu: {H100}",
        "resolved_precision": "bfloat16",
        "energy_provenance": str(provenance),
        "energy_provenance_record": provenance.to_dict(),
    } | other


@pytest.fixture
def study(tmp_path):
    def make(**stored):
        return StudyStore.create(tmp_path / "study", {"objectives": ["accuracy"]}, facts=stored)

    return make


@pytest.mark.parametrize(
    "here",
    [
        board(uuid=B),
        board(uuid="MIG-GPU-5a3c0b1e-8d11-4c7e-9a55-0123456789ab/1/0"),
        board(by="NVML total energy counter"),
        board(percent=7.0),
    ],
)
def test_another_board_of_the_same_model_or_another_wording_goes_on(study, here):
    with study(**facts(board())) as store:
        require_agreement(store, facts(here))


def test_another_amd_board_of_the_same_model_goes_on(study):
    here, there = (board("AMD Instinct MI300X", address) for address in ("0000:c1:00.0", "0000:c0:00.0"))
    with study(**facts(here)) as store:
        require_agreement(store, facts(there))


OTHERS = {
    "another model": (board("NVIDIA A100-SXM4-40GB"), "scope"),
    "instant power": (board(by="NVML instant power, integrated", rank=Rank.SAMPLED_POWER), "rank"),
    "another meter": (board(by="amdsmi energy accumulator"), "meter"),
    "modeled": (board(by="CPU time × 10 W per core", rank=Rank.WATTS_PER_CORE), "kind"),
}


@pytest.mark.parametrize(("here", "part"), OTHERS.values(), ids=OTHERS.keys())
def test_energy_of_another_origin_is_refused_by_what_differs(study, here, part):
    with study(**facts(board())) as store, pytest.raises(StudyError, match=rf"{part} \(.* against "):
        require_agreement(store, facts(here))


def test_other_watts_per_core_are_another_model(study):
    ten, twelve = (
        Provenance("modeled", f"CPU time × {watts} W per core", "this process", 30.0, Rank.WATTS_PER_CORE)
        for watts in ("10", "12.5")
    )
    with study(**facts(ten)) as store, pytest.raises(StudyError, match="meter"):
        require_agreement(store, facts(twelve))


def older(provenance: str) -> dict:
    """The facts of a study whose release knew provenance as text only."""
    stored = facts(board(), energy_provenance=provenance)
    del stored["energy_provenance_record"]
    return stored


@pytest.mark.parametrize(
    "written",
    [
        f"measured (NVML energy counter, {H100} {A}, ±5 %)",
        f"measured (NVML energy counter of the board, {H100})",
        "who knows",
    ],
)
def test_an_older_study_is_not_refused_for_the_words_of_its_provenance(study, written):
    with study(**older(written)) as store:
        require_agreement(store, facts(board(uuid=B)))


@pytest.mark.parametrize(
    ("written", "part"),
    [
        ("modeled (CPU time × 10 W per core, this process, ±30 %)", "kind"),
        ("measured (RAPL, 2 packages of this host, ±10 %)", "meter"),
    ],
)
def test_an_older_study_of_another_kind_or_meter_is_refused(study, written, part):
    with study(**older(written)) as store, pytest.raises(StudyError, match=rf"{part} \("):
        require_agreement(store, facts(board()))


def test_a_fact_that_an_older_study_lacks_is_no_refusal(study):
    with study(dataset_version="1") as store:
        require_agreement(store, facts(board()))


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("dataset_version", "2"),
        ("resolved_precision", "float32"),
        ("splits", {}),
        ("device_kind", "cpu: cpu"),
    ],
)
def test_another_fact_is_refused_by_name_with_both_values(study, fact, value):
    with study(**facts(board())) as store, pytest.raises(StudyError, match=fact) as refused:
        require_agreement(store, facts(board(), **{fact: value}))
    assert str(value) in str(refused.value)


DIGESTS = {"classes": "0", "train": "1", "validation": "2", "test": "3"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("train", "training inputs or outputs"),
        ("test", "test inputs or outputs"),
        ("classes", "classes or their order"),
    ],
)
def test_relabelled_data_are_refused_by_the_part_that_changed(study, changed, words):
    begun, here = (facts(board(), digests=digests) for digests in (DIGESTS, DIGESTS | {changed: "9"}))
    with (
        study(**begun) as store,
        pytest.raises(StudyError, match=rf"digests \({words}: other content") as refused,
    ):
        require_agreement(store, here)
    assert ", " not in str(refused.value).split("(")[1].split(")")[0]  # no other part


def test_a_study_without_a_digest_goes_on_with_a_note_and_has_one_from_then_on(study):
    class Notes(Listener):
        def __init__(self) -> None:
            self.texts: list[str] = []

        def noted(self, text: str) -> None:
            self.texts.append(text)

    notes, here = Notes(), facts(board(), digests=DIGESTS)
    with study(**facts(board())) as store:
        for _ in range(2):
            require_agreement(store, here)
            note_data(store, here, notes)
        assert ["digest" in text for text in notes.texts] == [True]
        with pytest.raises(StudyError, match="digests"):
            require_agreement(store, facts(board(), digests=DIGESTS | {"train": "9"}))


def test_a_users_model_is_told_by_its_file_whatever_folder_an_earlier_study_had_it_in(study):
    inputs = {"shape": [4], "model": "mine.py:build"}
    earlier = {"task_facts": {"model": "ecojax_code_mine_0a1b2c3d:build"}, "inputs": inputs}
    now = {"task_facts": {"model": "mine.py:build"}, "inputs": inputs}
    with study(**facts(board(), **earlier)) as store:
        require_agreement(store, facts(board(), **now))
        with pytest.raises(
            StudyError, match=r"model is 'mine.py:build' in the study and 'mine.py:other' here"
        ):
            require_agreement(store, facts(board(), **now | {"task_facts": {"model": "mine.py:other"}}))
