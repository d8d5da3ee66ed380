"""What an executor and its workers say to each other, in bytes: a call, how it went, and what it waits meanwhile.

Only ever between processes that started one another: reading a pickle runs what its writer wants.
"""

import pickle
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ecojax.execute.executor import Job, described

WAITS = b"waits"  # a job begins to wait for others, which its limit does not count
_WAITED = b"waited "  # no pickle begins so


def waited(seconds: float) -> bytes:
    """That a job has waited and goes on."""
    return _WAITED + repr(seconds).encode()


def waited_s(message: bytes) -> float | None:
    """The seconds that `message` says were waited; None of any other message."""
    return float(message.removeprefix(_WAITED)) if message.startswith(_WAITED) else None


def call(job: Job) -> bytes:
    """Raises what pickling its request raises."""
    return pickle.dumps(job.request, protocol=5)


def answer(made: Any, pickled_call: bytes) -> bytes:
    """Does the call on the worker's object."""

    def do() -> Any:
        return pickle.loads(pickled_call)(made)

    return attempt(do)


def attempt(do: Callable[[], Any]) -> bytes:
    """What `do()` returns or raises; a value that cannot be pickled is a raise, too."""
    try:
        return pickle.dumps((True, do()), protocol=5)
    except Exception as error:
        text = described(error)
        error.add_note(f"In the worker:\n{''.join(traceback.format_exception(error)).rstrip()}")
        pickled = None
        with suppress(Exception):  # whatever a foreign __reduce__ raises
            pickled = pickle.dumps(error)
        return pickle.dumps((False, (text, pickled)))


def outcome(message: bytes) -> tuple[Any, BaseException | None, str | None]:
    """Value, exception and its one line; of an answer that cannot be read here, what reading it raised."""
    try:
        fine, content = pickle.loads(message)
    except Exception as error:
        return None, error, f"What it returned cannot be read here: {described(error)}"
    if fine:
        return content, None, None
    text, pickled = content
    if pickled is not None:
        with suppress(Exception):  # whatever a foreign constructor raises
            exception = pickle.loads(pickled)
            if isinstance(exception, BaseException):
                return None, exception, text
    return None, RuntimeError(text), text
