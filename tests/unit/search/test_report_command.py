"""`asiarch report`: a page from a store on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from asiarch import cli
from asiarch.search.store import Store

PROTOCOL = {"name": "quick", "metric": "auc"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "search.db"
    with Store(path) as store:
        store.runs.begin("first", PROTOCOL)
    return path


def run(*arguments: object) -> int:
    return cli.main(["report", *map(str, arguments)])


def test_the_page_lies_beside_the_store(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(file) == 0
    assert str(file.with_suffix(".html")) in capsys.readouterr().out
    assert "<title>Search: first</title>" in file.with_suffix(".html").read_text("utf-8")


def test_one_of_several_runs_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(file) as store:
        store.runs.begin("second", PROTOCOL)
    assert run(file) == 2
    assert "--run: first, second" in capsys.readouterr().err
    out = file.with_name("page.html")
    assert run(file, "--run", "second", "-o", out) == 0
    assert "<title>Search: second</title>" in out.read_text("utf-8")
    assert run(file, "--run", "third") == 2
    assert "no run `third`; it has first, second" in capsys.readouterr().err


def test_what_is_no_store_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "none.db") == 2
    assert "there is no file" in capsys.readouterr().err
    other = tmp_path / "other.db"
    other.write_text("this is a text, and no database of ours at all" * 20)
    assert run(other) == 2
    assert "other.db" in capsys.readouterr().err
    assert not other.with_suffix(".html").exists()


def test_the_store_is_never_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "search.html"
    with Store(path) as store:
        store.runs.begin("first", PROTOCOL)
    before = path.read_bytes()
    for words in ((path,), (path, "-o", tmp_path / "." / "search.html")):
        assert run(*words) == 2
        assert "is the store itself: name another file with -o" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_store_without_a_run_says_how_to_begin_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"")
    assert run(path) == 2
    assert "is empty: no search has begun in it" in capsys.readouterr().err
    assert path.read_bytes() == b""
    Store(path).close()
    assert run(path) == 2
    assert f"has no run yet; `asiarch search --store {path}` begins one" in capsys.readouterr().err
