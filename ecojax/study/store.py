"""The SQLite store of one study.

    <folder>/study.db        settings, facts, progress (see `parts`) and trials, write-ahead logged, synced before a
                             trial counts as ended
    <folder>/study.lock      held by the process that writes
    <folder>/weights/*.npz   arrays by name, written whole before the trial that refers to them ends

Nothing read back is ever executed: JSON text and plain arrays only.
"""

import fcntl
import gc
import json
import math
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ecojax.errors import StudyError
from ecojax.study.inside import misplaced
from ecojax.study.parts import PARTS, Part, part_in_format_1
from ecojax.study.record import figures, record, scalars, table, texts
from ecojax.study.schema import foreign_schema
from ecojax.study.trial import Status, Trial
from ecojax.wording import option
from ecojax.writable import obstacle

APPLICATION_ID = 0x45434F4A  # "ECOJ": tells our database from any other in the same place
SCHEMA_VERSION = 2
DATABASE, LOCK, WEIGHTS = "study.db", "study.lock", "weights"
BUSY_S = 30.0  # for how long another connection may hold the database

_BY_NAME = "CREATE TABLE {} (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;\n"
_TRIALS = """
CREATE TABLE trials (
    id INTEGER PRIMARY KEY,
    status TEXT NOT NULL,
    configuration TEXT NOT NULL,
    origin TEXT NOT NULL,
    seed INTEGER NOT NULL,
    metrics TEXT NOT NULL DEFAULT '{}',
    provenance TEXT NOT NULL DEFAULT '{}',
    details TEXT NOT NULL DEFAULT '{}',
    error TEXT,
    weights TEXT,
    started_at TEXT,
    ended_at TEXT
) STRICT;
"""
_SCHEMA = "".join(map(_BY_NAME.format, PARTS)) + _TRIALS
_SCHEMA_1 = _BY_NAME.format("settings") + _TRIALS  # all parts in one table
_INDEX = "CREATE INDEX IF NOT EXISTS trials_by_status ON trials (status)"
_JSON = ("configuration", "metrics", "provenance", "details")
READERS: tuple[Callable[[str, str], Any], ...] = (scalars, figures, texts, table)  # of them
_PLAIN = ("id", "status", "origin", "seed", "error", "weights", "started_at", "ended_at")
_ALL = ", ".join((*_JSON, *_PLAIN))
AT_A_TIME = 500  # trials that are read
PAGE_BYTES = 8192  # of the database: of 4096 a usual trial, of 2.5 kB, fills one alone


