"""What of the augmentation of images a search space asks for."""

import math
from typing import TYPE_CHECKING

from ecojax.space import SearchSpace
from ecojax.tasks.supervised.task import largest

if TYPE_CHECKING:
    from ecojax.train.images.augmentation import ImageAugmentation


def augmentation_in(space: SearchSpace) -> "ImageAugmentation":
    """The augmentation of all configurations of `space`: what none of them has is not compiled in."""
    from ecojax.train.images.augmentation import ImageAugmentation

    strengths = ("flip", "crop", "cutout")
    return ImageAugmentation(
        max_shift=math.ceil(largest(space, "crop")),
        absent=frozenset(name for name in strengths if not largest(space, name)),
    )
