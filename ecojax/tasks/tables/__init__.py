"""Tables as a task: rows of numbers with a class or a target each."""

from ecojax.tasks.tables.inputs import TableInputs
from ecojax.tasks.tables.task import Tabular

__all__ = ["TableInputs", "Tabular"]
