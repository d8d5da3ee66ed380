"""What a worker of a search owns: a device, the data on it, a meter and an evaluator; made from the settings."""

import platform
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecojax.errors import InputError, StudyError
from ecojax.install import how_to_install
from ecojax.jax_devices import cpu_device, failed_accelerator, kind_of, local_devices, setting
from ecojax.jax_settings import settle, switches
from ecojax.origins import Origins
from ecojax.settings import SearchSettings, require_metrics
from ecojax.tasks.task import metrics_of
from ecojax.trial.worker import Compare, Description, Evaluate, Required, TrainedCandidates
from ecojax.wording import option, speak_of_options

if TYPE_CHECKING:
    from ecojax.data import Progress
    from ecojax.energy import Energy, Meter
    from ecojax.energy.turns import Turns
    from ecojax.tasks.task import Task
    from ecojax.trial.outcome import Outcome

VERSIONS = ("jax", "jaxlib", "flax", "optax", "evosax", "numpy")


class Workplace:
    """The `Worker` of a search: evaluates configurations on this process's device.

    Args:
        settings: of the search. origins: where they came from, for errors.
        meter: one to use in place of that of the settings; it stays open.
        turns: a folder in which those who compute on this host's processors take turns; None where nobody else does.
        study: the folder of the search, as those who wait for it are to call it.
        on_data: hears of downloads and decoding.
        digests: of the data that the driver has; None where it is the driver.
        download: whether a dataset that is not there may be fetched.
        own: the task that the settings name, or what makes it, from this process.

    Raises:
        InputError, DataError, MeterError: the device, the data or the meter are not what the settings ask for.
    """

    def __init__(
        self,
        settings: SearchSettings,
        origins: Origins | str,
        *,
        meter: "Meter | None" = None,
        turns: str | None = None,
        study: str = "",
        on_data: "Callable[[Progress], None] | None" = None,
        digests: Mapping[str, str] | None = None,
        download: bool = True,
        own: Any = None,
    ):
        from ecojax.energy import open_meter
        from ecojax.session.data import require_same_data
        from ecojax.tasks.shelf import load_task
        from ecojax.trial.evaluator import Evaluator
        from ecojax.trial.rungs import can_stop

        self._device = select_device(settings.device)
        backend = kind_of(self._device)
        self.precision = precision_on(backend, settings.precision)
        self._own_meter = meter is None
        self.meter = meter or open_meter(
            settings.meter, device=self._device, watts_per_core=settings.watts_per_core
        )
        try:
            self.task = load_task(settings, origins, self.precision, on_data, download=download, own=own)
            settings = self.settings = completed(settings, origins, self.task)
            if digests is not None:
                require_same_data(settings.dataset, digests, self.task.facts()["digests"])
            self.evaluator = Evaluator(
                self.task,
                self.meter,
                early_stop=settings.early_stop
                and can_stop(settings.objectives, metrics_of(self.task), self.task.foretold),
                energy_ci=settings.energy_ci,
                pack=settings.pack,
                neighbours=backend == "cpu"
                and (settings.executor == "ray" or (settings.workers or 1) > 1)
                and self.meter.provenance.scope != "this process",
                turns=_turns(turns if backend == "cpu" else None, study),
            )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if hasattr(self, "evaluator"):
            self.evaluator.close()
        if self._own_meter:
            self.meter.close()

    def describe(self) -> Description:
        """What the figures that are made here depend on."""
        device = self._device
        return {
            "resolved_precision": self.precision,
            "energy_provenance": str(self.meter.provenance),  # for show
            "energy_provenance_record": self.meter.provenance.to_dict(),
            "device_kind": f"{kind_of(device)}: {device.device_kind}",
            "jax_switches": switches(),
            "host": f"{platform.system()} {platform.machine()}",
            "versions": versions(),
        }

    def lower(self, configuration: Mapping[str, Any]) -> str:
        """Builds and lowers the programs of a configuration, compiling none; says which network it is.

        Raises what stands in the way of a trial of it.
        """
        return self.evaluator.lower(configuration)

    def try_out(self, configuration: Mapping[str, Any]) -> str:
        """Builds a configuration, trains it one step, judges it; says what was built.

        Raises `InputError` naming the method that fails.
        """
        return self.evaluator.try_out(configuration)

    def evaluate(self, request: Evaluate) -> "Outcome":
        """As `Evaluator`. Raises `StudyError` where this device or its meter is not what the request requires."""
        self._require(request.required)
        return self.evaluator(request)

    def meter_alone(self, configuration: Mapping[str, Any]) -> "Outcome":
        """The energy of an inference and nothing else, as `Evaluator.meter_alone`."""
        return self.evaluator.meter_alone(configuration)

    def compare(self, request: Compare) -> "dict[int, Energy]":
        """As `Evaluator.compare`. Raises as `evaluate` does."""
        self._require(request.required)
        return self.evaluator.compare(request.trained, confidence_target=request.confidence_target)

    def test(self, trained: TrainedCandidates) -> dict[int, Mapping[str, float]]:
        """The metrics of each on the test split."""
        return {
            number: self.evaluator.judge(configuration, arrays, "test")
            for number, (configuration, arrays) in trained.items()
        }

    def _require(self, required: Required) -> None:
        self._require_device(required.device_kind)
        self._require_provenance(required.provenance)

    def _require_device(self, device_kind: str | None) -> None:
        here = self.describe()["device_kind"]
        if device_kind is not None and here != device_kind:
            raise StudyError(
                f"a worker computes on '{here}' and the study's energy is of '{device_kind}': figures of two devices "
                "do not compare; give the search workers of one kind, or name one to meter on with "
                f"{option('meter_device')}"
            )

    def _require_provenance(self, record: Mapping[str, Any] | None) -> None:
        from ecojax.energy import Provenance

        if record is None:
            return
        found = self.meter.provenance.differences(Provenance.from_dict(record))
        if found:
            raise StudyError(
                f"a worker meters energy otherwise than the study, by {'; '.join(found)}: such figures do not compare; "
                f"give the search workers that are metered alike, or name what meters with {option('meter')}, "
                f"{option('watts_per_core')} or {option('meter_device')}"
            )


