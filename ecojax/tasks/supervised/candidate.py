"""One configuration of a supervised task: its network, its inference, its training, its judgement."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ecojax.models.known import known_beforehand
from ecojax.tasks.task import Arrays, Candidate, Inference, Split
from ecojax.train.program import padded_batches

if TYPE_CHECKING:
    from ecojax.models.network import FlaxNetwork
    from ecojax.tasks.supervised.learning import Learning
    from ecojax.tasks.supervised.training import Running, SupervisedTraining


class SupervisedCandidate(Candidate):
    """`signature` is the network: candidates that differ in training only share it."""

    def __init__(self, task: "Learning", configuration: Mapping[str, Any]):
        self._task, self._configuration = task, configuration
        self.network = task.network(configuration)

    def __str__(self) -> str:
        return f"{self.network.family} of {self.network.parameters} parameters"

    @property
    def signature(self) -> "FlaxNetwork":
        return self.network

    def known(self, names: Iterable[str] | None = None) -> Mapping[str, float]:
        built = [metric.name for metric in self._task.metrics if metric.when == "built"]
        wanted = built if names is None else list(names)
        found = known_beforehand(self.network, self._task.inference_batch, wanted)
        return {name: value for name, value in found.items() if name in wanted}

    def inference(self, state: "Running | None" = None, arrays: Arrays | None = None) -> Inference:
        import jax

        network = self.network
        if state is not None:
            weights = state.train.judged
        elif arrays is not None:
            weights = network.from_arrays(arrays)
        else:
            weights = jax.jit(network.init)(jax.random.key(0, impl="rbg"))
        return Inference(network.logits, weights, self._task.ring, "sample", self._task.inference_batch)

    def training(self) -> "SupervisedTraining":
        from ecojax.tasks.supervised.training import SupervisedTraining

        return SupervisedTraining(self._task, self._configuration, self._task.program(self._configuration))

    def judge(self, arrays: Arrays, split: Split) -> Mapping[str, float]:
        data = self._task.dataset
        x, y = self._task.test_set if split == "test" else (data.x_validation, data.y_validation)
        program = self._task.program(self._configuration)
        batches = padded_batches(x, y, padding=program.loss.padding)
        return program.loss.figures(
            program.jitted.evaluate(self.network.from_arrays(arrays), *batches), len(y)
        )
