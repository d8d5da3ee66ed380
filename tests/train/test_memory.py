"""Memory: what XLA says a program takes, and what is left on a device."""

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from ecojax.train.memory import free_bytes, needed_bytes, require


def test_a_program_needs_its_results_and_what_it_works_with() -> None:
    n = 512
    matrix = jax.ShapeDtypeStruct((n, n), jnp.float32)
    # two products at a time wait for the third, whatever XLA fuses
    fn = lambda a, b: (a @ b) @ (b @ a)  # noqa: E731
    assert needed_bytes(jax.jit(fn).lower(matrix, matrix).compile()) >= 2 * 4 * n * n
    update = jax.jit(lambda a: a + 1, donate_argnums=0).lower(matrix).compile()
    assert needed_bytes(update) < 4 * n * n  # written over


def unanswered(error: Exception) -> Any:
    def answer() -> None:
        raise error

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        lambda: None,
        unanswered(NotImplementedError("memory analysis unsupported on current XLA backend")),
        unanswered(jax.errors.JaxRuntimeError("UNIMPLEMENTED: no such call in this plugin")),
    ],
    ids=("none", "not implemented", "runtime error"),
)
def test_a_backend_that_says_nothing_is_trusted(answer) -> None:
    assert needed_bytes(SimpleNamespace(memory_analysis=answer)) == 0
    assert free_bytes(SimpleNamespace(platform="gpu", memory_stats=answer)) is None
    require(10**15, None, "training")


def test_more_than_there_is_is_refused() -> None:
    require(100, 100, "training")
    with pytest.raises(MemoryError, match=r"training needs 3 GiB and 2 GiB are free; .*batch_size"):
        require(3 * 2**30, 2 * 2**30, "training")


def test_what_is_free_on_a_board_and_on_a_host() -> None:
    stats = {"bytes_limit": 1000, "bytes_in_use": 300}
    assert free_bytes(SimpleNamespace(platform="gpu", memory_stats=lambda: stats)) == 700
    unlimited = {"bytes_limit": 0, "bytes_in_use": 300}  # as the platform's own allocator answers
    assert free_bytes(SimpleNamespace(platform="gpu", memory_stats=lambda: unlimited)) is None
    assert free_bytes(SimpleNamespace(platform="gpu", memory_stats=lambda: None)) is None
    here = free_bytes(jax.devices("cpu")[0])
    assert here is None or 0 < here < 2**50
