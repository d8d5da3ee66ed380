"""Constrained non-dominated sorting: which points are beaten, and by how many fronts.

A point is feasible (violation 0), infeasible (violation above 0) or failed (NaN or infinite anywhere). Feasible
comes before infeasible, less violation before more, failed last: Deb et al., NSGA-II, IEEE TEC 6(2), 2002, section VI.
Rank 0 is the front; a point's rank is the length of the longest chain of points, each dominating the next, above it.
"""

from bisect import bisect_right
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from ecojax.errors import InputError


def non_dominated_ranks(
    F: jax.Array | ArrayLike,
    violation: jax.Array | ArrayLike | None = None,
    mask: jax.Array | ArrayLike | None = None,
) -> Any:
    """The front every point belongs to.

    A JAX array (under `jit`, `scan` and `vmap` too) is ranked by compiled code in its own precision. Anything else
    is ranked on the host in float64, where an archive that grows by a row costs no compilation. Both take
    O(n log n) comparisons with two objectives on a CPU and O(n²) otherwise.

    Args:
        F: [n, m], objectives, minimised.
        violation: [n], total constraint violation: 0 (or less) where feasible, NaN or infinite where failed. By
            default all are feasible.
        mask: bool [n], True for rows that count. A row that does not has rank n, worse than any other, and
            dominates nothing. By default all count.

    Returns:
        int32 [n]. All failed rows share the last rank; infeasible rows of equal violation share one.

    Raises:
        InputError: the shapes do not fit together.
    """
    host = not any(isinstance(given, jax.Array) for given in (F, violation, mask))
    xp: Any = np if host else jnp
    objectives: Any = np.asarray(F, dtype=np.float64) if host else jnp.asarray(F) * 1.0
    if objectives.ndim != 2 or objectives.shape[1] < 1:
        raise InputError(f"objectives must be a matrix [points, objectives], got shape {objectives.shape}")
    n = len(objectives)
    total = xp.zeros(n) if violation is None else xp.asarray(violation) * 1.0
    counts = xp.ones(n, dtype=bool) if mask is None else xp.asarray(mask, dtype=bool)
    if total.shape != (n,) or counts.shape != (n,):
        raise InputError(
            f"{n} points need as many violations and mask entries, got {total.shape} and {counts.shape}"
        )
    if n == 0:
        return xp.zeros(0, dtype=np.int32)
    return (_ranks_on_host if host else _ranks_compiled)(objectives, total, counts)


def is_non_dominated(F: jax.Array | ArrayLike, violation: jax.Array | ArrayLike | None = None) -> Any:
    """Which points make the frontier: feasible, finite, and dominated by none. Copies of a member are members.

    Args:
        F: [n, m], objectives, minimised.
        violation: [n], total constraint violation; by default all are feasible.

    Returns:
        bool [n], on the host or the device as `non_dominated_ranks` decides.
    """
    rank = non_dominated_ranks(F, violation)
    xp: Any = jnp if isinstance(rank, jax.Array) else np
    eligible = xp.isfinite(xp.asarray(F)).all(axis=1)
    return (rank == 0) & eligible & (True if violation is None else xp.asarray(violation) <= 0)


def _in_order(F: Any, violation: Any, mask: Any, xp: Any) -> tuple[Any, Any]:
    """Violations clipped at 0 with infinity for whatever failed, objectives finite everywhere."""
    failed = ~(xp.isfinite(F).all(axis=1) & xp.isfinite(violation) & mask)
    return xp.where(failed[:, None], 0, F), xp.where(failed, xp.inf, xp.maximum(violation, 0))


@jax.jit
def _ranks_compiled(F: jax.Array, violation: jax.Array, mask: jax.Array) -> jax.Array:
    n, m = F.shape
    F, violation = _in_order(F, violation, mask, jnp)
    # A sweep is n short steps: right for a CPU. An accelerator would rather see few wide ones.
    by_sweep = _ranks_by_planar_sweep if m == 2 else _ranks_by_sweep
    rank = jax.lax.platform_dependent(F, violation, cpu=by_sweep, default=_ranks_by_peeling)
    return jnp.where(mask, rank, n)


