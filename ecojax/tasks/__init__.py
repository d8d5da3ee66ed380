"""What is tuned: a search space, data, networks and a loss together make a task.

A task knows how a configuration becomes a network and a recipe; it does not train, meter or search.
"""

from ecojax.tasks.images import ImageClassification, ImageInputs
from ecojax.tasks.tables import TableInputs, Tabular

__all__ = ["ImageClassification", "ImageInputs", "TableInputs", "Tabular"]
