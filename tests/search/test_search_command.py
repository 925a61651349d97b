"""`asiarch search` for real, with tiny runs; and what it says when it is stopped."""

from __future__ import annotations

import argparse
import io
import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from asiarch import cli
from asiarch.commands import search as command
from asiarch.commands.support import searching
from asiarch.language.parser import parse
from asiarch.search import protocol
from asiarch.search.loop import Found, Leader, Standing, session
from asiarch.search.protocol import Tier
from asiarch.search.store import Store

TINY = protocol.QUICK.named(
    "quick",
    panel=("panel.linc_mixer", "panel.conv_mixer"),
    tiers=(Tier("T1", ("copy.small",), (2, 3), 0.05, steps=4),),
)

Asked = Callable[..., tuple[int, str, str]]


@pytest.fixture
def asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Asked:
    monkeypatch.setitem(protocol.PRESETS, "quick", TINY)

    def run(*words: str) -> tuple[int, str, str]:
        words = ("search", "--store", str(tmp_path / "runs" / "s.db"), "--workers", "2", *words)
        monkeypatch.setattr("sys.argv", ["asiarch", *words])
        status = cli.main(words)
        return status, *capsys.readouterr()

    return run


def test_a_search_ends_with_specs_and_a_report_and_goes_on(asked: Asked, tmp_path: Path) -> None:
    status, out, err = asked("--candidates", "2")
    assert status == 0, err
    assert "this funds about 2 candidates and 0 claims; the panel takes about" in err
    assert "a claim on this machine needs about" in err
    folder = tmp_path / "runs" / "quick-full-0"
    archive = (folder / "archive.json").read_text()
    assert len(json.loads(archive)["members"]) <= 4
    for path in folder.glob("*.asi"):
        text = path.read_text()
        assert "sds of a task's paired difference" in text
        assert "causal proved" in text
        assert parse(text).program.definitions
    assert "<html" in (folder / "report.html").read_text()
    assert "bookkeeping took" in out
    assert re.search(r"step of conv_mixer on copy.small takes [\d.]+ ms .* at least \d+%", out)
    again, out, _ = asked("--candidates", "2", "-o", str(tmp_path / "again"))
    assert again == 0
    assert "bookkeeping" not in out  # nothing was trained
    assert (tmp_path / "again" / "archive.json").read_text() == archive


def test_a_search_that_is_stopped_says_how_to_go_on(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(self: object, watch: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session.Session, "search", stopped)
    status, _, err = asked("--candidates", "1")
    assert status == 130
    assert "nothing is lost; to go on:\n  asiarch search --store" in err
    assert "--candidates 1" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--arm", "nothing"), "there is no arm `nothing`; there are full, null, random"),
        (("--candidates", "0"), "--candidates must be at least 1"),
        (("--workers", "-1"), "--workers must be at least 1"),
        (("--candidates", "1", "-o", __file__), "cannot be made (File exists): name another with"),
        (("--candidates", "1", "--store", f"{__file__}/s.db"), "name another with --store"),
        (("--candidates", str(2**64)), "give a smaller one"),
    ],
)
def test_wrong_words_are_refused(asked: Asked, words: tuple[str, ...], said: str) -> None:
    status, _, err = asked(*words)
    assert status == 2
    assert said in err


def test_what_a_cap_must_be_at_least_is_said(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with Store(tmp_path / "runs" / "s.db") as store:
        store.runs.begin("quick-full-0", TINY.to_json())
        store.budgets.settle("quick-full-0", "1", {"a": {"candidates": 3.0}})
    status, _, err = asked("--candidates", "2")
    assert status == 2
    assert "has spent 3 candidates" in err
    assert "Go on with 3 or more" in err


def test_a_report_that_cannot_be_written_says_how_to_get_it(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> object:
        raise OSError(28, "No space left on device", "report.html")

    monkeypatch.setattr(session.Session, "search", lambda self, watch: Found(self.settings))
    monkeypatch.setattr("asiarch.search.report.page.page", full)
    status, _, err = asked("--candidates", "1")
    assert status == 1
    assert "report.html could not be written (No space left on device)" in err
    assert "the store has everything" in err


def test_candidates_per_hour_are_those_of_the_session() -> None:
    (line,) = searching.work(session.Spent(jobs=1800.0, bookkeeping=18.0, flops=1e9, candidates=2))
    assert "took 1.0% of the CPU time" in line
    assert "4 candidates per CPU-hour" in line
    assert not list(searching.work(session.Spent(0.0, 1.0, 0.0)))


def test_a_run_that_was_begun_otherwise_is_refused(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session.Session, "search", lambda self, watch: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        asked("--candidates", "1")
    monkeypatch.setitem(protocol.PRESETS, "quick", TINY.named("quick", alpha=0.01))
    status, _, err = asked("--candidates", "1")
    assert status == 2
    assert "go on with the same settings" in err


@pytest.mark.parametrize(
    ("text", "value"),
    [("90", 90.0), ("90s", 90.0), ("15m", 900.0), ("1.5h", 5400.0), ("3h 15m", 11700.0)],
)
def test_times(text: str, value: float) -> None:
    assert command.seconds(text) == value


@pytest.mark.parametrize(
    "text", ["", "h", "0m", "-3h", "15 parsecs", "3h3h", "3 15m!", "9" * 400 + "h"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a time is written as"):
        command.seconds(text)


def test_what_is_shown() -> None:
    leader = Leader("#4 ab", 1.0, 0.5, 1.5, 3)
    standing = Standing("racing", 1, 10, 6, 12, {("T0a", "duplicate"): 2}, 1, 5, 2, 0, 3, (leader,))
    assert list(searching.lines_of(standing)) == [
        "round 1: 10 proposed, 2 rejected, 6 of 12 candidates",
        "5 measured in 3 niches, 1 failed, 2 promoted, 0 claimed",
    ]
    assert list(searching.leaders_of(standing)) == ["  #4 ab  +1.00 [+0.50, +1.50] sd over 3 seeds"]
    assert searching.clock(61) == "1:01"
    assert searching.clock(3661) == "1:01:01"


def test_a_terminal_is_drawn_by_the_thread_that_searches() -> None:
    """A store belongs to its thread: whoever draws asks it for the time that is left."""
    threads: set[int] = set()

    def left() -> float:
        threads.add(threading.get_ident())
        return 75.0

    stream = io.StringIO()
    live = searching.Live(left, stream)
    live.stands(Standing("racing", 1, niches=2, leaders=(Leader("#4 ab", 1.0, 0.5, 1.5, 3),)))
    live.batch(1, 4)
    time.sleep(0.3)
    live.note("the bar is here")
    live.close()
    assert threads == {threading.get_ident()}
    shown = stream.getvalue()
    assert "the bar is here" in shown


def test_plain_lines_say_how_far_the_runs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "EVERY", 0.0)
    stream = io.StringIO()
    plain = searching.Plain(lambda: 75.0, stream)
    plain.stands(Standing("panel"))
    plain.batch(0, 4)
    lines = stream.getvalue().splitlines()
    assert lines == ["panel, 1:15 left", "panel: run 0 of 4, 1:15 left"]
