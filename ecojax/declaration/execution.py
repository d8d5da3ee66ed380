"""Where trials run, and by whom; all of it may change when a study goes on."""

from typing import Annotated, Literal

from ecojax.declaration.setting import Count, Setting


class Execution:
    executor: Annotated[
        Literal["local", "inline", "ray"],
        Setting(
            "[Where trials run](workers.md): local, in processes here; [ray](cluster.md); inline, in this process.",
            on_resume="free",
        ),
    ] = "local"
    workers: Annotated[
        Count | None,
        Setting(
            "[Processes that train](workers.md#which-device-a-worker-gets).",
            default="one for each GPU, else one",
            on_resume="free",
        ),
    ] = None
    ray_address: Annotated[
        str | None,
        Setting(
            "Of the [Ray cluster](cluster.md): auto, HOST:PORT, or local for a Ray of its own.",
            default="auto",
            on_resume="free",
        ),
    ] = None
    trial_timeout: Annotated[
        str | None,
        Setting(
            "[Most that one trial may take](workers.md#when-something-goes-wrong): 90s, 10min, 2h.",
            metavar="TIME",
            on_resume="free",
        ),
    ] = None
    meter_device: Annotated[
        str | None,
        Setting(
            "[Meter on this device of this host](workers.md#train-anywhere-meter-on-one-device), train anywhere: cpu, "
            "gpu, gpu:1.",
            metavar="DEVICE",
            default="each worker's own",
            on_resume="free",
        ),
    ] = None