class StudyStore:
    """A study's folder, open. Use `create` or `open`; close it, or use it as a context manager."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, lock: int | None):
        self.folder = folder
        self._connection = connection
        self._lock = lock
        self._together = False
        self._unsynced = False  # whether the weights' folder has names that may not be on the disk

    @classmethod
    def create(
        cls, folder: Path | str, settings: Mapping[str, Any], *, facts: Mapping[str, Any] | None = None
    ) -> "StudyStore":
        """A new study in `folder`, which must not exist or be empty; open for writing.

        Raises `StudyError` when it holds anything, or cannot be written. Until the database is whole, nothing
        called `study.db` is there.
        """
        folder = Path(folder)
        check_vacant(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=".study-", dir=folder)
            os.close(descriptor)
        except OSError as error:
            raise StudyError(
                f"cannot write the study to '{folder}': {error.strerror}; choose another {option('out')}"
            ) from None
        lock = None
        try:
            lock = _acquire(folder)
            check_vacant(folder)  # nobody made one meanwhile
            with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
                connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
                connection.executescript(_SCHEMA)
                connection.execute(_INDEX)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                for part, record in (("settings", settings), ("facts", facts or {})):
                    rows = [(name, json.dumps(value)) for name, value in record.items()]
                    connection.executemany(f"INSERT INTO {part} VALUES (?, ?)", rows)
            _rename(temporary, folder / DATABASE)
            return cls(folder, _set_up(_connect(folder / DATABASE)), lock)
        except BaseException as error:
            if lock is not None:
                os.close(lock)
            with suppress(OSError):
                os.unlink(temporary)
            if isinstance(error, sqlite3.Error | OSError):
                raise StudyError(
                    f"cannot write the study to '{folder}': {error}; choose another {option('out')}"
                ) from None
            raise

    @classmethod
    def open(cls, folder: Path | str, *, write: bool = False, busy_s: float = BUSY_S) -> "StudyStore":
        """The study in `folder`. With `write`, alone: a second writer is refused.

        busy_s: how long to wait for another program that holds the database, here and in every later call.

        Raises `StudyError` for a folder without a study, a foreign, damaged or newer database, one in use, and files
        that lie outside the folder by a link.
        """
        folder = Path(folder)
        database = folder / DATABASE
        if not database.is_file():
            raise StudyError(
                f"'{folder}' holds no study (no {DATABASE}); give the folder that a search wrote"
            )
        if write and not (os.access(folder, os.W_OK) and os.access(database, os.W_OK)):
            raise StudyError(f"the study '{folder}' is read-only; make it writable or copy it elsewhere")
        for name in (DATABASE, *(DATABASE + of for of in ("-wal", "-shm", "-journal")), LOCK, WEIGHTS):
            if fault := misplaced(folder / name, folder):
                raise StudyError(f"'{folder / name}' {fault}")
        lock = _acquire(folder) if write else None
        try:
            connection = _connect(database, busy_s)
            try:
                _check_identity(connection, folder)
                _set_up(connection)
                if write:
                    with _faults(folder):
                        connection.execute(_INDEX)  # which older studies lack
                        _migrate(connection)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            if lock is not None:
                os.close(lock)
            raise
        return cls(folder, connection, lock)

    def close(self) -> None:
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> "StudyStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What is stated beside the trials

    def settings(self) -> dict[str, Any]:
        """What the user asked for."""
        return self._part("settings", "setting")

    def facts(self) -> dict[str, Any]:
        """What the figures depend on; see `ecojax.study.facts.Facts`."""
        return self._part("facts", "fact")

    def progress(self) -> dict[str, Any]:
        """How far the search is."""
        return self._part("progress", "note")

    def _part(self, part: Part, noun: str) -> dict[str, Any]:
        with self._faults():
            while True:
                version = _version(self._connection)
                kept_in = "settings" if version == 1 else part
                rows = self._connection.execute(f"SELECT name, value FROM {kept_in}").fetchall()
                if version == _version(self._connection):  # else a writer has just parted them
                    break
            return {
                name: record(value, f"the {noun} {name!r}")
                for name, value in rows
                if version > 1 or part_in_format_1(name) == part
            }

    def set(self, name: str, value: Any, part: Part = "settings") -> None:
        """Notes a setting, or another part's value, durably."""
        with self._faults():
            self._connection.execute(
                f"INSERT INTO {part} VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, json.dumps(value)),
            )

    # Trials

    def trials(self) -> list[Trial]:
        """All trials, by id, as they stood at one moment."""
        with self._faults(), _no_garbage():
            rows = self._connection.execute(f"SELECT {_ALL} FROM trials ORDER BY id")
            return [self._trial(row) for row in rows]

    def each(self, status: Status | None = None) -> Iterator[Trial]:
        """The trials by id, of one `status` or of any, a few hundred in memory at a time; also what a writer adds
        meanwhile."""
        condition, parameters = ("", ()) if status is None else ("status = ? AND", (status,))
        last: float = -math.inf
        query = f"SELECT {_ALL} FROM trials WHERE {condition} id > ? ORDER BY id LIMIT {AT_A_TIME}"
        while True:
            with self._faults():
                page = [self._trial(row) for row in self._connection.execute(query, (*parameters, last))]
            yield from page
            if len(page) < AT_A_TIME:
                return
            last = page[-1].id

    def trial(self, id_: int) -> Trial | None:
        with self._faults():
            row = self._connection.execute(f"SELECT {_ALL} FROM trials WHERE id = ?", (id_,)).fetchone()
            return None if row is None else self._trial(row)

    def counts(self) -> dict[Status, int]:
        """How many trials have each status; every status is there."""
        with self._faults():
            rows = self._connection.execute("SELECT status, count(*) FROM trials GROUP BY status")
            return dict.fromkeys(Status, 0) | {Status(status): number for status, number in rows}

    def last_id(self) -> int | None:
        """The largest id of a trial; None where there is none."""
        with self._faults():
            return self._connection.execute("SELECT max(id) FROM trials").fetchone()[0]

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written within becomes durable in one go, at the end: all of it, or, where an exception leaves,
        nothing.

            with store.together():
                store.end(...)
                store.start(...)

        A sync to the disk takes milliseconds, for one trial as for a hundred. Nobody else sees any of it before.
        """
        if self._together:
            raise StudyError(f"the study '{self.folder}' is being written together already; end that first")
        with self._faults():
            self._connection.execute("BEGIN IMMEDIATE")
        self._together = True
        try:
            yield
            self._sync_weights()
            with self._faults():
                self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk has rolled it back already
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self._together = False

    def start(self, id_: int, configuration: Mapping[str, Any], *, origin: str, seed: int) -> Trial:
        """Notes that a trial begins; one that was cut off before it ended begins again.

        It outlives its process at once, and a power cut from the next trial's end on: a beginning that is lost is
        proposed again, by the same trials.
        """
        with self._faults(), self._without_sync():
            row = self._connection.execute(
                "INSERT INTO trials (id, status, configuration, origin, seed, started_at) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET started_at = excluded.started_at WHERE status = 'running' "
                f"RETURNING {_ALL}",
                (id_, Status.RUNNING, json.dumps(dict(configuration)), origin, seed, _now()),
            ).fetchall()
            trial = self._trial(row[0]) if row else self.trial(id_)
        assert trial is not None
        return trial

    def end(
        self,
        id_: int,
        status: Status,
        *,
        metrics: Mapping[str, float] | None = None,
        provenance: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
        error: str | None = None,
        arrays: Mapping[str, Any] | None = None,
    ) -> Trial:
        """Ends a running trial, durably: when this returns, a power cut no longer loses it (see `together`).

        `arrays` are the weights by name. Raises `StudyError` when the trial is not running.
        """
        with self._faults():
            stands = self._connection.execute("SELECT status FROM trials WHERE id = ?", (id_,)).fetchone()
        if stands != (Status.RUNNING,):
            raise StudyError(f"trial {id_} of '{self.folder}' is not running, so it cannot end")
        weights = None if arrays is None else self._write_arrays(id_, arrays)
        with self._faults():
            rows = self._connection.execute(
                "UPDATE trials SET status = ?, metrics = ?, provenance = ?, details = ?, error = ?, weights = ?, "
                f"ended_at = ? WHERE id = ? RETURNING {_ALL}",
                (
                    status,
                    json.dumps(dict(metrics or {})),
                    json.dumps(dict(provenance or {})),
                    json.dumps(dict(details or {})),
                    error,
                    weights,
                    _now(),
                    id_,
                ),
            ).fetchall()
            return self._trial(rows[0])

    def add_metrics(self, id_: int, metrics: Mapping[str, float]) -> None:
        """Adds figures that come after the end of a trial (its test accuracy)."""
        with self._faults():
            self._connection.execute(
                "UPDATE trials SET metrics = json_patch(metrics, ?) WHERE id = ?",
                (json.dumps(dict(metrics)), id_),
            )

    def supersede(self, id_: int, metrics: Mapping[str, float], details: Mapping[str, Any]) -> None:
        """Puts better figures in place of a trial's, in one go; what is not named stays."""
        with self._faults():
            (kept,) = self._connection.execute("SELECT details FROM trials WHERE id = ?", (id_,)).fetchone()
            # a detail is replaced whole, where json_patch would merge the new one into the old
            self._connection.execute(
                "UPDATE trials SET metrics = json_patch(metrics, ?), details = ? WHERE id = ?",
                (json.dumps(dict(metrics)), json.dumps({**json.loads(kept), **details}), id_),
            )

    def arrays(self, trial: Trial) -> dict[str, Any]:
        """The weights of a trial by name. Raises `StudyError` when they are gone or damaged."""
        from ecojax.study.arrays import read_arrays

        if trial.weights is None:
            raise StudyError(f"trial {trial.id} ({trial.status}) has no weights; pick a complete trial")
        path = self.folder / WEIGHTS / Path(trial.weights).name  # never outside the study
        try:
            if fault := misplaced(path, self.folder):
                raise ValueError(f"it {fault}")
            return read_arrays(path)
        except FileNotFoundError:
            raise StudyError(f"the weights of trial {trial.id} are gone: '{path}' is not there") from None
        except Exception as error:  # a damaged archive raises seven kinds and more
            raise StudyError(f"the weights of trial {trial.id} in '{path}' are damaged: {error}") from None

    def _write_arrays(self, id_: int, arrays: Mapping[str, Any]) -> str:
        import numpy as np

        name = f"{id_:06d}.npz"
        folder = self.folder / WEIGHTS
        temporary = folder / f".{name}.part"
        try:
            folder.mkdir(exist_ok=True)
            temporary.unlink(missing_ok=True)  # of an interrupted writing, or a link that leads elsewhere
            with temporary.open("xb") as file:
                np.savez(file, **dict(arrays))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, folder / name)
            self._unsynced = True
            if not self._together:
                self._sync_weights()
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise StudyError(
                f"cannot write the weights of trial {id_} to '{folder}': {error.strerror}"
            ) from None
        return name

    def _sync_weights(self) -> None:
        """Before a row refers to a file, the file's name is on the disk."""
        if self._unsynced:
            try:
                _sync_folder(self.folder / WEIGHTS)
            except OSError as error:
                raise StudyError(
                    f"cannot write the weights to '{self.folder / WEIGHTS}': {error.strerror}"
                ) from None
            self._unsynced = False

    @contextmanager
    def _without_sync(self) -> Iterator[None]:
        """A commit goes to the log in its order and does not wait for the disk; the next that does brings it along."""
        if self._together:
            yield
            return
        self._connection.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self._connection.execute("PRAGMA synchronous = FULL")

    def _trial(self, row: Sequence[Any]) -> Trial:
        texts = row[:4]
        for text, name in zip(texts, _JSON, strict=True):
            if text[:1] != "{" or text[-1:] != "}":
                raise ValueError(f"trial {row[4]}: {name} is no table")
        known = dict(zip(_PLAIN, row[4:], strict=True))
        known["status"] = Status(known["status"])
        return Trial.deferred(_Texts(self.folder, row[4], texts), known)

    def _faults(self) -> AbstractContextManager[None]:
        return _faults(self.folder)


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Python's search for it takes half the time of making so many objects, none of which is any."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Texts:
    """The JSON of a row, parsed when it is asked for: of a hundred thousand trials few are looked into."""

    __slots__ = ("folder", "texts", "trial")

    def __init__(self, folder: Path, trial: int, texts: Sequence[str]):
        self.folder, self.trial, self.texts = folder, trial, texts

    def __call__(self, name: str) -> Any:
        number = _JSON.index(name)
        with _faults(self.folder):
            return READERS[number](self.texts[number], f"trial {self.trial}: {name}")


