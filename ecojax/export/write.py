"""One trial to one folder, whole or not at all."""

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from ecojax.errors import InputError
from ecojax.export.card import model_card
from ecojax.export.checkpoint import save_weights
from ecojax.export.description import write_description
from ecojax.export.label import check_label, energy_label, write_label
from ecojax.export.records import write_record
from ecojax.study import Trial
from ecojax.tasks.description import Description
from ecojax.wording import option
from ecojax.writable import obstacle

CARD = "MODEL_CARD.md"
CONFIGURATION, CONFIGURATION_FORMAT, CONFIGURATION_VERSION = "configuration.json", "ecojax-configuration", 1


def export_trial(
    description: Description,
    trial: Trial,
    arrays: Mapping[str, np.ndarray],
    to: Path,
    *,
    settings: Mapping[str, Any],
) -> Path:
    """Writes a trained trial to the folder `to`, which must be empty or not exist; returns that folder.

    Args:
        description: of the trial's model. `arrays`: its weights by name, as `FlaxNetwork.to_arrays` gives them.
        settings: the study's; `study` is its name, `repeats` the complete trials of the same configuration.

    Raises:
        InputError: the trial is not complete, its weights do not fit the network, `to` holds anything or cannot be
            written. Nothing is left behind then.
    """
    if not trial.complete:
        raise InputError(f"trial {trial.id} ({trial.status}) cannot be exported; pick a complete trial")
    energy = energy_label(trial, settings)
    check_label(energy, f"the energy of trial {trial.id} is damaged")
    description.require_fitting(arrays)
    with _whole_folder(to) as folder:
        save_weights(folder, arrays)
        write_description(folder, description)
        write_record(
            folder / CONFIGURATION,
            CONFIGURATION_FORMAT,
            CONFIGURATION_VERSION,
            {
                "study": settings.get("study"),
                "trial": trial.id,
                "seed": trial.seed,
                "origin": trial.origin,
                "configuration": trial.configuration,
            },
        )
        write_label(folder, energy)
        card = model_card(description, trial, energy, settings, folder_name=Path(os.path.abspath(to)).name)
        (folder / CARD).write_text(card, encoding="utf-8")
    return Path(to)


@contextmanager
def _whole_folder(to: Path) -> Iterator[Path]:
    """A folder next to `to` that takes its name when the block ends well, and vanishes when it does not."""
    target = Path(os.path.abspath(to))
    created = [parent for parent in target.parents if not parent.exists()]
    temporary = target.with_name(f".{target.name}-{uuid.uuid4().hex[:8]}.part")
    try:
        require_vacant(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
        os.replace(temporary, target)  # onto an empty folder, too; refused where it is no longer empty
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        for parent in created:
            with suppress(OSError):
                parent.rmdir()
        if isinstance(error, OSError):
            raise InputError(
                f"cannot write the model to '{to}': {error.strerror or error}; choose another {option('to')}"
            ) from None
        raise


def require_vacant(target: Path) -> None:
    """Raises `InputError` where `target` holds anything, or cannot be written."""
    if target.is_dir():
        entry = next(target.iterdir(), None)
        if entry is not None:
            raise InputError(
                f"'{target}' is not empty ('{entry.name}'), nothing was written; choose another {option('to')}"
            )
    elif target.exists() or target.is_symlink():
        raise InputError(f"'{target}' is a file; give a folder that is empty or does not exist yet")
    if (reason := obstacle(target)) is not None:
        raise InputError(f"cannot write the model to '{target}': {reason}; choose another {option('to')}")
