"""Published archives of images to the prepared form that `tfds.data_source` reads, without TensorFlow.

TFDS itself needs TensorFlow for this, to unpack archives and to encode images; the serialisation of examples and the
description of the dataset are TFDS's own here too, so that what is written is what TFDS would have written, up to the
order of the examples, which stays the published one.
"""

import fcntl
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ecojax.data.download import Archive, fetch
from ecojax.data.images.archives import Examples
from ecojax.data.images.dataset import Images
from ecojax.data.images.published import DATASETS
from ecojax.data.progress import OnProgress, Progress
from ecojax.errors import DataError
from ecojax.wording import option


def prepare(
    name: str,
    data_dir: Path,
    *,
    archives: Sequence[Archive] | None = None,
    on_progress: OnProgress | None = None,
) -> Path:
    """Download and prepare `name`, one of `DATASETS`, in `data_dir`; return the folder that then holds it.

    The folder appears whole or not at all. `archives` replaces the published ones; `$ECOJAX_MIRROR` is asked for
    `<mirror>/<dataset>/<file name>` in place of the published addresses, and held to the same checksums.

    Raises:
        DataError: an archive cannot be had or is damaged, or `data_dir` cannot be written.
    """
    import tensorflow_datasets as tfds

    published = DATASETS[name]
    chosen = published.archives if archives is None else archives
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
            splits, class_names = published.read(files)
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
