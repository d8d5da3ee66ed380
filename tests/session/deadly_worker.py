"""A worker's object that dies of some configurations, for tests of the loop with real processes."""

import os
import signal
import sys
import time

from ecojax.study import Status
from ecojax.trial.outcome import Outcome


class Deadly:
    """Of width 2 it dies at every attempt, of width 3 it hangs, of width 4 it raises."""

    def evaluate(self, request) -> Outcome:
        width = request.configuration["width"]
        if width == 2:
            print("the device fell off the bus", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if width == 3:
            time.sleep(3600)
        if width == 4:
            raise ValueError("four is too many")
        metrics = {"accuracy": 0.5, "energy_per_sample_j": float(width), "trial_seconds": 0.01}
        return Outcome(Status.COMPLETE, metrics)
