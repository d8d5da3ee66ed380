"""Image classification as a task."""

from ecojax.tasks.images.task import ImageClassification, ImageInputs

__all__ = ["ImageClassification", "ImageInputs"]
