"""The workers of a search, and what the driver keeps of the task itself: all that a search is conducted with."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ecojax.energy.turns import Turns
from ecojax.errors import EcojaxError, InputError
from ecojax.execute.executor import End, Executor, Job, Maker
from ecojax.folders import private_folder
from ecojax.jax_settings import computing
from ecojax.origins import Origins
from ecojax.session.driver_device import cpu_only
from ecojax.session.loop import Listener
from ecojax.session.waiting import FOLDER
from ecojax.session.workplace import Workplace, completed, precision_on, select_device
from ecojax.settings import SearchSettings
from ecojax.study.declarations import RECORDS, records_of
from ecojax.tasks.shelf import facts_of, load_task
from ecojax.trial.worker import Describe, Worker
from ecojax.wording import option, speaks_of_options

if TYPE_CHECKING:
    from ecojax.data import Progress
    from ecojax.energy import Meter
    from ecojax.tasks.task import Task

MAKER = "ecojax.session.workplace:make"
ASIDE = -1  # the number of a job that is no trial
CALLS = 3  # until workers that die are taken for more than bad luck

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Crew:
    """An executor whose workers hold a `Workplace` each, and what the driver knows of their work.

    settings: of the search, with what the task decides. task: as theirs. facts: what their figures depend on.
    turns: of the driver with the workers, where they share a host's processors. notes: what a user should know of the
    devices.
    """

    executor: Executor
    settings: SearchSettings
    task: "Task"
    facts: dict[str, Any]
    turns: Turns
    notes: Sequence[str] = ()

    def ask(self, request: Callable[[Worker], Answer]) -> Answer:
        """What some worker answers, while no trial is running. Raises what it raises."""
        return ask(self.executor, request)


def ask(executor: Executor, request: Callable[[Worker], Answer]) -> Answer:
    """What some worker answers.

    Raises what it raises, and `EcojaxError` where workers die over it.
    """
    for _ in range(CALLS):
        executor.submit(Job(ASIDE, request))
        (ended,) = executor.wait()
        if ended.end is End.RETURNED:
            answer: Answer = ended.value
            return answer
        if ended.exception is not None:
            raise ended.exception
    asked = type(request).__name__.lower()
    raise EcojaxError(f"a worker was to {asked} and did not, {CALLS} times: {ended.error}")


@contextmanager
def assemble(
    settings: SearchSettings,
    origins: Origins | str,
    *,
    meter: "Meter | None" = None,
    on_data: "Callable[[Progress], None] | None" = None,
    download: bool = True,
    listener: Listener | None = None,
    study: Path | None = None,
    own: Any = None,
) -> Iterator[Crew]:
    """The crew that `settings` ask for, at work until the block ends. Those who wait for it are told of `study`.

    download: whether a dataset that is not there may be fetched. own: the task that the settings name, or what makes
    it, from this process.

    Raises what is wrong with the settings, the data or the devices before any worker has done anything.
    """
    from ecojax.engine.engine import require_packages
    from ecojax.execute.ray import require_ray

    require_packages(settings.proposer)
    if settings.executor == "ray":
        require_ray()
    with ExitStack() as stack:
        settings = _within_reach(settings, own)
        inline = meter is not None or (settings.executor == "inline" and settings.meter_device is None)
        if not inline or settings.device == "cpu":
            stack.enter_context(cpu_only(listener or Listener()))
        if inline:
            executor, settings, task, turns = _inline(stack, settings, origins, meter, on_data, download, own)
        else:
            name = "" if study is None else str(study.absolute())
            executor, settings, task, turns = _apart(stack, settings, origins, on_data, download, name, own)
        stack.enter_context(executor)
        described = ask(executor, Describe())
        task = task.in_precision(described["resolved_precision"])
        notes = [f"{closed}; it is left out" for closed in _closed_boards(settings)]
        facts = {**facts_of(settings, task), RECORDS: records_of(task.metrics), **described}
        yield Crew(executor, settings, task, facts, turns, notes)


def _within_reach(settings: SearchSettings, own: Any) -> SearchSettings:
    """The settings, with trials in this process where the task is an object of it that workers cannot load."""
    if own is None or (settings.workers is not None and hasattr(own, "for_workers")):
        return settings
    for name in ("workers", "meter_device"):
        if getattr(settings, name) is not None:
            raise InputError(
                f"{option(name, getattr(settings, name))} needs a task that workers can load; name it by its place, "
                'task="mine.py:MyTask"'
            )
    return settings.model_copy(update={"executor": "inline"})


def _inline(
    stack: ExitStack,
    settings: SearchSettings,
    origins: Origins | str,
    meter: "Meter | None",
    on_data: "Callable[[Progress], None] | None",
    download: bool,
    own: Any,
) -> "tuple[Executor, SearchSettings, Task, Turns]":
    from ecojax.execute.inline import InlineExecutor
    from ecojax.train.compilation import persistent_cache

    for name in ("workers", "trial_timeout", "ray_address"):
        if getattr(settings, name) is not None and settings.executor == "inline":
            raise InputError(f"{option(name)} needs workers; leave {option('executor', 'inline')} out")
    # this process and its settings are somebody else's
    stack.enter_context(persistent_cache())
    within = partial(computing, select_device(settings.device))
    with within():
        workplace = Workplace(settings, origins, meter=meter, on_data=on_data, download=download, own=own)
    stack.callback(workplace.close)
    return InlineExecutor(workplace, within=within), workplace.settings, workplace.task, Turns(None)


def _apart(
    stack: ExitStack,
    settings: SearchSettings,
    origins: Origins | str,
    on_data: "Callable[[Progress], None] | None",
    download: bool,
    study: str,
    own: Any,
) -> "tuple[Executor, SearchSettings, Task, Turns]":
    # what is wrong with space or data shows here, before a process is started, and downloads are done once
    precision = "float32" if settings.precision == "auto" else settings.precision
    with computing():
        own = None if own is None else own.for_workers()
        task = load_task(settings, origins, precision, on_data, download=download, own=own)
    settings = completed(settings, origins, task)
    folder = _folder_of_turns()

    def maker(of: SearchSettings) -> Maker:
        record = of.model_dump(mode="json", exclude_none=True)
        return Maker(
            MAKER,
            {
                "settings": record,
                "origins": origins,
                "turns": str(folder),
                "study": study,
                "command_line": speaks_of_options(),
                "digests": task.facts().get("digests"),
                "download": download,
                "own": own,
            },
        )

    if settings.meter_device is None:
        return _workers(settings, maker), settings, task, Turns(folder, study)
    from ecojax.execute.local import LocalExecutor
    from ecojax.session.apart import MeteredApart

    place = _place_of(settings.meter_device)
    device = settings.meter_device.partition(":")[0]
    metering = settings.model_copy(update={"device": device})
    meters = LocalExecutor(maker(metering), environments=[place], log_folder=None)
    # what is metered is what was trained: in the precision of the device that meters
    trained = settings.model_copy(update={"precision": precision_on(device, settings.precision)})
    return MeteredApart(_workers(trained, maker, but=place), meters), settings, task, Turns(folder, study)


def _folder_of_turns() -> Path:
    """Of all searches of this user on this host, none of which is to compute while another meters; or another one."""
    named = os.environ.get(FOLDER)
    if not named:
        return private_folder("turns")
    folder = Path(named).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"'{folder}' cannot be a folder of turns ({error.strerror}); name another in {FOLDER}"
        ) from None
    return folder


def _workers(
    settings: SearchSettings,
    maker: Callable[[SearchSettings], Maker],
    but: Mapping[str, str] | None = None,
) -> Executor:
    """Those that train; none of this host on the GPU of `but`."""
    if settings.executor == "ray":
        from ecojax.execute.ray import RayExecutor

        gpus = {"gpu": 1.0, "cpu": 0.0}.get(settings.device)
        return RayExecutor(
            maker(settings),
            address=settings.ray_address or "auto",
            workers=settings.workers,
            gpus_per_worker=gpus,
            cpus_per_worker=1.0,
            environment={"JAX_PLATFORMS": "cpu"} if settings.device == "cpu" else {},
        )
    from ecojax.execute.local import LocalExecutor
    from ecojax.execute.places import places

    if settings.ray_address is not None:
        raise InputError(
            f"{option('ray_address')} is of {option('executor', 'ray')}; add that, or leave it out"
        )
    if settings.executor == "inline":
        raise InputError(f"{option('meter_device')} needs workers; leave {option('executor', 'inline')} out")
    environments = places(settings.device, settings.workers)
    if but is not None and "CUDA_VISIBLE_DEVICES" in but:
        environments = [
            one for one in environments if one.get("CUDA_VISIBLE_DEVICES") != but["CUDA_VISIBLE_DEVICES"]
        ]
        if not environments:
            raise InputError(
                f"{option('meter_device', settings.meter_device)} leaves no GPU to train on; leave it out, or train "
                f"with {option('device', 'cpu')}"
            )
    return LocalExecutor(maker(settings), environments=environments, log_folder=None)


def _place_of(meter_device: str) -> dict[str, str]:
    """The environment of "cpu", "gpu" or "gpu:1". Raises `InputError` where there is no such device."""
    from ecojax.execute.places import places

    device, _, number = meter_device.partition(":")
    if device not in ("cpu", "gpu", "tpu") or (number and not number.isdecimal()):
        raise InputError(
            f"{option('meter_device', meter_device)} is no device; write cpu, gpu or, for instance, gpu:1"
        )
    found = places(device, None)
    if int(number or 0) >= len(found):
        raise InputError(
            f"{option('meter_device', meter_device)} is not there: this host has {len(found)} of that kind"
        )
    return found[int(number or 0)]


def _closed_boards(settings: SearchSettings) -> list[str]:
    """GPUs of this host that its workers may not open, where they could have been given one."""
    if settings.device == "cpu" or settings.executor == "ray":
        return []
    from ecojax.execute.places import closed

    return closed()
