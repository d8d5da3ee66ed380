"""A task of a user's own, whole: how far a gradient descent of a slope is from the bottom. Without JAX, in no time."""

import numpy as np

import ecojax


class Slope(ecojax.Task):
    """Walks down x² from 1, with a rate and a number of steps; a walk costs its steps."""

    space = ecojax.SearchSpace([ecojax.Float("rate", 0.01, 0.9), ecojax.Int("steps", 4, 40)])
    metrics = (
        ecojax.Metric("distance", "minimize", "", "of x from the bottom", link="log"),
        ecojax.Metric("steps_taken", "minimize", "", "of the walk", when="built"),
    )
    objectives = ("distance", "steps_taken")

    def __init__(self, seed=0):
        self.seed = seed

    def candidate(self, configuration):
        return Walk(configuration)

    def facts(self):
        return {"from": 1.0}


class Walk(ecojax.Candidate):
    def __init__(self, configuration):
        self.configuration = configuration

    @property
    def signature(self):
        return self.configuration["steps"]

    def known(self, names=None):
        return {"steps_taken": self.configuration["steps"]}

    def training(self):
        return Descent(**self.configuration)


class Descent(ecojax.Training):
    def __init__(self, rate, steps):
        self.rate, self.steps = rate, steps

    def start(self, seed, parent=None):
        return 1.0

    def advance(self, state, first, end):
        x = state * (1 - 2 * self.rate) ** (end - first)
        return x, x * x

    def judge(self, state):
        return {"distance": abs(state)}

    def arrays(self, state):
        return {"x": np.array(state)}
