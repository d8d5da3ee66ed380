"""Image classification as a task."""

from ecojax.tasks.images.inputs import ImageInputs
from ecojax.tasks.images.task import ImageClassification

__all__ = ["ImageClassification", "ImageInputs"]
