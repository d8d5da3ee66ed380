"""What is known of a configuration before anything is compiled or run."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecojax.models.network import Network

KNOWN_BEFOREHAND = ("parameters", "flops")


def known_beforehand(
    network: "Network", inference_batch: int, names: Collection[str] = KNOWN_BEFOREHAND
) -> dict[str, float]:
    """Parameters, and flops of one inference within a batch of that size, by XLA's count.

    With `names` that leave flops out, nothing is lowered.
    """
    import jax
    import jax.numpy as jnp

    if "flops" not in names:
        return {"parameters": network.parameters}
    images = jax.ShapeDtypeStruct((inference_batch, *network.image_shape), jnp.uint8)
    cost: Any = jax.jit(network.logits).lower(network.abstract_weights, images).cost_analysis()
    return {"parameters": network.parameters, "flops": float(cost["flops"]) / inference_batch}
