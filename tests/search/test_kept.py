"""What is kept of a store goes on where it was."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from asiarch.search.store import Store
from benchmarks.kept import TABLES, pack, show, unpack


def test_a_store_that_is_being_written_comes_back(tmp_path: Path) -> None:
    store, kept = tmp_path / "a.db", tmp_path / "kept" / "a.db.xz"
    writer = sqlite3.connect(store)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE outcomes (job TEXT)")
    writer.executemany("INSERT INTO outcomes VALUES (?)", [("x",), ("y",)])
    writer.commit()
    writer.execute("INSERT INTO outcomes VALUES ('not yet')")
    assert "2 results" in pack(store, kept)
    back = tmp_path / "runs" / "a.db"
    unpack(back, kept)
    assert sqlite3.connect(back).execute("SELECT job FROM outcomes").fetchall() == [("x",), ("y",)]
    assert [p.name for p in kept.parent.iterdir()] == ["a.db.xz"]


def test_nothing_is_overwritten_and_nothing_is_made_up(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    with pytest.raises(SystemExit, match="there already"):
        unpack(tmp_path / "a.db", tmp_path / "a.db.xz")
    with pytest.raises(SystemExit, match="nothing is kept"):
        unpack(tmp_path / "b.db", tmp_path / "b.db.xz")
    with pytest.raises(SystemExit, match="no store"):
        pack(tmp_path / "b.db", tmp_path / "b.db.xz")


def test_a_store_is_shown_in_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every query is one that the store's schema answers; what is empty is left out."""
    with Store(tmp_path / "a.db") as store:
        store.runs.begin("mine", {"name": "quick"}, master=7)
        assert show(tmp_path / "a.db", tmp_path) == str(tmp_path / "a.db")
        for query in TABLES.values():
            store.db.rows(query)
    said = capsys.readouterr().out
    assert "**runs**" in said
    assert "| mine |" in said
    assert "**proposals**" not in said
