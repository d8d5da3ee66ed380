"""CIFAR and MNIST from their published archives to the prepared form that `tfds.data_source` reads, without TensorFlow.

TFDS itself needs TensorFlow for this, to unpack archives and to encode images; the serialisation of examples and the
description of the dataset are TFDS's own here too, so that what is written is what TFDS would have written, up to the
order of the examples, which stays the published one.
"""

import fcntl
import io
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ecojax.data.download import Archive, fetch
from ecojax.data.images.archives import CifarLayout, Examples, read_cifar, read_idx_pair
from ecojax.data.images.dataset import Images
from ecojax.data.progress import OnProgress, Progress
from ecojax.errors import DataError
from ecojax.wording import option

Contents = tuple[dict[str, Examples], dict[str, list[str]]]  # examples by split, class names by label


class Recipe(NamedTuple):
    """The archives a dataset is published as, and how to read them once they are on disk."""

    archives: tuple[Archive, ...]
    read: Callable[[Sequence[Path]], Contents]


def prepare(
    name: str,
    data_dir: Path,
    *,
    archives: Sequence[Archive] | None = None,
    on_progress: OnProgress | None = None,
) -> Path:
    """Download and prepare `name`, one of `RECIPES`, in `data_dir`; return the folder that then holds it.

    The folder appears whole or not at all. `archives` replaces the published ones; `$ECOJAX_MIRROR` is asked for
    `<mirror>/<dataset>/<file name>` in place of the published addresses, and held to the same checksums.

    Raises:
        DataError: an archive cannot be had or is damaged, or `data_dir` cannot be written.
    """
    import tensorflow_datasets as tfds

    recipe = RECIPES[name]
    chosen = recipe.archives if archives is None else archives
    if archives is None and (mirror := os.environ.get("ECOJAX_MIRROR")):
        chosen = [
            replace(archive, url=f"{mirror.rstrip('/')}/{name}/{archive.file_name}") for archive in chosen
        ]
    downloads = data_dir / "downloads" / name
    try:
        with _alone(downloads, name, on_progress):
            builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
            folder = Path(builder.data_path)
            if (folder / "dataset_info.json").exists():  # another process did it while this one waited
                return folder
            placed_by_hand = {
                archive.file_name for archive in chosen if (downloads / archive.file_name).exists()
            }
            files = [fetch(archive, downloads, on_progress=on_progress) for archive in chosen]
            splits, class_names = recipe.read(files)
            half_written = data_dir / f".ecojax-preparing-{name}"
            shutil.rmtree(half_written, ignore_errors=True)  # of a process that was killed
            try:
                half_written.mkdir()
                _write(builder.info, half_written, splits, class_names, on_progress)
                folder.parent.mkdir(exist_ok=True)
                os.rename(half_written, folder)
            finally:
                shutil.rmtree(half_written, ignore_errors=True)
            for file in files:
                if file.name not in placed_by_hand:
                    file.unlink()
            return folder
    except OSError as error:
        raise DataError(
            f"dataset {name!r} cannot be prepared in {data_dir} ({error.strerror or error}); give a "
            f"{option('data_dir')} that can be written"
        ) from error


