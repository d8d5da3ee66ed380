"""The errors that a person is meant to read.

Everything that ecojax refuses, it refuses with an `EcojaxError` whose text names the thing, the value
given and the remedy, in one sentence that stands alone on a terminal. The command line prints that text
and nothing else; a traceback is for `--debug` and for faults of our own.
"""


class EcojaxError(Exception):
    """Something cannot be done, for a reason the message states together with what to do about it."""


class InputError(EcojaxError):
    """What was asked for is wrong: an option, a value, a name, a file's contents."""


class FruitlessError(InputError):
    """A search ended without a frontier: nothing succeeded, or nothing feasible. Exit status 3."""


class StudyError(EcojaxError):
    """A study cannot be used as it lies on disk: foreign, of another version, corrupt, or in use."""


class DataError(EcojaxError):
    """A dataset is unknown, unreachable, damaged, or too large for this host."""


class MeterError(EcojaxError):
    """Energy cannot be read as asked, or a reading failed one of the protocol's gates."""


class ExecutorError(EcojaxError):
    """No worker can be had: they do not start, do not stay, or the cluster is not there."""
