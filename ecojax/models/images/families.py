"""The families that take images `(height, width, channels)`: convnet, airbench, vit."""

import math
from typing import Any

from ecojax.models.architectures import ACTIVATION, MOST_BLOCKS, MOST_CHANNELS, NORM, Family, InputShape
from ecojax.space import Choice, Float, Int, Parameter


def _convnet_parameters(input_shape: InputShape) -> tuple[Parameter, ...]:
    halvings = max(1, int(math.log2(max(2, min(input_shape[:2])))))
    with_stages = {"stages": tuple(range(1, min(4, halvings) + 1))}
    return (
        Int("stages", 0, min(4, halvings), default=min(2, halvings)),
        Int("depth", 1, 3, default=1, when=with_stages),
        Int("width", 8, 64, step=8, log=True, default=16),
        Choice("growth", (1.0, 1.5, 2.0), ordered=True, default=1.5, when=with_stages),
        Choice("kernel", (1, 3, 5, 7), ordered=True, default=3),
        Choice("block", ("plain", "residual", "depthwise"), default="plain", when=with_stages),
        Choice("pooling", ("max", "average", "stride", "none"), default="max", when=with_stages),
        Choice("head", ("average", "flatten"), default="average"),
        NORM,
        ACTIVATION,
    )


def _convnet() -> Any:
    from ecojax.models.images.convnet import ConvNet

    return ConvNet


CONVNET = Family(
    "convnet",
    _convnet_parameters,
    _convnet,
    (
        Int("stages", 0, MOST_BLOCKS),
        Int("depth", 1, MOST_BLOCKS),
        Int("width", 1, MOST_CHANNELS),
        Float("growth", 0.1, 8.0),
        Int("kernel", 1, 255),
        Choice("block", ("plain", "residual", "depthwise")),
        Choice("pooling", ("max", "average", "stride", "none")),
        Choice("head", ("average", "flatten")),
        NORM,
        ACTIVATION,
    ),
    layers=lambda architecture: architecture["stages"] * architecture["depth"],
    grows=frozenset({"width", "growth", "kernel", "depth", "activation"}),
)


def _airbench_parameters(input_shape: InputShape) -> tuple[Parameter, ...]:
    return (
        Int("first_width", 16, 128, step=16, log=True, default=64),
        Int("second_width", 16, 512, step=16, log=True, default=256),
        Int("third_width", 16, 512, step=16, log=True, default=256),
        Int("group_depth", 1, 3, default=2),
        Choice("pooling_place", ("before", "after", "end"), ordered=True, default="after"),
        Choice("residual", (False, True), default=False, when={"group_depth": (2, 3)}),
        Choice("test_views", ("none", "mirror", "mirror_shift"), ordered=True, default="none"),
    )


def _airbench() -> Any:
    from ecojax.models.images.airbench import Airbench

    return Airbench


AIRBENCH = Family(
    "airbench",
    _airbench_parameters,
    _airbench,
    (
        Int("first_width", 1, MOST_CHANNELS),
        Int("second_width", 1, MOST_CHANNELS),
        Int("third_width", 1, MOST_CHANNELS),
        Int("group_depth", 1, MOST_BLOCKS),
        Choice("pooling_place", ("before", "after", "end")),
        Choice("residual", (False, True)),
        Choice("test_views", ("none", "mirror", "mirror_shift")),
    ),
    layers=lambda architecture: 3 * architecture["group_depth"],
    grows=frozenset({"first_width", "second_width", "third_width", "group_depth", "residual"}),
)


MOST_PATCHES = 256  # of an image, in the default space: 16 × 16
FEWEST_PATCHES = 4


def _vit_parameters(input_shape: InputShape) -> tuple[Parameter, ...]:
    def patches(side: int) -> int:
        return math.prod(math.ceil(pixels / side) for pixels in input_shape[:2])

    smallest = next(side for side in (2**power for power in range(1, 40)) if patches(side) <= MOST_PATCHES)
    sides = [side for side in (smallest, 2 * smallest, 4 * smallest) if patches(side) >= FEWEST_PATCHES]
    return (
        Choice(
            "patch_size", tuple(sides) or (smallest,), ordered=True, default=(sides or [smallest])[:2][-1]
        ),
        Int("token_width", 16, 128, step=16, log=True, default=64),
        Int("encoder_layers", 1, 6, default=2),
        Choice("attention_heads", (1, 2, 4, 8), ordered=True, default=4),
        Choice("mlp_ratio", (1.0, 2.0, 4.0), ordered=True, default=2.0),
        Choice("token_pooling", ("mean", "class"), default="mean"),
    )


def _vit() -> Any:
    from ecojax.models.images.vit import ViT

    return ViT


VIT = Family(
    "vit",
    _vit_parameters,
    _vit,
    (
        Int("patch_size", 1, MOST_CHANNELS),
        Int("token_width", 1, MOST_CHANNELS),
        Int("encoder_layers", 0, MOST_BLOCKS),
        Int("attention_heads", 1, MOST_CHANNELS),
        Float("mlp_ratio", 0.01, 16.0),
        Choice("token_pooling", ("mean", "class")),
    ),
    layers=lambda architecture: 2 * architecture["encoder_layers"],  # attention, then the MLP
    grows=frozenset({"token_width", "encoder_layers", "mlp_ratio"}),
)
