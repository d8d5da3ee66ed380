"""Latency as a caller sees it: one call at a time from the host, dispatch included, until its results are there."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ecojax.jax_devices import local_devices

if TYPE_CHECKING:
    from ecojax.energy.percall import Call

WARM_UP_CALLS = 5
FEWEST_CALLS, MOST_CALLS = 30, 20_000
SECONDS = 2.0


@dataclass(frozen=True)
class Latency:
    """Quantiles of `calls` calls, in seconds, each with its 95 % interval [low, high] from the order of the calls.

    The 99th percentile of fewer than some 300 calls has no upper end within them: `high` is then the slowest call.
    """

    p50_s: float
    p50_s_ci95: tuple[float, float]
    p99_s: float
    p99_s_ci95: tuple[float, float]
    calls: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def host_latency(
    call: "Call", *, seconds: float = SECONDS, clock: Callable[[], float] = time.perf_counter
) -> Latency:
    """Times calls one after another over different batches that already lie on the device, for about `seconds`."""
    import jax

    from ecojax.energy.batches import ring_of

    device = local_devices()[0]
    ring, _ = ring_of(call.example)
    count = jax.tree.leaves(ring)[0].shape[0]
    batches = [jax.device_put(jax.tree.map(lambda leaf, k=k: leaf[k], ring), device) for k in range(count)]
    state = jax.device_put(call.state, device)
    compiled = jax.jit(call.fn).lower(state, batches[0]).compile()
    for k in range(WARM_UP_CALLS):
        jax.block_until_ready(compiled(state, batches[k % count]))
    times: list[float] = []
    ends = clock() + seconds
    while len(times) < FEWEST_CALLS or (clock() < ends and len(times) < MOST_CALLS):
        batch = batches[len(times) % count]
        began = clock()
        jax.block_until_ready(compiled(state, batch))
        times.append(clock() - began)
    return quantiles(times)


def quantiles(times: list[float]) -> Latency:
    """Median and 99th percentile, with intervals by the binomial law of how many calls lie below a quantile."""
    ordered = sorted(times)

    def at(share: float) -> tuple[float, tuple[float, float]]:
        n = len(ordered)
        reach = 1.96 * math.sqrt(n * share * (1 - share))
        low, middle, high = (math.ceil(n * share + step) - 1 for step in (-reach, 0.0, reach + 1))
        value, below, above = (ordered[min(n - 1, max(0, index))] for index in (middle, low, high))
        return value, (below, above)

    return Latency(*at(0.5), *at(0.99), len(ordered))
