"""What a dataset's prepared files do not say about it: its name in print, its classes, whether its images are exact."""

from typing import NamedTuple


class Known(NamedTuple):
    title: str
    class_names: tuple[str, ...] = ()


# All of these are published as exact pixels: a copy of them in JPEG is another dataset, and has to say so.
KNOWN = {
    "cifar10": Known(
        "CIFAR-10", ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    ),
    "cifar100": Known("CIFAR-100"),
    "mnist": Known("MNIST"),
    "fashion_mnist": Known("Fashion-MNIST"),
}