def _write(
    info: Any,
    folder: Path,
    splits: dict[str, Examples],
    class_names: dict[str, list[str]],
    on_progress: OnProgress | None,
) -> None:
    """Write one ArrayRecord file a split, and TFDS's description of the whole."""
    from array_record.python.array_record_module import ArrayRecordWriter
    from tensorflow_datasets.core import naming
    from tensorflow_datasets.core import splits as tfds_splits

    for key, names in class_names.items():
        if len(names) != info.features[key].num_classes:
            raise DataError(
                f"the archive of {info.name!r} names {len(names)} classes where {key!r} has another number"
            )
        info.features[key].names = names
    described = []
    for split, (images, labels) in splits.items():
        for key, values in labels.items():
            if values.max() >= info.features[key].num_classes:
                raise DataError(
                    f"the archive of {info.name!r} has a {key} of {values.max()}, which names no class"
                )
        template = naming.ShardedFileTemplate(
            dataset_name=info.name, data_dir=folder, split=split, filetype_suffix="array_record"
        )
        total, num_bytes = len(images), 0
        file = template.sharded_filepath(shard_index=0, num_shards=1)
        writer = ArrayRecordWriter(
            os.fspath(file), "group_size:1"
        )  # one record a group: each can be read alone
        for index in range(total):
            example: dict[str, Any] = {key: int(values[index]) for key, values in labels.items()}
            example["image"] = _png(images[index])
            if "id" in info.features:
                example["id"] = f"{split}_{index:05d}".encode()
            record = info.features.serialize_example(example)
            writer.write(record)
            num_bytes += len(record)
            if on_progress and (index % 1000 == 999 or index == total - 1):
                on_progress(Progress("prepare", f"{info.name} {split}", index + 1, total, "images"))
        writer.close()
        described.append(
            tfds_splits.SplitInfo(
                name=split, shard_lengths=[total], num_bytes=num_bytes, filename_template=template
            )
        )
    info.set_splits(tfds_splits.SplitDict(described))
    info.write_to_directory(folder)


def _png(image: Images) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(stream, "png")
    return stream.getvalue()


@contextmanager
def _alone(folder: Path, name: str, on_progress: OnProgress | None) -> Iterator[None]:
    """Let one process at a time prepare a dataset; the others say that they wait, and find it done."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_progress is not None:
                on_progress(
                    Progress(
                        "waiting for", f"another process that prepares {name} in {folder}", 0, 0, "images"
                    )
                )
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _cifar(layout: CifarLayout, files: Sequence[Path]) -> Contents:
    return read_cifar(files[0], layout)


def _mnist(files: Sequence[Path]) -> Contents:
    return {"train": read_idx_pair(files[0], files[1]), "test": read_idx_pair(files[2], files[3])}, {}


_CIFAR10 = CifarLayout(
    folder="cifar-10-batches-bin",
    splits={"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)},
    label_keys=("label",),
    class_name_files=("batches.meta.txt",),
)
_CIFAR100 = CifarLayout(
    folder="cifar-100-binary",
    splits={"train": ("train.bin",), "test": ("test.bin",)},
    label_keys=("coarse_label", "label"),
    class_name_files=("coarse_label_names.txt", "fine_label_names.txt"),
)
_TORONTO = "https://www.cs.toronto.edu/~kriz"
_CVDF = "https://storage.googleapis.com/cvdf-datasets/mnist"
_ZALANDO = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"

# Addresses, sizes and checksums are those that TFDS registers for these datasets.
RECIPES = {
    "cifar10": Recipe(
        (
            Archive(
                f"{_TORONTO}/cifar-10-binary.tar.gz",
                170052171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
        partial(_cifar, _CIFAR10),
    ),
    "cifar100": Recipe(
        (
            Archive(
                f"{_TORONTO}/cifar-100-binary.tar.gz",
                168513733,
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            ),
        ),
        partial(_cifar, _CIFAR100),
    ),
    "mnist": Recipe(
        (
            Archive(
                f"{_CVDF}/train-images-idx3-ubyte.gz",
                9912422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            Archive(
                f"{_CVDF}/train-labels-idx1-ubyte.gz",
                28881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            Archive(
                f"{_CVDF}/t10k-images-idx3-ubyte.gz",
                1648877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            Archive(
                f"{_CVDF}/t10k-labels-idx1-ubyte.gz",
                4542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
        _mnist,
    ),
    "fashion_mnist": Recipe(
        (
            Archive(
                f"{_ZALANDO}/train-images-idx3-ubyte.gz",
                26421880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            Archive(
                f"{_ZALANDO}/train-labels-idx1-ubyte.gz",
                29515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
            Archive(
                f"{_ZALANDO}/t10k-images-idx3-ubyte.gz",
                4422102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            Archive(
                f"{_ZALANDO}/t10k-labels-idx1-ubyte.gz",
                5148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
        _mnist,
    ),
}