@contextmanager
def _faults(folder: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, ValueError, RecursionError) as error:
        raise _damaged(folder, error) from None


def check_vacant(folder: Path) -> None:
    """Raises `StudyError` unless a new study may be made in `folder`: it does not exist, or is an empty folder."""
    try:
        if not folder.exists():
            return
        if not folder.is_dir():
            raise StudyError(f"'{folder}' is a file; give a folder that is empty or does not exist yet")
        # what an interrupted creation leaves behind is nobody's work
        entries = [
            entry.name
            for entry in folder.iterdir()
            if entry.name != LOCK and not entry.name.startswith(".study-")
        ]
    except OSError as error:
        raise StudyError(
            f"cannot read '{folder}': {error.strerror}; choose another {option('out')}"
        ) from None
    if DATABASE in entries:
        raise StudyError(
            f"'{folder}' already holds a study; add {option('resume')} to go on with it, or choose another "
            f"{option('out')}"
        )
    if entries:
        raise StudyError(
            f"'{folder}' holds other files ('{sorted(entries)[0]}'), nothing was written; choose "
            f"another {option('out')}"
        )


def check_writable(folder: Path) -> None:
    """Raises `StudyError` where a study cannot be written to `folder`: to be asked before any work is done for it."""
    if (reason := obstacle(folder)) is not None:
        raise StudyError(f"cannot write the study to '{folder}': {reason}; choose another {option('out')}")


