"""What is searched, for what, and how."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Lt, MinLen

from ecojax.declaration.setting import CountOrZero, Finite, Setting


@dataclass(frozen=True)
class Bounds:
    """The bounds of one constrained metric, in its unit."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    min: Annotated[float, Finite()] | None = None
    max: Annotated[float, Finite()] | None = None


class Search:
    space: Annotated[
        dict[str, dict[str, Any]],
        Setting(
            "[Parameters](spaces.md) to range over.",
            option=None,
            default="of the families and the recipe",
            on_resume="migrate",
        ),
    ] = {}  # noqa: RUF012
    pin: Annotated[
        dict[str, bool | int | float | str],
        Setting(
            "Hold a parameter at a value, as in kernel=3; repeat.",
            metavar="NAME=VALUE",
            pairs=True,
            on_resume="migrate",
        ),
    ] = {}  # noqa: RUF012
    objectives: Annotated[
        list[str],
        MinLen(1),
        Setting(
            "[What to optimise](#objectives-and-constraints), in the order that the frontier is sorted by; repeat.",
            option="objective",
            metavar="METRIC",
        ),
    ] = ["accuracy", "energy_per_sample_j"]  # noqa: RUF012
    constraints: Annotated[
        dict[str, Bounds],
        Setting(
            "A bound that the frontier must meet, such as 'flops<=6e7' or 'latency_ms<=2'; repeat.",
            option="constraint",
            metavar="BOUND",
        ),
    ] = {}  # noqa: RUF012
    constraints_on: Annotated[
        dict[Literal["cpu", "gpu", "tpu"], dict[str, Bounds]],
        Setting(
            "Bounds for one kind of device: `[constraints_on.cpu.flops]`, or `gpu`, `tpu`; `constraints` win.",
            option=None,
        ),
    ] = {}  # noqa: RUF012
    proposer: Annotated[
        str,
        Setting("[What proposes](#proposers) after the first population, as in nsga2, local or random."),
    ] = "assisted"
    population: Annotated[int, Ge(2), Setting("Parents that the search keeps; at least 2.")] = 12
    enqueue: Annotated[
        list[dict[str, Any]],
        Setting(
            "TOML or JSON file of [configurations to try first](#warm-starts).",
            metavar="FILE",
            given=Path,
            on_resume="queue",
        ),
    ] = []  # noqa: RUF012
    start_from: Annotated[
        list[str],
        Setting(
            "Folder of a study [whose frontier is tried first](#warm-starts); repeat.",
            option="from",
            metavar="FOLDER",
            on_resume="queue",
        ),
    ] = []  # noqa: RUF012
    replicate: Annotated[
        CountOrZero,
        Setting(
            "Every so many trials, [train a frontier member again](#replicates) from another seed; 0 never.",
            metavar="N",
        ),
    ] = 0
    lead: Annotated[
        CountOrZero | None,
        Setting(
            "Candidates [proposed before their turn](#compiling-ahead), to compile while the device works.",
            metavar="N",
            default="4 on an accelerator, 0 on a CPU",
        ),
    ] = None
    seed: Annotated[int, Ge(0), Lt(2**32), Setting("Decides splits, proposals and trainings.")] = 0
