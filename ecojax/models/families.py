"""The registry of families: what parameters each ranges over, and how a configuration becomes a network.

Every parameter here shapes the compiled program. What only changes numbers (dropout, learning rate, ...) belongs
to the training recipe and costs no compilation.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecojax.errors import InputError
from ecojax.space import Choice, Float, Int, Parameter
from ecojax.space.parameters import describe_domain
from ecojax.spelling import did_you_mean

if TYPE_CHECKING:
    from flax import nnx

InputShape = tuple[int, ...]

_NORM = Choice("norm", ("batch", "none"), default="batch")
_ACTIVATION = Choice("activation", ("relu", "silu", "gelu"), default="relu")

# What no network of ours comes near; it keeps a slip of the finger from asking for all the memory there is.
MOST_CHANNELS = 1 << 14
MOST_BLOCKS = 64  # of one kind in a network
MOST_LAYERS = 64  # in a row, whatever numbers multiply them; building takes their square in time


@dataclass(frozen=True)
class Family:
    """A named set of architectures.

    `parameters(input_shape)` are the search parameters that fit images `(height, width, channels)`;
    `module()` imports and gives the Flax class, whose keywords are those parameters' names; `widest` are the same
    parameters with all that the class can build, to which tables and pins may extend the search; `layers` how many
    layers or blocks an architecture has in a row; `grows` names the parameters that, raised alone, make neither the
    parameters nor the FLOPs of any of its networks fewer. A class with a method `fit(images)` computes some of its
    weights from training images before the first step.
    """

    name: str
    parameters: Callable[[InputShape], tuple[Parameter, ...]]
    module: Callable[[], Any]
    widest: tuple[Parameter, ...] = ()
    layers: Callable[[Mapping[str, Any]], int] = lambda architecture: 1
    grows: frozenset[str] = frozenset()

    def architecture(self, configuration: Mapping[str, Any], input_shape: InputShape) -> dict[str, Any]:
        """The part of `configuration` that shapes the network; an inactive parameter takes its default.

        (An inactive parameter cannot change the network: `kernel` of a network without convolutions, say.)
        """
        return {
            parameter.name: configuration.get(parameter.name, _fallback(parameter))
            for parameter in self.parameters(input_shape)
        }

    def misfit(self, architecture: Mapping[str, Any]) -> str:
        """What of an architecture cannot be built, or is too large to be, in words; "" where all of it can."""
        for parameter in self.widest:
            value = architecture[parameter.name]
            if not parameter.contains(value):
                return f"{parameter.name} = {value!r} is not {describe_domain(parameter)}"
        layers = self.layers(architecture)
        if layers > MOST_LAYERS:
            return f"it asks for {layers} layers; {MOST_LAYERS} are the limit"
        return ""

    def build(
        self,
        configuration: Mapping[str, Any],
        *,
        input_shape: InputShape,
        outputs: int,
        dtype: Any,
        rngs: "nnx.Rngs",
    ) -> "nnx.Module":
        """The network of `configuration`, with fresh weights. Jit-compile the call: eager nnx is slow.

        Raises `InputError` for one that the family cannot build or that is too large.
        """
        keywords = self.architecture(configuration, input_shape)
        if problem := self.misfit(keywords):
            raise InputError(f"a network of the family '{self.name}' cannot be built: {problem}")
        return self.module()(input_shape, outputs, **keywords, dtype=dtype, rngs=rngs)


def family(name: str) -> Family:
    """The family called `name`. Raises `InputError` naming those there are."""
    if name not in FAMILIES:
        raise InputError(
            f"unknown model family '{name}'{did_you_mean(name, FAMILIES)}; there are {', '.join(FAMILIES)}"
        )
    return FAMILIES[name]


def _fallback(parameter: Parameter) -> Any:
    return parameter.decode(0.5) if parameter.default is None else parameter.default


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
        _NORM,
        _ACTIVATION,
    )


def _mlp_parameters(input_shape: InputShape) -> tuple[Parameter, ...]:
    return (
        Int("hidden_layers", 1, 3, default=1),
        Int("hidden_width", 8, 256, step=8, log=True, default=64),
        _NORM,
        _ACTIVATION,
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


def _convnet() -> Any:
    from ecojax.models.images.convnet import ConvNet

    return ConvNet


def _mlp() -> Any:
    from ecojax.models.mlp import MLP

    return MLP


def _linear() -> Any:
    from ecojax.models.linear import Linear

    return Linear


def _airbench() -> Any:
    from ecojax.models.images.airbench import Airbench

    return Airbench


def _vit() -> Any:
    from ecojax.models.images.vit import ViT

    return ViT


FAMILIES = {
    "convnet": Family(
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
            _NORM,
            _ACTIVATION,
        ),
        layers=lambda architecture: architecture["stages"] * architecture["depth"],
        grows=frozenset({"width", "growth", "kernel", "depth", "activation"}),
    ),
    "mlp": Family(
        "mlp",
        _mlp_parameters,
        _mlp,
        (Int("hidden_layers", 0, MOST_BLOCKS), Int("hidden_width", 1, MOST_CHANNELS), _NORM, _ACTIVATION),
        layers=lambda architecture: architecture["hidden_layers"],
        grows=frozenset({"hidden_width", "activation"}),
    ),
    "linear": Family("linear", lambda input_shape: (), _linear),
    "airbench": Family(
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
    ),
    "vit": Family(
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
    ),
}
