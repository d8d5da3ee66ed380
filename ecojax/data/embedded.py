"""The tables that scikit-learn brings along: `sklearn:diabetes`, `breast_cancer`, `wine` and `iris`."""

from ecojax.data.arrays import source_of
from ecojax.data.source import Source
from ecojax.errors import DataError
from ecojax.spelling import did_you_mean

TITLES = {
    "diabetes": "Diabetes (progression after a year)",
    "breast_cancer": "Breast cancer Wisconsin (diagnostic)",
    "wine": "Wine (cultivar)",
    "iris": "Iris (species)",
}


def source(name: str) -> Source:
    """The table called `name`, one split of everything. Raises `DataError` naming those there are."""
    from sklearn import datasets

    if name not in TITLES:
        raise DataError(
            f"dataset 'sklearn:{name}' is unknown{did_you_mean(name, TITLES)}; there are "
            f"{', '.join(f'sklearn:{one}' for one in TITLES)}"
        )
    bunch = getattr(datasets, f"load_{name}")()
    classes = getattr(bunch, "target_names", None)
    return source_of(
        {"train": (bunch.data, bunch.target)},
        name=f"sklearn:{name}",
        title=TITLES[name],
        origin=f"scikit-learn {name}",
        class_names=None if classes is None else [str(one) for one in classes],
        feature_names=[str(one) for one in bunch.feature_names],
        target_name="progression" if classes is None else "class",
    )
