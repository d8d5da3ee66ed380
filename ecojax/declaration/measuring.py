"""The device, and how energy is measured on it."""

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from ecojax.declaration.setting import Count, Finite, Setting


class Measuring:
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Setting("auto (bfloat16 on accelerators, float32 on a CPU), float32 or bfloat16."),
    ] = "auto"
    device: Annotated[
        Literal["auto", "cpu", "gpu", "tpu"],
        Setting("auto, cpu, gpu or tpu; one that is not there is an error."),
    ] = "auto"
    meter: Annotated[
        str,
        Setting(
            "auto ([by device](meters.md)), nvml, amd, hwmon, rapl, tpu, external:FILE, modeled (CPU time x watts), or "
            "[your own](meters.md#your-own-gauge) as mine.py:Plug; `ecojax devices` shows what there is here."
        ),
    ] = "auto"
    watts_per_core: Annotated[
        Annotated[float, Finite(), Gt(0)] | None,
        Setting("For the [modeled](meters.md#modeled) meter.", default="the processor's own, or 10"),
    ] = None
    inference_batch: Annotated[Count, Setting("Batch size that energy and latency are stated at.")] = 64
    energy_ci: Annotated[
        float,
        Gt(0),
        Lt(1),
        Setting(
            "95 % half width to measure energy to, as a share of it: 5% or 0.05.", metavar="SHARE", given=str
        ),
    ] = 0.05
    frontier_energy_ci: Annotated[
        float,
        Ge(0),
        Lt(1),
        Setting(
            "The same for the frontier's members, [measured side by side](energy.md#the-frontier-side-by-side) in the "
            "end; 0 leaves that out.",
            metavar="SHARE",
            given=str,
        ),
    ] = 0.02
