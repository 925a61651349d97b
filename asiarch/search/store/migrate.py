"""The schema's versions: which a file has, and how it gets to the present one.

Version n is made from n - 1 by `schema/000n.sql`, in one transaction, all or nothing; views are
made anew. A file that is newer than this program is refused: it may hold what we would ignore.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from asiarch.search.store.errors import NotAStore, StoreError, StoreNewer

APPLICATION = 0x61736961  # "asia": in the file's header, so that `file` and we know it
VERSION = 2
NEEDED = (3, 37, 0)  # STRICT tables


def version_of(db: sqlite3.Connection) -> int:
    """The version of a file's schema; 0 for an empty file."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection, path: Path, *, to: int = VERSION) -> None:
    """Brings a file's schema to a version; a file of that version is left alone.

    Before an older one is changed, a copy of it is kept beside it, `NAME.v1`.

    Raises StoreNewer for a newer file, NotAStore for another program's.
    """
    if sqlite3.sqlite_version_info < NEEDED:
        raise StoreError(
            f"SQLite {sqlite3.sqlite_version} is too old: the store needs 3.37 (2021) or newer."
            " It comes with Python: use a newer build of Python"
        )
    if _checked(db, path, to) == to:
        return
    _keep_a_copy(db, path)
    db.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: two processes may open an old file at once.
        for version in range(_checked(db, path, to) + 1, to + 1):
            _apply(db, f"{version:04d}.sql")
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {to}")
        _views(db, to)
        broken = db.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise NotAStore(f"{path}: after its migration {len(broken)} rows refer to nothing")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def statements(script: str) -> Iterator[str]:
    """The statements of a script; one with a semicolon inside (a trigger) is one statement."""
    held = ""
    for line in script.splitlines(keepends=True):
        held += line
        if sqlite3.complete_statement(held):
            yield held.strip()
            held = ""


def _checked(db: sqlite3.Connection, path: Path, to: int) -> int:
    version = version_of(db)
    application = int(db.execute("PRAGMA application_id").fetchone()[0])
    tables = int(db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if application != APPLICATION and (tables or version or application):
        raise NotAStore(f"{path} is an SQLite file of another program: name another file")
    if version > to:
        raise StoreNewer(
            f"the store {path} has schema version {version}, this program knows up to {to}: it was"
            " written by a newer asiarch. Use that one (`pip install --upgrade asiarch`), or name"
            " another file"
        )
    if tables and not version:
        raise NotAStore(
            f"the store {path} has tables and no version: its header is damaged, or something else"
            " wrote to it. Take a copy that was made before"
        )
    return version


def _keep_a_copy(db: sqlite3.Connection, path: Path) -> None:
    version = version_of(db)
    copy = path.with_name(f"{path.name}.v{version}")
    if version and not copy.exists():
        db.execute("VACUUM INTO ?", (str(copy),))


def _apply(db: sqlite3.Connection, name: str) -> None:
    script = (files("asiarch.search.store") / "schema" / name).read_text("utf-8")
    for statement in statements(script):
        db.execute(statement)


def _views(db: sqlite3.Connection, to: int) -> None:
    names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'view'").fetchall()
    for (name,) in names:
        db.execute(f'DROP VIEW "{name}"')
    if to == VERSION:
        _apply(db, "views.sql")