def _rename(source: Path | str, target: Path) -> None:
    """Durably: a rename is on the disk when its folder is synced."""
    os.replace(source, target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect(database: Path, busy_s: float = BUSY_S) -> sqlite3.Connection:
    options = ""
    if not os.access(database.parent, os.W_OK) and not database.with_name(f"{DATABASE}-wal").exists():
        options = "?immutable=1"  # else SQLite wants to write its log before it reads
    uri = database.absolute().as_uri() + options
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=busy_s)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _set_up(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Only for a database known to be ours: the journal's mode is written into the file."""
    with suppress(sqlite3.OperationalError):  # a read-only folder can still be read
        # readers need not wait for the writer, and a commit is on the disk when it returns
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    return connection


def _check_identity(connection: sqlite3.Connection, folder: Path) -> None:
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        version = _version(connection)
        if application != APPLICATION_ID:
            raise StudyError(f"'{folder / DATABASE}' is a database of another program, not an ecojax study")
        if version not in (1, SCHEMA_VERSION):
            raise StudyError(
                f"the study '{folder}' has format {version}, this ecojax reads formats 1 and {SCHEMA_VERSION}; "
                f"open it with the ecojax that wrote it, or start a new study"
            )
        if foreign := foreign_schema(connection, _SCHEMA_1 if version == 1 else _SCHEMA):
            raise sqlite3.DatabaseError(foreign)
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    except sqlite3.DatabaseError as error:
        raise _damaged(folder, error) from None


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def _migrate(connection: sqlite3.Connection) -> None:
    """Brings a database of format 1 to the present format, whole or not at all."""
    if _version(connection) == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for part in ("facts", "progress"):
            connection.execute(_BY_NAME.format(part))
        for (name,) in connection.execute("SELECT name FROM settings").fetchall():
            if (part := part_in_format_1(name)) != "settings":
                connection.execute(
                    f"INSERT INTO {part} SELECT name, value FROM settings WHERE name = ?", (name,)
                )
                connection.execute("DELETE FROM settings WHERE name = ?", (name,))
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _damaged(folder: Path, error: Exception) -> StudyError:
    reason = " ".join(str(error).split())  # SQLite's check answers in several lines
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary one
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StudyError(
            f"the study database '{folder / DATABASE}' is held by another program ({reason}); end that, or wait for it"
        )
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return StudyError(
            f"the study database '{folder / DATABASE}' cannot be read or written ({reason}); make room or mend its "
            "disk: every trial that ended is kept"
        )
    return StudyError(
        f"the study database '{folder / DATABASE}' cannot be used ({reason}); "
        "restore it from a copy, or start a new study in another folder"
    )


def _acquire(folder: Path) -> int:
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise StudyError(f"cannot lock the study '{folder}': {error.strerror}; is it writable?") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StudyError(
            f"the study '{folder}' is being written by another process; wait for it, or choose another {option('out')}"
        ) from None
    return descriptor


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
