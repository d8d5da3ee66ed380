"""Whether a database holds our tables and nothing else that SQLite would run: no view, no trigger, no computed column.

A database file brings its schema along, and the schema is a program: a view called `trials` may never come to an end.
"""

import sqlite3
from contextlib import closing

_INERT = ("CREATE TABLE ", "CREATE INDEX ", "CREATE UNIQUE INDEX ")  # as SQLite itself writes them


def foreign_schema(connection: sqlite3.Connection, schema: str) -> str:
    """What of the database is not as `schema` (statements of SQL) makes it; "" where everything is."""
    for name, statement in connection.execute("SELECT name, sql FROM sqlite_schema"):
        if statement is not None and not statement.startswith(_INERT):
            return f"'{name}' is neither a table nor an index"
    with closing(sqlite3.connect(":memory:")) as ours:
        ours.executescript(schema)
        tables = [name for (name,) in ours.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            for pragma in ("table_list", "table_xinfo"):
                query = f"SELECT * FROM pragma_{pragma}('{table}')"
                expected, found = ([tuple(row) for row in of.execute(query)] for of in (ours, connection))
                if not found:
                    return f"it has no table '{table}'"
                if found != expected:
                    return f"its table '{table}' has other columns"
    return ""
