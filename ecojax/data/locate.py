"""A dataset's name to its prepared files: found on disk, or else prepared there."""

import difflib
import json
import os
import re
from contextlib import redirect_stdout
from functools import partial
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

from ecojax.data import digits, prepared
from ecojax.data.prepared import PreparedDataset
from ecojax.data.progress import OnProgress
from ecojax.errors import DataError
from ecojax.install import how_to_install
from ecojax.wording import option

# name[/config][:version]; a second colon or a leading namespace would send TFDS to the network for its registries.
_NAME = re.compile(r"\w+(/\w[\w.+-]*)?(:[0-9*]+\.[0-9*]+\.[0-9*]+)?", re.ASCII)


_OWN_CLASS = re.compile(r"tensorflow_datasets\.[\w.]+")


def default_data_dir() -> Path:
    """`$ECOJAX_DATA_DIR`, else the folder that TFDS itself uses."""
    return Path(os.environ.get("ECOJAX_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def locate(
    name: str, data_dir: Path, *, download: bool = True, on_progress: OnProgress | None = None
) -> PreparedDataset:
    """The dataset `name`, as TFDS spells it (`name[/config][:version]`), prepared under `data_dir`.

    Raises:
        DataError: the name is unknown, the dataset is of another kind, or it is neither there nor to be had.
    """
    if not _NAME.fullmatch(name):
        raise _unknown(name)
    _require_plain_features(name, data_dir)
    builder = _builder_on_disk(name, data_dir) or _registered_builder(name, data_dir)
    with prepared.only_news():
        is_prepared = builder.is_prepared()
    if not is_prepared:
        prepared.classification_keys(
            name, builder.info
        )  # refuse before the download what would be refused after
        _prepare(name, builder, data_dir, download=download, on_progress=on_progress)
    return prepared.describe(Path(builder.data_path))


def _require_plain_features(name: str, data_dir: Path) -> None:
    """TFDS imports whatever module `features.json` names; none but its own are needed to read images and labels."""
    for path in sorted((data_dir / re.split("[/:]", name)[0]).rglob("features.json")):
        try:
            json.loads(path.read_bytes(), object_hook=partial(_refuse_foreign_classes, path))
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"'{path}' cannot be read ({error}); prepare the dataset anew") from None


def _refuse_foreign_classes(path: Path, record: dict[str, Any]) -> dict[str, Any]:
    for key in ("pythonClassName", "python_class_name", "type"):
        name = record.get(key)
        if isinstance(name, str) and not _OWN_CLASS.fullmatch(name):
            raise DataError(
                f"'{path}' asks for the Python class {name!r}, which is not TFDS's own; prepare the dataset anew, from "
                "a source that you trust"
            )
    return record


def _builder_on_disk(name: str, data_dir: Path) -> Any:
    """Whatever version lies there, older or newer than the one that this TFDS would prepare."""
    from tensorflow_datasets.core import read_only_builder

    try:
        return read_only_builder.builder_from_files(name, data_dir=data_dir)
    except Exception:  # absent or unreadable, in one of many ways; the registry knows what to say
        return None


def _registered_builder(name: str, data_dir: Path) -> Any:
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.registered import DatasetNotFoundError

    try:
        with redirect_stdout(
            StringIO()
        ):  # TFDS prints a banner where it misses TensorFlow; ours is one sentence
            return tfds.builder(name, data_dir=data_dir)
    except DatasetNotFoundError as error:
        raise _unknown(name) from error
    except ImportError as error:
        raise DataError(
            f"dataset {name!r} cannot even be described without a package that is missing ({error.name or error}); "
            f"run {how_to_install('tensorflow')}, and this again"
        ) from error
    except Exception as error:  # an unknown version or configuration raises AssertionError or ValueError
        reason = prepared.first_line(error.__cause__ or error)
        raise DataError(
            f"dataset {name!r} cannot be used: {reason}; correct what follows its name"
        ) from error


def _unknown(name: str) -> DataError:
    import tensorflow_datasets as tfds

    known = [digits.NAME, *tfds.list_builders(with_community_datasets=False)]
    near = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=4)
    hint = f"did you mean {' or '.join(near)}? Otherwise choose" if near else "choose"
    return DataError(
        f"dataset {name!r} is unknown; {hint} digits (embedded), cifar10, cifar100, mnist, fashion_mnist, or any "
        f"other image-classification dataset of TensorFlow Datasets, written name[/config][:version]"
    )


def _prepare(
    name: str, builder: Any, data_dir: Path, *, download: bool, on_progress: OnProgress | None
) -> None:
    """Prepare an absent dataset: four of them by our own means, the rest by TensorFlow's, where installed."""
    from ecojax.data.prepare import RECIPES, prepare

    absent = f"dataset {name!r} is not prepared in {data_dir}"
    elsewhere = f"`tfds build {name} --file_format=array_record` on a machine with TensorFlow, and {option('data_dir')}"
    ours = builder.name in RECIPES
    if not ours and find_spec("tensorflow") is None:
        raise DataError(
            f"{absent}, and preparing it needs TensorFlow; run {how_to_install('tensorflow')}, and this again, "
            f"or provide it by {elsewhere}"
        )
    if not download:
        raise DataError(
            f"{absent}, and downloading is switched off; switch it on, or provide it by {elsewhere}"
        )
    if ours:
        prepare(builder.name, data_dir, on_progress=on_progress)
        return
    import tensorflow_datasets as tfds

    try:
        tfds.builder(name, data_dir=data_dir, file_format="array_record").download_and_prepare()
    except Exception as error:  # whatever the network, TensorFlow or the dataset's own script raise
        raise DataError(
            f"{absent}, and TensorFlow Datasets cannot prepare it ({prepared.first_line(error)}); "
            f"provide it by {elsewhere}"
        ) from error
