"""When a search stops."""

from typing import Annotated

from ecojax.declaration.setting import Count, Setting


class Budget:
    evaluations: Annotated[
        Count, Setting("Configurations to evaluate, in all, failed ones included.", on_resume="free")
    ] = 36
    budget: Annotated[
        str | None,
        Setting(
            "Stop after so much [time or energy](#budgets), as in 2h, 30min, 50Wh, 500kJ.",
            metavar="AMOUNT",
            on_resume="free",
        ),
    ] = None
    patience: Annotated[
        Count | None,
        Setting(
            "Stop when so many trials have not [enlarged the hypervolume](#budgets).",
            metavar="N",
            on_resume="free",
        ),
    ] = None