def _ranks_by_peeling(F: jax.Array, violation: jax.Array) -> jax.Array:
    """Take off one front after another from the matrix of who dominates whom."""
    n, m = F.shape
    no_worse, better = jnp.ones((n, n), bool), jnp.zeros((n, n), bool)
    for k in range(m):  # one objective at a time, so that memory is n² and not n² m
        no_worse &= F[:, None, k] <= F[None, :, k]
        better |= F[:, None, k] < F[None, :, k]
    feasible = violation == 0
    dominates = jnp.where(
        feasible[:, None] & feasible[None, :], no_worse & better, violation[:, None] < violation[None, :]
    )

    def peel(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        rank, front = carry
        left = rank == n
        beaten = (dominates & left[:, None]).any(axis=0)
        return jnp.where(left & ~beaten, front, rank), front + 1

    rank, _ = jax.lax.while_loop(
        lambda carry: (carry[0] == n).any(), peel, (jnp.full(n, n, jnp.int32), jnp.int32(0))
    )
    return rank


def _ranks_by_sweep(F: jax.Array, violation: jax.Array) -> jax.Array:
    """In lexicographic order no point is dominated by a later one: each rank is one above its dominators'."""
    n, m = F.shape
    order = jnp.lexsort([*(F[:, k] for k in reversed(range(m))), violation])
    objectives, violation = F[order].T, violation[order]

    def place(i: int | jax.Array, rank: jax.Array) -> jax.Array:
        point, its = objectives[:, i, None], violation[i]
        dominates = (objectives <= point).all(axis=0) & (objectives < point).any(axis=0)
        dominates = jnp.where((its == 0) & (violation == 0), dominates, violation < its)
        return rank.at[i].set(jnp.where(dominates, rank, -1).max() + 1)

    rank = jax.lax.fori_loop(0, n, place, jnp.full(n, -1, jnp.int32))
    return jnp.zeros(n, jnp.int32).at[order].set(rank, unique_indices=True)


def _ranks_by_planar_sweep(F: jax.Array, violation: jax.Array) -> jax.Array:
    """With two objectives the least second objective of each front says which front a point joins.

    Jensen, "Reducing the run-time complexity of multiobjective EAs", IEEE TEC 7(5), 2003, section IV.
    """
    n, _ = F.shape
    violation, first, second, order = jax.lax.sort((violation, F[:, 0], F[:, 1], jnp.arange(n)), num_keys=3)
    same = (violation[1:] == violation[:-1]) & (
        (violation[1:] > 0) | ((first[1:] == first[:-1]) & (second[1:] == second[:-1]))
    )

    def place(
        carry: tuple[jax.Array, jax.Array, jax.Array], point: tuple[jax.Array, jax.Array, jax.Array]
    ) -> tuple[tuple[jax.Array, jax.Array, jax.Array], jax.Array]:
        least, rank, fronts = carry
        second, feasible, same_as_before = point
        joins = jnp.where(feasible, jnp.searchsorted(least, second, side="right").astype(jnp.int32), fronts)
        rank = jnp.where(same_as_before, rank, joins)
        # Only a feasible point lowers a front's least; an infeasible one writes back what was there.
        least = least.at[rank].set(jnp.where(feasible, second, least[rank]))
        return (least, rank, jnp.maximum(fronts, rank + 1)), rank

    start = (jnp.full(n, jnp.inf, F.dtype), jnp.int32(0), jnp.int32(0))
    _, rank = jax.lax.scan(place, start, (second, violation == 0, jnp.insert(same, 0, False)))
    return jnp.zeros(n, jnp.int32).at[order].set(rank, unique_indices=True)


def _ranks_on_host(F: np.ndarray, violation: np.ndarray, mask: np.ndarray) -> np.ndarray:
    n, m = F.shape
    F, violation = _in_order(F, violation, mask, np)
    order = np.lexsort([*(F[:, k] for k in reversed(range(m))), violation])
    F, violation = F[order], violation[order]
    feasible = int(np.count_nonzero(violation == 0))
    rank = np.zeros(n, np.int32)
    rank[:feasible] = _planar(F[:feasible]) if m == 2 else _general(F[:feasible])
    # The rest is a chain of violations, each distinct one a front.
    rank[feasible:] = rank[:feasible].max(initial=-1) + np.cumsum(
        violation[feasible:] != np.append(0.0, violation[feasible:])[:-1]
    )
    ranks = np.empty(n, np.int32)
    ranks[order] = rank
    return np.where(mask, ranks, np.int32(n))


def _planar(F: np.ndarray) -> list[int]:
    """Fronts of points [n, 2] in lexicographic order; `_ranks_by_planar_sweep` on the host."""
    least: list[float] = []
    ranks: list[int] = []
    before = None
    for point in F.tolist():
        if point != before:
            rank = bisect_right(least, point[1])
            least[rank : rank + 1] = [point[1]]
        ranks.append(rank)
        before = point
    return ranks


def _general(F: np.ndarray) -> np.ndarray:
    """Fronts of points [n, m] in lexicographic order; `_ranks_by_sweep` on the host."""
    rank = np.zeros(len(F), np.int32)
    for i, point in enumerate(F):
        earlier = F[:i]
        dominates = (earlier <= point).all(axis=1) & (earlier < point).any(axis=1)
        rank[i] = rank[:i][dominates].max(initial=-1) + 1
    return rank
