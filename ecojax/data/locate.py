"""A dataset's name to its prepared files: found on disk, or else prepared there."""

import difflib
import json
import os
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

from ecojax.data import absent, prepared
from ecojax.data.images import digits
from ecojax.data.prepared import Prepared
from ecojax.data.progress import OnProgress
from ecojax.errors import DataError
from ecojax.folders import home_folder
from ecojax.install import how_to_install
from ecojax.wording import option

# name[/config][:version]; a second colon or a leading namespace would send TFDS to the network for its registries.
_NAME = re.compile(r"\w+(/\w[\w.+-]*)?(:[0-9*]+\.[0-9*]+\.[0-9*]+)?", re.ASCII)


_OWN_CLASS = re.compile(r"tensorflow_datasets\.[\w.]+")


def default_data_dir() -> Path:
    """`$ECOJAX_DATA_DIR`, else the folder that TFDS itself uses; absolute."""
    if chosen := os.environ.get("ECOJAX_DATA_DIR"):
        return Path(chosen).expanduser().absolute()
    return home_folder("tensorflow_datasets", f"{option('data_dir')}, or ECOJAX_DATA_DIR").absolute()


def locate(
    name: str,
    data_dir: Path,
    require: Callable[[str, Any], None],
    *,
    download: bool = True,
    make_folder: bool = True,
    on_progress: OnProgress | None = None,
) -> Prepared:
    """The dataset `name`, as TFDS spells it (`name[/config][:version]`), prepared under `data_dir`.

    require: raises `DataError` for TFDS's description of a dataset that nothing here learns.
    make_folder: whether a `data_dir` that does not exist may be made, to download into it.

    Raises:
        DataError: the name is unknown, the dataset is of another kind, or it is neither there nor to be had.
    """
    if not _NAME.fullmatch(name):
        raise _unknown(name, data_dir)
    _require_plain_features(data_dir / re.split("[/:]", name)[0])
    builder = _builder_on_disk(name, data_dir)
    if builder is None:
        for version in absent.versions(data_dir, re.split("[/:]", name)[0]):
            if name in (version, version.partition(":")[0]):  # there, but TFDS does not take it: say why
                return prepared.describe(data_dir / version.replace(":", "/"))
        builder = _registered_builder(name, data_dir)
    with prepared.only_news():
        is_prepared = builder.is_prepared()
    if not is_prepared:
        require(name, builder.info)  # refuse before the download what would be refused after
        if (elsewhere := absent.slip(name, data_dir)) is not None:
            raise DataError(f"dataset {name!r} was not found: {elsewhere}")
        refusal = None
        if not download:
            refusal = f"downloading is switched off, as it is with {option('resume')}; switch it on"
        elif not make_folder and not data_dir.is_dir():
            refusal = "nothing is downloaded into a folder that does not exist; make that folder first"
        _prepare(name, builder, data_dir, refusal=refusal, on_progress=on_progress)
    return prepared.describe(Path(builder.data_path))


def prepared_at(folder: Path) -> Prepared:
    """The dataset that TFDS has prepared in `folder`, that of its version. Raises `DataError` where there is none."""
    if not (folder / "dataset_info.json").is_file():
        raise DataError(
            f"'{folder}' is no prepared dataset: it holds no dataset_info.json; give the folder of its version, as in "
            "data/mnist/3.0.1"
        )
    _require_plain_features(folder)
    return prepared.describe(folder)


def _require_plain_features(folder: Path) -> None:
    """TFDS imports whatever module `features.json` names; none but its own are needed."""
    for path in sorted(folder.rglob("features.json")):
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
        raise _unknown(name, data_dir) from error
    except ImportError as error:
        raise DataError(
            f"dataset {name!r} cannot even be described without a package that is missing ({error.name or error}); "
            f"run {how_to_install('tensorflow')}, and this again"
        ) from error
    except Exception as error:  # an unknown version or configuration raises AssertionError or ValueError
        reason = prepared.first_line(error.__cause__ or error)
        raise DataError(
            f"dataset {name!r} cannot be used: {reason}; correct what follows its name. Of what is prepared, "
            f"{absent.whereabouts(name, data_dir)}"
        ) from error


def _unknown(name: str, data_dir: Path) -> DataError:
    import tensorflow_datasets as tfds

    known = [digits.NAME, *tfds.list_builders(with_community_datasets=False)]
    near = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=4)
    hint = f"did you mean {' or '.join(near)}? Otherwise choose" if near else "choose"
    choice = (
        "digits (embedded), cifar10, cifar100, mnist, fashion_mnist, or any other dataset of images with a label, "
        "or of a table, of TensorFlow Datasets, written name[/config][:version]"
    )
    if not _NAME.fullmatch(name):
        return DataError(f"dataset {name!r} is unknown, and no name; {hint} {choice}")
    where = absent.whereabouts(name, data_dir)
    if not (near or data_dir.exists()) or absent.slip(name, data_dir) is not None:
        return DataError(f"dataset {name!r} was not found: {where}")
    end = "" if where.endswith("?") else "."
    return DataError(
        f"dataset {name!r} was not found, and is unknown to TensorFlow Datasets: {where}{end} Or {hint} {choice}"
    )


def _prepare(
    name: str, builder: Any, data_dir: Path, *, refusal: str | None, on_progress: OnProgress | None
) -> None:
    """Prepare an absent dataset: those that ecojax knows by its own means, the rest by TensorFlow's, where installed.

    refusal: why nothing is to be downloaded, and what to do about it.
    """
    from ecojax.data.images.prepare import prepare
    from ecojax.data.images.published import DATASETS

    missing = f"dataset {name!r} is not prepared in '{data_dir}' ({absent.whereabouts(name, data_dir)})"
    elsewhere = f"`tfds build {name} --file_format=array_record` on a machine with TensorFlow, and {option('data_dir')}"
    ours = builder.name in DATASETS
    if not ours and find_spec("tensorflow") is None:
        raise DataError(
            f"{missing}, and preparing it needs TensorFlow; run {how_to_install('tensorflow')}, and this again, "
            f"or provide it by {elsewhere}"
        )
    if refusal is not None:
        raise DataError(f"{missing}, and {refusal}, or provide it by {elsewhere}")
    if ours:
        prepare(builder.name, data_dir, on_progress=on_progress)
        return
    import tensorflow_datasets as tfds

    try:
        tfds.builder(name, data_dir=data_dir, file_format="array_record").download_and_prepare()
    except Exception as error:  # whatever the network, TensorFlow or the dataset's own script raise
        raise DataError(
            f"{missing}, and TensorFlow Datasets cannot prepare it ({prepared.first_line(error)}); "
            f"provide it by {elsewhere}"
        ) from error