def make(
    settings: Mapping[str, Any],
    origins: Origins | str,
    turns: str | None = None,
    command_line: bool = False,
    digests: Mapping[str, str] | None = None,
    download: bool = True,
    study: str = "",
    own: Any = None,
) -> Workplace:
    """A `Workplace`, from settings as the study stores them, in a process that is there for nothing else.

    Its errors speak as the driver's do.
    """
    from ecojax.train.compilation import use_persistent_cache

    speak_of_options(command_line)
    settle()
    use_persistent_cache()
    restored = SearchSettings.model_validate(dict(settings))
    return Workplace(restored, origins, turns=turns, digests=digests, download=download, study=study, own=own)


def _turns(folder: str | None, study: str) -> "Turns":
    from ecojax.energy.turns import Turns
    from ecojax.execute.worker import uncounted

    if folder is None:
        return Turns(None)
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)  # on another host it is not there yet
    return Turns(Path(folder), study, uncounted)


def completed(settings: SearchSettings, origins: Origins | str, task: "Task") -> SearchSettings:
    """The settings with the task's own objectives and families, where nobody named any.

    Raises `InputError` for objectives and bounds of a metric that the task has not.
    """
    given = Origins.of(origins)
    decided = {"objectives": task.objectives, "families": getattr(task, "families", settings.families)}
    settings = settings.model_copy(
        update={name: list(own) for name, own in decided.items() if given.whence(name) == "default"}
    )
    require_metrics(settings, metrics_of(task), given)
    return settings


def precision_on(backend: str, precision: str) -> str:
    """The precision that "auto" means on a backend, or the one asked for."""
    if precision != "auto":
        return precision
    return "float32" if backend == "cpu" else "bfloat16"


def select_device(device: str) -> Any:
    """The JAX device to compute on. Raises `InputError` when it is not there, saying what JAX says."""
    local = local_devices()
    found = kind_of(local[0])
    if device == "auto" and found == "cpu" and not setting() and (failed := failed_accelerator()):
        raise InputError(
            f"JAX falls back to the CPU: {failed}; repair that, or compute on the CPU with {option('device', 'cpu')}"
        )
    if device in ("auto", found):
        return local[0]
    if device == "cpu" and (cpu := cpu_device()) is not None:
        return cpu
    remedy = (
        f"where an NVIDIA driver is, run {how_to_install('cuda')}"
        if device == "gpu"
        else "run where there is one"
    )
    because = f" ({setting()})" if setting() else ""
    raise InputError(
        f"{option('device', device)} was asked for, but JAX finds only {found} here{because}; {remedy}, or drop it"
    )


def versions() -> dict[str, str]:
    """Of Python and of what decides the figures."""
    from ecojax.version import __version__

    found = {"python": platform.python_version(), "ecojax": __version__}
    for name in VERSIONS:
        with suppress(PackageNotFoundError):  # a search may do without evosax
            found[name] = version(name)
    return found
