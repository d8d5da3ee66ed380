"""Every setting of a search, declared once: its type and default, and what is said of it.

The groups are plain classes, so that `ecojax --help` needs no pydantic. From them come the fields of
`ecojax.settings.SearchSettings`, the options of `ecojax search` and their help, the names that messages use, what may
change on `--resume`, and the table of docs/search.md (`scripts/settings_table.py`).
"""

from ecojax.declaration.budget import Budget
from ecojax.declaration.data import Data
from ecojax.declaration.execution import Execution
from ecojax.declaration.measuring import Measuring
from ecojax.declaration.search import Search
from ecojax.declaration.setting import Declared, Resume, declared
from ecojax.declaration.training import Training

GROUPS = {
    "Data": Data,
    "Search": Search,
    "Budget": Budget,
    "Training": Training,
    "Measuring": Measuring,
    "Execution": Execution,
}
SETTINGS: dict[str, Declared] = {
    setting.name: setting for title, group in GROUPS.items() for setting in declared(group, title)
}


def of_resume(*kinds: Resume) -> frozenset[str]:
    """The names of the settings that `--resume` treats in one of these ways."""
    return frozenset(name for name, setting in SETTINGS.items() if setting.about.on_resume in kinds)


__all__ = [
    "GROUPS",
    "SETTINGS",
    "Budget",
    "Data",
    "Execution",
    "Measuring",
    "Search",
    "Training",
    "of_resume",
]
