"""Choosing a meter by name, or by what this host's JAX runs on. What cannot be metered is said, never guessed."""

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ecojax.energy.meter import Meter
from ecojax.energy.meters.external import ExternalMeter
from ecojax.energy.meters.shelf import METERS, is_amd, modeled
from ecojax.errors import InputError, MeterError
from ecojax.importing import import_file
from ecojax.install import how_to_install
from ecojax.jax_devices import kind_of, local_devices
from ecojax.wording import option

GROUP = "ecojax.meters"  # of entry points: an object without parameters to call, which gives a meter


def open_meter(
    spec: str | Meter | None = "auto", *, device: Any = None, watts_per_core: float | None = None
) -> Meter:
    """The meter that `spec` names, for `device`; to be closed by the caller.

    spec: "auto", a name on the shelf (METERS) or among the entry points `ecojax.meters` of installed packages,
        external:FILE, or FILE.py:NAME, a class or function without parameters that gives a meter; or a meter, which is
        handed back as it is. "auto" or None is the best that sees `device`: the counter of its board (nvml, amd) or
        else its module's rails (hwmon) on a GPU; rapl, hwmon or else modeled on a CPU; the model of its chip on a TPU.
    device: a JAX device; by default the first local one of JAX's default backend.
    watts_per_core: for the modeled meter, which "auto" then is on a CPU.

    Raises InputError on an unknown name or impossible watts, MeterError where the device cannot be metered: a GPU's
    energy is never silently replaced by that of its host's CPU.
    """
    if spec is not None and not isinstance(spec, str):
        return spec
    name, _, file = (spec or "auto").partition(":")
    if ".py:" in (spec or ""):  # the folder may have a colon
        name, _, file = str(spec).rpartition(":")
    make = None if name in ("auto", "external", *METERS) else _brought(spec or "", name, file)
    if make is None and file and name != "external":
        raise _unknown(spec)
    if name not in ("auto", "modeled") and watts_per_core is not None:
        raise InputError(
            f"{option('watts_per_core')} belongs to {option('meter', 'modeled')}; "
            f"{option('meter', name)} reads an instrument instead."
        )
    if make is not None:
        return _made(make, spec)
    if name == "external":
        if not file:
            raise InputError(f"{option('meter', 'external')} needs the log's name, as in external:watts.csv.")
        return ExternalMeter(file)
    if device is None:
        device = local_devices()[0]
    if name == "auto":
        return _automatic(device, watts_per_core)
    if name == "modeled":
        return modeled(device, watts_per_core)
    _require_seen(name, device)
    return METERS[name].open(device)


def _automatic(device: Any, watts_per_core: float | None) -> Meter:
    if device.platform == "cpu" and watts_per_core is not None:
        return modeled(device, watts_per_core)
    unread: list[MeterError] = []
    for name in meters_of(device):
        try:
            return METERS[name].open(device)
        except MeterError as error:
            unread.append(error)
    if device.platform == "cpu":
        return modeled(device, watts_per_core)
    if unread:
        raise unread[0]
    raise MeterError(
        f"JAX computes on {device.platform} here, which no meter reads; use "
        f"{option('meter', 'modeled')}, which covers the host's CPU only, or {option('meter', 'external:FILE')}."
    )


def meters_of(device: Any) -> tuple[str, ...]:
    """Names of the meters that could see a JAX device, the best first; "modeled" is not among them."""
    return tuple(name for name, instrument in METERS.items() if instrument.sees(device))


def _require_seen(name: str, device: Any) -> None:
    """A meter of what JAX does not compute on would give figures of something else."""
    if name in meters_of(device):
        return
    kind = kind_of(device)
    on = f"an AMD {kind}" if kind == "gpu" and is_amd(device) else kind
    raise MeterError(
        f"JAX computes on {on} here, which {METERS[name].title} cannot meter; use {option('meter', 'modeled')}"
        + (f", or on a host with an NVIDIA GPU run {how_to_install('cuda')}." if name == "nvml" and on == "cpu" else
           "." if on == "cpu" else ", which covers the host's CPU only.")
    )  # fmt: skip


def _brought(spec: str, name: str, thing: str) -> Callable[[], Any]:
    """What makes the meter of a user's file, or of an installed package."""
    if name.endswith(".py"):
        if not Path(name).is_file():
            raise InputError(
                f"'{name}' of {option('meter', spec)} is not there; name a file as in mine.py:Plug"
            )
        make = getattr(import_file(Path(name)), thing, None) if thing else None
        if make is None:
            raise InputError(f"'{name}' has no '{thing}'; name a class or function of it, as in mine.py:Plug")
        if not callable(make):
            raise InputError(f"'{thing}' of '{name}' is {make!r}; name what gives a meter when it is called")
        return make
    found = {point.name: point for point in entry_points(group=GROUP)}
    if thing or name not in found:
        raise _unknown(spec)
    loaded: Callable[[], Any] = found[name].load()
    return loaded


def _made(make: Callable[[], Any], spec: str | None) -> Meter:
    """Raises what making it raises, as it is: that is the user's own."""
    meter = make()
    lacking = [name for name in ("provenance", "tick_s", "read", "close") if not hasattr(meter, name)]
    if lacking:
        raise InputError(
            f"'{spec}' gives {meter!r}, which has no {' and no '.join(lacking)}; return an ecojax.energy.Meter"
        )
    made: Meter = meter
    return made


def _unknown(spec: str | None) -> InputError:
    brought = [point.name for point in entry_points(group=GROUP)]
    names = ", ".join(["auto", *METERS, *brought, "external:FILE", "FILE.py:NAME"])
    return InputError(f"There is no meter {spec!r}; {option('meter')} takes {names}.")
