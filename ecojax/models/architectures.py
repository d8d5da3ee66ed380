"""What a family of networks is: its parameters, their limits, and how a configuration becomes a network.

Every parameter here shapes the compiled program. What only changes numbers (dropout, learning rate, ...) belongs
to the training recipe and costs no compilation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecojax.errors import InputError
from ecojax.space import Choice, Parameter
from ecojax.space.parameters import describe_domain

if TYPE_CHECKING:
    from flax import nnx

InputShape = tuple[int, ...]

# parameters of several families
NORM = Choice("norm", ("batch", "none"), default="batch")
ACTIVATION = Choice("activation", ("relu", "silu", "gelu"), default="relu")

# What no network of ours comes near; it keeps a slip of the finger from asking for all the memory there is.
MOST_CHANNELS = 1 << 14
MOST_BLOCKS = 64  # of one kind in a network
MOST_LAYERS = 64  # in a row, whatever numbers multiply them; building takes their square in time


@dataclass(frozen=True)
class Family:
    """A named set of architectures.

    `parameters(input_shape)` are the search parameters that fit inputs of that shape;
    `module()` imports and gives the Flax class, whose keywords are those parameters' names; `widest` are the same
    parameters with all that the class can build, to which tables and pins may extend the search; `layers` how many
    layers or blocks an architecture has in a row; `grows` names the parameters that, raised alone, make neither the
    parameters nor the FLOPs of any of its networks fewer; `takes_rows` whether it learns from rows of numbers, and not
    from inputs of two dimensions or more alone. A class with a method `fit(inputs)` computes some of its
    weights from training inputs before the first step.
    """

    name: str
    parameters: Callable[[InputShape], tuple[Parameter, ...]]
    module: Callable[[], Any]
    widest: tuple[Parameter, ...] = ()
    layers: Callable[[Mapping[str, Any]], int] = lambda architecture: 1
    grows: frozenset[str] = frozenset()
    takes_rows: bool = False

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


def _fallback(parameter: Parameter) -> Any:
    return parameter.decode(0.5) if parameter.default is None else parameter.default
