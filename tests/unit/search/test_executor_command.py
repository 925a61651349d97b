"""`python -m asiarch.search.executor`: what it is told, what it says, when it ends."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from asiarch.search.executor.__main__ import main
from asiarch.search.store import Store
from tests.unit.search.support import jobs, problems, query

KIND = "k=tests.unit.search.handlers:trivial"


def filled(path: Path, count: int) -> str:
    with Store(path) as store:
        store.runs.begin("r", {})
        store.jobs.submit("r", jobs(count))
    return str(path)


def test_it_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = filled(tmp_path / "s.db", 2)
    assert main([path, "--kind", KIND]) == 0
    assert "nothing is queued any more: 2 jobs were done here" in capsys.readouterr().out


def test_it_waits_for_what_a_search_has_not_asked_for_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = filled(tmp_path / "s.db", 0)

    def later() -> None:
        time.sleep(0.5)
        filled(tmp_path / "s.db", 1)

    thread = threading.Thread(target=later)
    thread.start()
    assert main([path, "--kind", KIND, "--idle", "3"]) == 0
    thread.join()
    assert ": 1 jobs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--kind", "train"), "a kind is spelled NAME=MODULE:FUNCTION, not 'train'"),
        (("--kind", "k=os"), "a kind is spelled NAME=MODULE:FUNCTION, not 'k=os'"),
        (("--kind", KIND, "--slots", "0"), "at least 1, not '0'"),
        (("--kind", KIND, "--memory", "0"), "at least 1, not '0'"),
        (("--kind", KIND, "--lease", "0"), "more than 0 seconds"),
        (("--kind", KIND, "--seconds", "-1"), "a number of seconds, not '-1'"),
        (("--kind", KIND, "--idle", "nan"), "a number of seconds, not 'nan'"),
    ],
)
def test_wrong_words_are_refused(
    tmp_path: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([filled(tmp_path / "s.db", 1), *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_run_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([filled(tmp_path / "s.db", 1), "--kind", KIND, "--run", "other"]) == 1
    assert "has no run 'other'; it has r" in capsys.readouterr().err


@pytest.mark.parametrize("entry", ["nowhere:run", "tests.unit.search.handlers:nothing"])
def test_a_handler_that_is_not_there_spoils_no_job(
    tmp_path: Path, entry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = filled(tmp_path / "s.db", 1)
    assert main([path, "--kind", f"k={entry}"]) == 1
    assert entry.partition(":")[2 if "tests" in entry else 0] in capsys.readouterr().err
    assert query(Path(path), "SELECT state, attempts FROM queue") == [("queued", 0)]
    assert problems(Path(path)) == []
