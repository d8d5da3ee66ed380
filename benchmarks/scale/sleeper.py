"""An evaluator that sleeps. Importing it is light, so that dozens of such workers fit on a small host."""

import time
from random import Random

from ecojax.study import Status
from ecojax.trial.outcome import Outcome
from ecojax.trial.worker import Evaluate

PRETENDED = {"accuracy": "pretended", "energy_per_sample_j": "pretended"}


class Sleeper:
    """Sleeps for an exponentially distributed time, whose coefficient of variation is 1.

    mean_s: of that time. It and the invented objectives depend on a trial's seed only. When it slept is among the
    details, in seconds of the host's monotonic clock, which all of its processes share.
    """

    def __init__(self, mean_s: float):
        self.mean_s = mean_s

    def evaluate(self, request: Evaluate) -> Outcome:
        rng = Random(request.seed)
        seconds = self.mean_s * rng.expovariate(1.0)
        metrics = {
            "accuracy": rng.random(),
            "energy_per_sample_j": 1e-6 * (1.0 + rng.random()),
            "trial_seconds": seconds,
        }
        began = time.monotonic()
        time.sleep(seconds)
        return Outcome(Status.COMPLETE, metrics, PRETENDED, {"began_s": began, "ended_s": time.monotonic()})
