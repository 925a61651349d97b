"""What can be wrong with a store, each said with what to do about it."""

from __future__ import annotations

import sqlite3
from pathlib import Path


class StoreError(RuntimeError):
    """Something about a store; the message says what to do."""


class StoreBusy(StoreError):
    """Another process has held the store's lock for longer than was waited."""


class StoreFull(StoreError):
    """There is no room left for what was to be written; nothing of it was."""


class StoreNewer(StoreError):
    """The store was written by a later version of this program."""


class NotAStore(StoreError):
    """The file is something else, damaged, or cannot be opened."""


class Conflict(StoreError):
    """What is to be written contradicts what is there."""


class BudgetExhausted(StoreError):
    """A reservation does not fit under its cap; nothing was reserved."""


def explained(error: sqlite3.Error, path: Path, timeout: float) -> StoreError:
    """SQLite's error as one of ours."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreBusy(
                f"the store {path} has been locked by another process for {timeout:g} s."
                " Nothing was written. Find who holds it (`fuser -v` on the file): a"
                " debugger or a shell of sqlite3 with an open transaction; workers hold it for"
                " milliseconds. A store on a network file system cannot be shared: move it"
            )
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return StoreFull(
                f"the store {path} could not be written ({error}): the disk or a quota is full, or"
                " the disk fails. Nothing of this step was written and what was there is whole:"
                " make room, then run the same command again"
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StoreError(
                f"the store {path} may only be read ({error}): make it and its folder writable"
            )
        case sqlite3.SQLITE_CANTOPEN:
            return NotAStore(
                f"the store {path} cannot be opened ({error}): its folder must be there,"
                " writable, for SQLite writes beside it even to read: copy it to one that is"
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return NotAStore(
                f"{path} is no whole SQLite file ({error}): name another file, or restore a copy"
                " (`sqlite3 FILE .recover` saves what can be read)"
            )
        case sqlite3.SQLITE_CONSTRAINT:
            return Conflict(f"the store {path} refuses a row that contradicts it: {error}")
        case _:
            return StoreError(f"the store {path}: {error}")
