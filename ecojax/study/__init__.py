"""The record of a search: trials, settings and weights in one folder, durable the moment a trial ends.

This room knows records only: nothing of engines, models or meters.
"""

from ecojax.study.declarations import METRICS, selectable
from ecojax.study.metrics import Metric, Words
from ecojax.study.store import StudyStore
from ecojax.study.trial import Status, Trial

__all__ = ["METRICS", "Metric", "Status", "StudyStore", "Trial", "Words", "selectable"]
