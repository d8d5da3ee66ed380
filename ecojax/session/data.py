"""The data of a search: where they are to be found again, and whether all who work with them have the same."""

import platform
from collections.abc import Mapping

from ecojax.data.identity import difference
from ecojax.errors import DataError
from ecojax.settings import SearchSettings
from ecojax.wording import option


def data_dir_of(settings: SearchSettings) -> str | None:
    """The folder of prepared datasets, for `--resume` to look in; None where every host of a cluster has its own."""
    from ecojax.data.images import digits
    from ecojax.data.kinds import KINDS, is_path
    from ecojax.data.locate import default_data_dir

    elsewhere = settings.dataset == digits.NAME or settings.dataset.partition(":")[0] in KINDS
    elsewhere = elsewhere or is_path(settings.dataset)
    if settings.data_dir is not None or settings.executor == "ray" or elsewhere:
        return settings.data_dir
    return str(default_data_dir())


def require_same_data(name: str, digests: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Raises `DataError` where a worker's host holds other data, under the same name, than the driver's `digests`."""
    if found := difference(digests, here):
        raise DataError(
            f"the worker on {platform.node()} reads another {name!r} than the driver ({found}): figures of "
            f"both would not compare; give all hosts the same prepared files, or a {option('data_dir')} that they share"
        )
