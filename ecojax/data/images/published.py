"""The datasets of images that ecojax knows itself: one record each. Adding one is its reader and an entry here.

All are published as exact pixels: a copy of them in JPEG is another dataset, and has to say so.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ecojax.data.download import Archive
from ecojax.data.images.archives import CifarLayout, Examples, read_cifar, read_idx_pair

Contents = tuple[dict[str, Examples], dict[str, list[str]]]  # examples by split, class names by label


class Published(NamedTuple):
    """A dataset by its name in TFDS.

    title: its name in print. archives: what it is published as. read: the examples in them, once they are on disk.
    class_names: those that the prepared files may leave out.
    """

    title: str
    archives: tuple[Archive, ...]
    read: Callable[[Sequence[Path]], Contents]
    class_names: tuple[str, ...] = ()


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
DATASETS = {
    "cifar10": Published(
        "CIFAR-10",
        (
            Archive(
                f"{_TORONTO}/cifar-10-binary.tar.gz",
                170052171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
        partial(_cifar, _CIFAR10),
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    ),
    "cifar100": Published(
        "CIFAR-100",
        (
            Archive(
                f"{_TORONTO}/cifar-100-binary.tar.gz",
                168513733,
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            ),
        ),
        partial(_cifar, _CIFAR100),
    ),
    "mnist": Published(
        "MNIST",
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
    "fashion_mnist": Published(
        "Fashion-MNIST",
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
