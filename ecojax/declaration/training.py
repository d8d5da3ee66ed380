"""How a candidate is trained."""

from typing import Annotated

from ecojax.declaration.setting import Count, Setting


class Training:
    epochs: Annotated[Count, Setting("Passes over the training data, per candidate.")] = 10
    early_stop: Annotated[
        bool,
        Setting(
            "Train every candidate to its last step, those too that can [no longer reach the "
            "frontier](#early-stopping).",
            option="no-early-stop",
        ),
    ] = True
    inherit: Annotated[
        bool, Setting("Begin training from the weights of the [most similar trial](#inheritance).")
    ] = False
    pack: Annotated[
        bool,
        Setting("Train candidates of one shape [together](#packing), where a probe finds that faster."),
    ] = False
