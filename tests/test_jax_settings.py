"""Switches of JAX that people keep for other programs: they change nothing, or a study states them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ecojax
from ecojax.cli import main
from ecojax.errors import StudyError
from ecojax.jax_settings import computing, switches

SMALL: dict[str, Any] = {
    "dataset": "digits",
    "families": ["mlp"],
    "train_size": 300,
    "epochs": 1,
    "population": 2,
    "evaluations": 3,
    "objectives": ["accuracy", "flops"],
    "energy_ci": 0.5,
    "watts_per_core": 10.0,
    "device": "cpu",
}
SWITCHES: dict[str, Any] = {
    "jax_enable_x64": True,
    "jax_disable_jit": True,
    "jax_default_prng_impl": "rbg",
    "jax_threefry_partitionable": False,
    "jax_random_seed_offset": 5,
    "jax_numpy_dtype_promotion": "strict",
    "jax_numpy_rank_promotion": "raise",
    "jax_debug_nans": True,
    "jax_debug_infs": True,
    "jax_debug_key_reuse": True,
    "jax_check_tracer_leaks": True,
    "jax_transfer_guard": "disallow_explicit",
}


@pytest.fixture
def switched() -> Iterator[dict[str, Any]]:
    """A program that has set all of them for itself; the settings it has then."""
    before = {name: jax.config.values[name] for name in SWITCHES}
    guards = {name: value for name, value in jax.config.values.items() if "transfer_guard_" in name}
    for name, value in SWITCHES.items():
        jax.config.update(name, value)
    try:
        yield dict(jax.config.values)
    finally:
        for name, value in (before | guards).items():
            jax.config.update(name, value)


def found(study: Any) -> list[tuple[Any, ...]]:
    return [
        (trial.status, trial.configuration, trial.metrics.get("accuracy"), trial.metrics.get("flops"))
        for trial in study.trials
    ]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The study of a search whose process has set nothing."""
    study = ecojax.search(**SMALL, executor="inline", out=tmp_path_factory.mktemp("plain") / "study")
    assert [trial.complete for trial in study.trials] == [True] * 3
    return study


@pytest.fixture(scope="module")
def expected(plain: Any) -> list[tuple[Any, ...]]:
    return found(plain)


def test_a_search_within_a_program_of_other_settings_finds_the_same_and_leaves_them(
    tmp_path: Path, switched: dict[str, Any], expected: list[tuple[Any, ...]]
) -> None:
    study = ecojax.search(**SMALL, executor="inline", out=tmp_path / "study")
    assert found(study) == expected
    assert dict(jax.config.values) == switched


def test_workers_under_other_settings_in_their_environment_find_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: list[tuple[Any, ...]]
) -> None:
    for name, value in SWITCHES.items():
        monkeypatch.setenv(name.upper(), str(value))
    assert found(ecojax.search(**SMALL, out=tmp_path / "study")) == expected


def test_settings_of_a_block_hold_in_its_thread_alone_and_end_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        with computing():
            assert jnp.arange(3.0).dtype == jnp.float32
            assert switches() == "JAX_DEFAULT_MATMUL_PRECISION=highest"  # the user's decision
        assert jnp.arange(3.0).dtype == jnp.float64


def test_a_loaded_model_gives_the_same_logits_in_a_program_of_other_settings(
    tmp_path: Path, plain: Any, request: pytest.FixtureRequest
) -> None:
    ecojax.export_model(plain, to=tmp_path / "model")
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
    logits = ecojax.load(tmp_path / "model")(images)
    request.getfixturevalue("switched")
    again = ecojax.load(tmp_path / "model")(images)
    assert again.dtype == np.float32
    np.testing.assert_array_equal(again, logits)


def test_a_function_is_measured_without_jit_and_transfers_in_its_own_precision() -> None:
    from ecojax.energy import per_call

    with jax.disable_jit(), jax.transfer_guard("disallow"), jax.enable_x64(True):
        figure = per_call(
            lambda x: jnp.tanh(x @ x.T),
            np.ones((64, 64)),
            meter="modeled",
            batch_size=1,
            confidence_target=1.0,
            max_seconds=0.5,
        )
    assert figure.input_shape == "float64[64,64]"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "none"),
        ({"XLA_FLAGS": "--xla_dump_to=/x --xla_force_host_platform_device_count=2"}, "none"),
        (
            {"XLA_FLAGS": " --xla_cpu_max_isa=AVX2  --xla_cpu_enable_fast_math=true --xla_dump_to='a b'"},
            "XLA_FLAGS=--xla_cpu_enable_fast_math=true --xla_cpu_max_isa=AVX2",
        ),
        (
            {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2 --xla_cpu_max_isa=SSE4_2"},
            "XLA_FLAGS=--xla_cpu_max_isa=SSE4_2",
        ),
        ({"XLA_FLAGS": "flags.txt"}, "XLA_FLAGS=--xla_gpu_deterministic_ops=true"),
        ({"NVIDIA_TF32_OVERRIDE": "0"}, "NVIDIA_TF32_OVERRIDE=0"),
    ],
)
def test_flags_are_told_that_change_figures(
    environment: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("flags.txt").write_text("--xla_gpu_deterministic_ops=true\n--xla_dump_to=there\n")
    for name in ("XLA_FLAGS", "NVIDIA_TF32_OVERRIDE", "LIBTPU_INIT_ARGS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert switches() == expected


def test_a_study_does_not_go_on_under_flags_that_change_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    ecojax.search(**SMALL | {"evaluations": 1}, executor="inline", out=folder)
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    with pytest.raises(StudyError, match=r"jax_switches.*XLA_FLAGS=--xla_cpu_enable_fast_math=true"):
        ecojax.search(resume=True, evaluations=2, executor="inline", out=folder)
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_hlo_as_text=false")
    assert len(ecojax.search(resume=True, evaluations=2, executor="inline", out=folder).trials) == 2


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("JAX_ENABLE_X64", "maybe", "invalid truth value 'maybe' for environment 'JAX_ENABLE_X64'"),
        ("JAX_DEFAULT_PRNG_IMPL", "best", 'Invalid value "best" for JAX flag jax_default_prng_impl'),
    ],
)
def test_a_value_that_jax_does_not_take_is_named(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError(message)  # as JAX does when it is imported

    monkeypatch.setenv(name, value)
    monkeypatch.setattr("ecojax.api.search", fail)
    monkeypatch.setattr("sys.argv", ["ecojax", "search", "--dataset", "digits", "--quiet"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(f"ecojax: JAX does not take {name}={value}; ")
