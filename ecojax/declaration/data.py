"""What is learned, and by which models."""

from typing import Annotated

from annotated_types import MinLen

from ecojax.declaration.setting import Count, Setting


class Data:
    task: Annotated[
        str | None,
        Setting(
            "What is tuned: [your own](own-models.md) mine.py:MyTask or package.module:MyTask.",
            metavar="TASK",
            default="what the dataset is for",
        ),
    ] = None
    dataset: Annotated[
        str,
        Setting(
            "[What to learn](datasets.md): digits, sklearn:wine, any TFDS classification dataset, as in "
            "cifar10, or a file: csv:FILE, parquet:, npz:, folder:."
        ),
    ] = "digits"
    data_dir: Annotated[
        str | None,
        Setting(
            "Where prepared datasets lie.",
            metavar="FOLDER",
            default="`$ECOJAX_DATA_DIR` or `~/tensorflow_datasets`",
            on_resume="free",
        ),
    ] = None
    train_size: Annotated[
        Count | None, Setting("Train on a stratified subset of so many samples.", default="all")
    ] = None
    validation_size: Annotated[
        Count | None,
        Setting(
            "Samples to select on, taken from the training split.",
            default="a tenth, of digits a fifth",
        ),
    ] = None
    families: Annotated[
        list[str],
        MinLen(1),
        Setting(
            "[Model family](spaces.md#families), as in convnet, mlp or vit; repeat for several.",
            option="family",
            metavar="NAME",
            on_resume="migrate",
        ),
    ] = ["convnet"]  # noqa: RUF012
