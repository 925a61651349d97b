"""One connection to a store's file: how it is opened, and what a transaction is.

Every write is a transaction that takes the lock at its start (`BEGIN IMMEDIATE`), so that what it
reads is still so when it writes. `synchronous = FULL`: what was committed survives the loss of
power, not only of the process. A connection belongs to one thread.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from asiarch.search.store.errors import NotAStore, StoreError, explained
from asiarch.search.store.migrate import migrate

Value: TypeAlias = str | int | float | bytes | None
Row: TypeAlias = tuple[Any, ...]


class Connection:
    """A connection to a file, opened and brought to the present schema.

    `timeout` is how long a transaction waits for the lock, in seconds.

    Raises StoreError, in one of its kinds, when the file cannot be used.
    """

    def __init__(self, path: Path, *, timeout: float = 60.0, create: bool = True) -> None:
        self.path = path
        self.timeout = timeout
        self._depth = 0
        if not create and not path.exists():
            raise NotAStore(f"there is no store {path}")
        if not create and path.is_file() and not path.stat().st_size:
            raise NotAStore(f"{path} is empty: no search has begun in it")
        with self._explaining():
            self._db = sqlite3.connect(path, timeout=timeout, isolation_level=None)
        try:
            with self._explaining():
                self._use_wal()
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("PRAGMA foreign_keys = ON")
                migrate(self._db, path)
        except BaseException:
            self._db.close()
            raise

    def _use_wal(self) -> None:
        """SQLite does not wait by itself for the lock that this change of a new file needs."""
        until = time.monotonic() + self.timeout
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def close(self) -> None:
        """Ends the connection; a second call does nothing."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Generator[None, None, None]:
        """All writes inside, or none of them; inside another one it is part of that."""
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        with self._explaining():
            self._db.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # A full disk has rolled back by itself.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0

    def write(self, sql: str, values: Sequence[Value] = ()) -> int:
        """One statement inside a transaction; returns how many rows it changed."""
        if not self._depth:
            raise StoreError("a write outside of a transaction: a bug of this program")
        with self._explaining():
            return self._db.execute(sql, values).rowcount

    def insert(self, sql: str, values: Sequence[Value] = ()) -> int:
        """An insertion inside a transaction; returns the row's number."""
        if not self._depth:
            raise StoreError("a write outside of a transaction: a bug of this program")
        with self._explaining():
            return self._db.execute(sql, values).lastrowid or 0

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """All rows of a query."""
        with self._explaining():
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Value] = ()) -> Row | None:
        """The first row of a query."""
        with self._explaining():
            return self._db.execute(sql, values).fetchone()

    @contextmanager
    def _explaining(self) -> Generator[None, None, None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explained(error, self.path, self.timeout) from error
        except OverflowError as error:
            raise StoreError(
                f"the store {self.path} holds whole numbers up to 2**63 - 1: give a smaller one"
            ) from error
