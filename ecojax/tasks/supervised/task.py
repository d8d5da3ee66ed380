"""What supervised tasks share: their candidates, parents to inherit from, and what is told of them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from ecojax.space import Choice, SearchSpace
from ecojax.study import METRICS, Trial
from ecojax.tasks.supervised.learning import Learning

if TYPE_CHECKING:
    from ecojax.tasks.supervised.candidate import SupervisedCandidate


class Supervised(Learning):
    """A task whose candidates are networks that learn the training split of `dataset`.

    Subclasses are frozen dataclasses that give what `Learning` asks for.
    """

    def in_precision(self, precision: str) -> Self:
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def provenance(self) -> dict[str, str]:
        from ecojax.models.flops import COUNTED

        judged_on = f"measured ({len(self.dataset.y_validation)} validation {self.samples})"
        return {"flops": COUNTED, self.quality: judged_on}

    @property
    def objectives(self) -> tuple[str, ...]:
        return self.quality, "energy_per_sample_j"

    @property
    def searched(self) -> str:
        raise NotImplementedError

    @property
    def summary(self) -> str:
        data = self.dataset
        test = data.splits.get("test")
        tested = f", tested on {test['size']} from '{test['from']}'" if isinstance(test, dict) else ""
        sizes = f"{len(data.x_train)} {self.samples} train, {len(data.x_validation)} validate"
        return f"{data.title} {data.version}: {sizes}{tested}"

    @property
    def shaping(self) -> Mapping[str, bool] | None:
        return None

    def candidate(self, configuration: Mapping[str, Any]) -> "SupervisedCandidate":
        from ecojax.tasks.supervised.candidate import SupervisedCandidate

        return SupervisedCandidate(self, configuration)

    def parent(self, configuration: Mapping[str, Any], finished: Iterable[Trial]) -> Trial | None:
        """The trial of the same family that differs in the fewest architecture parameters.

        Of several the one of the best quality, then the first; None where no complete trial has weights of that family.
        """
        network, quality = self.network(configuration), METRICS[self.quality]
        own = dict(network.architecture)

        def strangeness(trial: Trial) -> tuple[int, float, int]:
            other = dict(self.network(trial.configuration).architecture)
            different = sum(own.get(name) != other.get(name) for name in {**own, **other})
            return different, quality.minimised(trial.metrics[quality.name]), trial.id

        relatives = [
            trial
            for trial in finished
            if trial.complete
            and trial.weights
            and trial.configuration.get("family", network.family) == network.family
        ]
        return min(relatives, key=strangeness, default=None)


def largest(space: SearchSpace, name: str) -> float:
    """The largest value that a numeric parameter takes in `space`; a pin may exceed the default range."""
    parameter = space[name]
    values = parameter.choices if isinstance(parameter, Choice) else (parameter.high,)
    return max(float(value) for value in values)
