"""The task that a dataset is for: image classification, or predicting a table's classes or target."""

from typing import Any

from ecojax.data import Dataset, ImageDataset
from ecojax.errors import DataError
from ecojax.origins import Origins
from ecojax.tasks.images import ImageClassification
from ecojax.tasks.supervised.families import OfFamilies
from ecojax.tasks.tables import Tabular
from ecojax.tasks.tables.task import POSSIBLE
from ecojax.wording import option


def task_of(dataset: Dataset, settings: Any, origins: Origins, precision: str) -> OfFamilies:
    """The task by the kind of `dataset`, with the search's settings.

    Families that nobody names are those of the settings for images, and all that take rows for a table.
    Raises `DataError` for data that no family of ours learns, and for fewer samples than an inference takes.
    """
    keywords: dict[str, Any] = {
        "precision": precision,
        "epochs": settings.epochs,
        "inference_batch": settings.inference_batch,
        "tables": settings.space,
        "pins": settings.pin,
        "source": origins,
    }
    task: OfFamilies
    if isinstance(dataset, ImageDataset) and dataset.has_classes:
        task = ImageClassification(dataset, settings.families, **keywords)
    elif dataset.x_train.ndim == 2:
        families = POSSIBLE if origins.whence("families") == "default" else settings.families
        task = Tabular(dataset, families, **keywords)
    else:
        what = "images with targets" if isinstance(dataset, ImageDataset) else "samples"
        raise DataError(
            f"dataset {dataset.name!r} holds {what} of shape {dataset.x_train.shape[1:]}, {dataset.x_train.dtype}; the "
            "families here learn classes of images (uint8, height × width × channels) and tables [rows, columns]"
        )
    if settings.inference_batch > len(dataset.x_train):
        raise DataError(
            f"{origins.named('inference_batch', settings.inference_batch)} exceeds the {len(dataset.x_train)} training "
            f"{task.samples} that energy is measured on; lower it or raise {option('train_size')}"
        )
    return task
