"""`ecojax measure`: a function in a file and an exported model, as a person types it, and what a person gets wrong."""

import json

import pytest

MODULE = """
import jax, jax.numpy as jnp, numpy as np

normal = np.random.default_rng(0).normal
weights = (normal(size=(64, 32)).astype("f4"), normal(size=(32, 10)).astype("f4"))
images = normal(size=(16, 64)).astype("f4")


def example_inputs(batch_size=16):
    return weights, np.resize(images, (batch_size, 64))


def predict(weights, images):
    return jax.nn.relu(images @ weights[0]) @ weights[1]


def nothing(weights, images):
    return None


def host(weights, images):
    return np.asarray(images).sum()
"""
QUICK = ("--seconds", "0.3", "--energy-ci", "50%")


@pytest.fixture
def module(tmp_path):
    (tmp_path / "model.py").write_text(MODULE)
    return tmp_path / "model.py"


def test_a_function_at_two_batch_sizes(ecojax, module):
    answer = ecojax("measure", f"{module}:predict", "--batch", "1,64", *QUICK, "--json")
    assert answer.status == 0, answer.err
    record = json.loads(answer.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert record["format"] == "ecojax-measure"
    assert [row["batch_size"] for row in record["rows"]] == [1, 64]
    for row in record["rows"]:
        assert row["per_call_j"] == pytest.approx(row["batch_size"] * row["per_sample_j"])
        assert row["per_sample_ci95_j"] > 0
        assert 0 < row["latency"]["p50_s"] <= row["latency"]["p99_s"]
        assert row["latency"]["p50_s_ci95"][0] <= row["latency"]["p50_s"] <= row["latency"]["p50_s_ci95"][1]
        assert row["throughput_per_s"] == pytest.approx(row["batch_size"] / row["energy"]["latency_s"])
        assert row["energy"]["net_per_sample_j"] <= row["per_sample_j"]
        assert row["energy"]["provenance"]["kind"] == "modeled"
        assert "carbon" not in row
    assert record["rows"][1]["energy"]["input_shape"] == "float32[64,64]"


def test_carbon_is_stated_where_it_is_asked_for(ecojax, module):
    answer = ecojax(
        "measure", f"{module}:predict", *QUICK, "--grid", "DE", "--pue", "1.2", "--wue", "1.8", "--json"
    )
    row = json.loads(answer.out)["rows"][0]
    assert row["carbon"]["grams_co2e"] == pytest.approx(row["per_sample_j"] / 3.6e6 * 1.2 * 381)
    assert row["carbon"]["water_l"] == pytest.approx(row["per_sample_j"] / 3.6e6 * 1.8)
    assert "2023" in row["carbon"]["intensity_source"]


def test_the_table_states_provenance_and_gates(ecojax, module):
    answer = ecojax(
        "measure", f"{module}:predict", *QUICK, "--watts-per-core", "7", "--grid-intensity", "381"
    )
    assert answer.status == 0, answer.err
    for said in (
        "modeled (CPU time × 7 W per core",
        "latency p50",
        "time_ratio",
        "float32[16,64]",
        "as given",
    ):
        assert said in answer.out


def test_an_exported_model(ecojax, study, tmp_path):
    assert ecojax("export", study, "--pick", "cheapest", "--to", tmp_path / "model").status == 0
    answer = ecojax("measure", tmp_path / "model", *QUICK, "--json")
    assert answer.status == 0, answer.err
    row = json.loads(answer.out)["rows"][0]
    assert row["batch_size"] == 64  # as in its label
    assert row["energy"]["input_shape"] == "uint8[64,8,8,1]"
    assert any("images were random" in note for note in row["energy"]["notes"])


@pytest.mark.parametrize(
    ("source", "batch_size", "shape"),
    [
        (
            "import jax.numpy as jnp\nexample_inputs = (jnp.ones((3, 5)),)\ndef f(x): return x @ x.T\n",
            1,
            "[3,5]",
        ),
        ("import jax.numpy as jnp\ndef f(): return (lambda x: x @ x.T), (jnp.ones((3, 5)),)\n", 1, "[3,5]"),
        (
            "import jax.numpy as jnp\ndef f(batch_size): return (lambda x: x @ x.T), [jnp.ones((batch_size, 5))]\n",
            64,
            "[64,5]",
        ),
    ],
    ids=["a tuple", "a factory", "a factory of any batch size"],
)
def test_other_ways_to_give_example_inputs(ecojax, tmp_path, source, batch_size, shape):
    (tmp_path / "one.py").write_text(source)
    answer = ecojax("measure", f"{tmp_path / 'one.py'}:f", *QUICK, "--json")
    assert answer.status == 0, answer.err
    row = json.loads(answer.out)["rows"][0]
    assert (row["batch_size"], row["energy"]["input_shape"]) == (batch_size, f"float32{shape}")


@pytest.mark.parametrize(
    ("target", "options", "says"),
    [
        ("{module}:predikt", [], "has no function 'predikt'; it has predict"),
        ("{module}", [], "write module.py:function"),
        ("{folder}/none.py:f", [], "there is no file"),
        ("{folder}", [], "model.json"),
        ("{module}:nothing", [], "gives back no arrays"),
        ("{module}:host", [], "cannot be traced by JAX"),
        ("{module}:predict", ["--batch", "0"], "--batch '0'"),
        ("{module}:predict", ["--batch", "many"], "--batch 'many'"),
        ("{module}:predict", ["--energy-ci", "2"], "--energy-ci '2'"),
        ("{module}:predict", ["--seconds", "0"], "--seconds 0"),
        ("{module}:predict", ["--grid", "Atlantis"], "--grid-intensity"),
        ("{module}:predict", ["--pue", "1.2"], "add --grid DE"),
        ("{module}:predict", ["--meter", "abacus"], "abacus"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(ecojax, module, target, options, says):
    answer = ecojax("measure", target.format(module=module, folder=module.parent), *options)
    assert answer.status == 1
    assert len(answer.err.strip().splitlines()) == 1
    assert says in answer.err
    assert answer.out == ""


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("import not_there\n", [], "does not run: ModuleNotFoundError"),
        ("def f(x): return x\n", [], "give it a tuple `example_inputs`"),
        ("def f(): return 3\n", [], "returned a int"),
        ("example_inputs = 3\ndef f(x): return x\n", [], "give a tuple of arguments"),
        ("import jax.numpy as jnp\nexample_inputs = (jnp.ones(3),)\ndef f(x): return x\n", ["--batch", "2"],
         "example_inputs(batch_size)"),
    ],
)  # fmt: skip
def test_a_file_that_will_not_do(ecojax, tmp_path, source, options, says):
    (tmp_path / "one.py").write_text(source)
    answer = ecojax("measure", f"{tmp_path / 'one.py'}:f", *options)
    assert answer.status == 1
    assert len(answer.err.strip().splitlines()) == 1
    assert says in answer.err


SLIPS = {
    "leaves": ("import sys\nsys.exit(3)\n", "f", "ends the process where it is imported (sys.exit, code 3)"),
    "reads our options": (
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--seed')\nparser.parse_args()\n"
        "def f(x): return None\nimport numpy as np\nexample_inputs = (np.ones(3),)\n",
        "f",
        "gives back no arrays",  # and not argparse's usage
    ),
    "examples fail": (
        "def f(x): return x\ndef example_inputs(batch_size): raise OSError('no\\ndata')\n",
        "f",
        "example_inputs of '{target}' does not run: OSError: no data",
    ),
    "examples of two": (
        "def f(x): return x\ndef example_inputs(size, kind): return ()\n",
        "f",
        "example_inputs of '{target}' takes size, kind; let it take the batch size alone",
    ),
    "a factory fails": ("def f(batch_size): raise OSError('no data')\n", "f", "f of '{target}' does not run"),
    "another batch": (
        "import numpy as np\ndef f(x): return x @ x.T\ndef example_inputs(batch_size): return (np.ones((4, 8)),)\n",
        "f",
        "'{target}' was asked for inputs of batch size 64 and gave the shape (4, 8)",
    ),
    "a class": (
        "class F:\n    def __call__(self, x): return x\n",
        "F",
        "'{target}' is a class; give a function",
    ),
    "train mode": (
        "import numpy as np\nfrom flax import nnx\nf = nnx.Sequential(nnx.BatchNorm(8, rngs=nnx.Rngs(0)))\n"
        "def example_inputs(batch_size): return (np.ones((batch_size, 8), 'f4'),)\n",
        "f",
        "Sequential changes a model's state while it computes, as a model in train mode does",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_of_a_measured_file_are_one_sentence(ecojax, tmp_path, slip):
    source, function, says = SLIPS[slip]
    target = f"{tmp_path / 'slip.py'}:{function}"
    (tmp_path / "slip.py").write_text(source)
    answer = ecojax("measure", target, *QUICK)
    assert answer.status == 1
    assert says.format(target=target) in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert len(answer.err) < 500
