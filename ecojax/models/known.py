"""What is known of a configuration before anything is compiled or run."""

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecojax.models.network import FlaxNetwork


def known_beforehand(
    network: "FlaxNetwork", inference_batch: int, names: Collection[str] = ("parameters", "flops")
) -> dict[str, float]:
    """Parameters, and flops of one inference within a batch of that size: of matrix products and convolutions.

    With `names` that leave flops out, nothing is traced.
    """
    import jax

    from ecojax.models.flops import count_flops

    if "flops" not in names:
        return {"parameters": network.parameters}
    batch = jax.ShapeDtypeStruct((inference_batch, *network.input_shape), network.input_type)
    flops = count_flops(network.logits, network.abstract_weights, batch)
    return {"parameters": network.parameters, "flops": flops / inference_batch}
