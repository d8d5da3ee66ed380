"""The settings of one search: what a TOML file and the command line may say, checked before anything happens."""

from ecojax.settings.files import MAX_BYTES, find_config, read_config, read_configurations
from ecojax.settings.model import SearchSettings, share
from ecojax.settings.resolve import check, require_metrics, resolve, restore

__all__ = [
    "MAX_BYTES",
    "SearchSettings",
    "check",
    "find_config",
    "read_config",
    "read_configurations",
    "require_metrics",
    "resolve",
    "restore",
    "share",
]
