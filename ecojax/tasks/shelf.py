"""The tasks that there are, by name, and how each is made from the settings of a search."""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from ecojax.errors import InputError
from ecojax.origins import Origins
from ecojax.space import SearchSpace
from ecojax.spelling import did_you_mean
from ecojax.study import Metric
from ecojax.study.declarations import require_own_names
from ecojax.tasks.code import load_object, told
from ecojax.tasks.task import Task, quality

if TYPE_CHECKING:
    from ecojax.data import Progress

GROUP = "ecojax.tasks"  # of the entry points by which packages bring tasks along


@dataclass(frozen=True)
class Asked:
    """What a search asks for: its settings, where they came from, and the precision to compute in."""

    settings: Any  # SearchSettings, of a room above
    origins: Origins
    precision: str
    on_data: "Callable[[Progress], None] | None" = None
    download: bool = True


@dataclass(frozen=True)
class TaskKind:
    """A task of the shelf: what it is, in a line, and how it is made."""

    name: str
    what: str
    make: Callable[[Asked], Task] = field(repr=False)


def _of_data(asked: Asked) -> Task:
    from ecojax.data import load
    from ecojax.tasks.of_data import task_of

    settings, origins = asked.settings, asked.origins
    dataset = load(
        settings.dataset,
        data_dir=settings.data_dir,
        train_size=settings.train_size,
        validation_size=settings.validation_size,
        seed=settings.seed,
        download=asked.download,
        on_progress=asked.on_data,
        named=origins.named,
    )
    return task_of(dataset, settings, origins, asked.precision)


OF_DATA = TaskKind(
    "dataset", "what the dataset is for: classes of images, classes or a target of a table", _of_data
)
TASKS = {kind.name: kind for kind in (OF_DATA,)}


def load_task(
    settings: Any,
    origins: Origins | str,
    precision: str,
    on_data: "Callable[[Progress], None] | None" = None,
    *,
    download: bool = True,
    own: Any = None,
) -> Task:
    """The task of a search, with its data in host memory.

    own: a task, or a class or function that makes one, in place of what `settings.task` names.

    Raises:
        InputError, DataError: the settings, the data or the task's own code are not what a search needs.
    """
    asked = Asked(settings, Origins.of(origins), precision, on_data, download)
    if own is None and (settings.task is None or settings.task in TASKS):
        task = TASKS[settings.task or OF_DATA.name].make(asked)
        task.space  # noqa: B018 - refuses an impossible one before anything is written
        return task
    named = asked.origins.named("task", settings.task)
    task = _made(_found(settings.task, named) if own is None else own, asked, named)
    _require_task(task, named)
    require_own_names(task.metrics)
    return task.in_precision(precision)


def is_own(settings: Any) -> bool:
    """Whether a search's task is code of the user's, which a study never brings along."""
    return settings.task is not None and settings.task not in TASKS


def named_object(own: Any) -> str:
    """What a task that was given as an object is called in its study: "module:Name" of it or its class."""
    thing = own if inspect.isclass(own) or inspect.isroutine(own) else type(own)
    return f"{thing.__module__}:{thing.__qualname__.rpartition('.')[2]}"


def name_of(task: str | None) -> str | None:
    """What a task is told by when its study goes on: the name of its class, wherever its file lies now."""
    return None if task is None else task.rpartition(":")[2]


def facts_of(settings: Any, task: Task) -> dict[str, Any]:
    """What the figures depend on, as the study holds it."""
    if not is_own(settings):
        return dict(task.facts())
    if type(task).__module__.startswith("ecojax.tasks.own."):  # its data and models are described as ours are
        facts = dict(task.facts())
        return facts | {"task_facts": {"model": facts["model"]}}
    return {
        "dataset_title": task.summary,
        "task_facts": dict(task.facts()),
        "space_records": task.space.to_records(),
    }


def _found(name: str, named: str) -> Any:
    if ":" in name:
        return load_object(name, named)
    brought = {point.name: point for point in entry_points(group=GROUP)}
    if name not in brought:
        known = [*TASKS, *brought]
        raise InputError(
            f"{named} is no task{did_you_mean(name, known)}; there are {', '.join(known)}, and your own as mine.py:Name"
        )
    try:
        return brought[name].load()
    except Exception as error:
        raise InputError(f"{named}: {told(error)}") from None


def _made(own: Any, asked: Asked, named: str) -> Task:
    """A task; a class or function is called with those settings that it has parameters for, by their names."""
    if not callable(own):
        task: Task = own
        return task
    settings = {name: getattr(asked.settings, name) for name in type(asked.settings).model_fields}
    settings["precision"] = asked.precision
    parameters = inspect.signature(own).parameters.values()
    for parameter in parameters:
        required = parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        )
        if required and parameter.name not in settings:
            raise InputError(
                f"{named} needs '{parameter.name}', which is no setting{did_you_mean(parameter.name, settings)}; give "
                "it a default"
            )
    declared = {one.name: settings[one.name] for one in parameters if one.name in settings}
    try:
        made: Any = own(**declared)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{named} cannot be made: {told(error)}") from None
    return made


def _require_task(task: Any, named: str) -> None:
    """Raises `InputError` naming what a task lacks."""
    what = type(task).__name__
    if Task not in type(task).__mro__:
        raise InputError(f"{named} is a {what}; derive it from ecojax.Task")
    try:
        space, metrics, facts = task.space, task.metrics, task.facts()
        objectives = (quality(task).name, *task.objectives) if metrics else ()
    except StopIteration:
        raise InputError(
            f"{named}: {what}.metrics has none that is known once trained; give the quality ecojax.Metric(..., "
            'when="trained")'
        ) from None
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{named}: {told(error)}") from None
    if not isinstance(space, SearchSpace):
        raise InputError(f"{named}: {what}.space is {space!r}; make it an ecojax.SearchSpace([...])")
    if not metrics or not all(isinstance(metric, Metric) for metric in metrics):
        raise InputError(f"{named}: {what}.metrics is {metrics!r}; make it a list of ecojax.Metric")
    try:
        json.dumps(facts, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{named}: {what}.facts() holds more than plain values ({error})") from None
    if not isinstance(facts, Mapping) or not all(isinstance(name, str) for name in objectives):
        raise InputError(f"{named}: {what}.facts() is {facts!r}; make it a dict")
