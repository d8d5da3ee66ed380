"""`model.json`: what it takes to build a network again, as its task describes it."""

from pathlib import Path

from ecojax.errors import InputError
from ecojax.export.records import read_record, write_record
from ecojax.tasks.description import Description
from ecojax.tasks.descriptions import FIRST_KIND, from_record

FILE, FORMAT, VERSION = "model.json", "ecojax-model", 2
ONE_KIND = 1  # the version that knew one task only


def read_description(folder: Path) -> Description:
    """From `model.json` in `folder`. Raises `InputError` naming the file and the key."""
    version, record = read_record(folder / FILE, FORMAT, ONE_KIND, VERSION)
    if version == ONE_KIND:
        record = {"task": FIRST_KIND} | record
    try:
        return from_record(record)
    except InputError as error:
        raise InputError(f"'{folder / FILE}': {error}; export the model again") from None


def write_description(folder: Path, description: Description) -> None:
    write_record(folder / FILE, FORMAT, VERSION, description.to_record())
