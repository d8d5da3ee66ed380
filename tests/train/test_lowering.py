"""Every program of every family lowers for accelerators, which takes no accelerator: only compiling would."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import pytest

from ecojax.models import FAMILIES


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@pytest.mark.parametrize("name", FAMILIES)
def test_training_and_inference_lower_without_what_an_accelerator_lacks(
    make_program, traced, name, platform, monkeypatch
) -> None:
    """No float64, which a TPU has not, and nothing that asks the host in the middle of a program."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu" if platform == "cuda" else platform)
    program = make_program(name, optimizer="adamw", batch_size=16)
    program = replace(program, network=replace(program.network, precision="bfloat16"))
    images, labels = jax.ShapeDtypeStruct((64, 8, 8, 1), jnp.uint8), jax.ShapeDtypeStruct((64,), jnp.int32)
    key = jax.random.key(0)
    state = jax.eval_shape(program.init, key)
    batches = [jax.ShapeDtypeStruct((2, 32, *one.shape[1:]), one.dtype) for one in (images, labels)]
    lowered = partial(lower, platform)
    texts = [
        lowered(program.init, key),
        lowered(program.advance, state, traced(dropout=0.1), images, labels, jnp.float32(4), key),
        lowered(program.evaluate, state.weights, *batches),
        lowered(program.network.logits, state.weights, images),
    ]
    for text in texts:
        assert "f64" not in text
        assert "callback" not in text


def lower(platform, fn, *args) -> str:
    return jax.jit(fn).trace(*args).lower(lowering_platforms=(platform,)).as_text()
