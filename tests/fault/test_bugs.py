"""Bugs planted in copies of the shipped code: every hunk applies, and drawn programs find them."""

from __future__ import annotations

import ast
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from asiarch.fuzz.bug import Bug, Moved, plant, shipped
from asiarch.fuzz.bugs import BUGS
from asiarch.fuzz.hunt import Find, Sound, hunt, table

EASY = ("chunk_forgets", "padding_erases")
LIMIT = 12


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_the_hunk_stands_in_the_shipped_code(bug: Bug) -> None:
    ast.parse(bug.applied(shipped(bug.file).read_text(encoding="utf-8")))


def test_names_are_told_apart() -> None:
    assert [n for n, count in Counter(b.name for b in BUGS).items() if count > 1] == []


def test_a_hunk_that_does_not_stand_there_is_refused() -> None:
    bug = Bug("b", "kind", "ir/node.py", "no such text", "other")
    with pytest.raises(Moved, match=r"0 times in ir/node\.py"):
        bug.applied(shipped(bug.file).read_text(encoding="utf-8"))


def test_the_shipped_code_is_not_touched(tmp_path: Path) -> None:
    bug = BUGS[0]
    before = shipped(bug.file).read_text(encoding="utf-8")
    plant(tmp_path, bug)
    assert shipped(bug.file).read_text(encoding="utf-8") == before
    assert (tmp_path / "asiarch" / bug.file).read_text(encoding="utf-8") == bug.applied(before)


@pytest.fixture(scope="module")
def sound() -> Iterator[Sound]:
    """What the shipped code passes, on a copy made as the bugs' are."""
    with tempfile.TemporaryDirectory() as folder:
        found = Sound(plant(Path(folder)))
        with found.worker:
            yield found


@pytest.mark.parametrize("bug", [b for b in BUGS if b.name in EASY], ids=str)
def test_it_is_found(bug: Bug, sound: Sound) -> None:
    """Programs that the shipped code passes, and the bug fails."""
    find = hunt(bug, sound, 0, LIMIT)
    assert find.law is not None
    assert any(sound.known[k] for k in sound.known if k.startswith(f"{find.seed} "))


def test_without_a_bug_nothing_is_found(sound: Sound) -> None:
    """The hunt of a hunk that changes no meaning."""
    harmless = Bug("harmless", "none", "kernels/chunks/torch.py",
                   "live = step(*part, live)", "live = step(*part, live) * 1")  # fmt: skip
    assert hunt(harmless, sound, 0, 3).law is None


def test_the_table_counts_what_is_found() -> None:
    a, b, c = BUGS[:3]
    finds = [Find(a.name, 0, 4, "ring"), Find(b.name, 0, 9, None), Find(c.name, 0, 40, "cost")]
    text = table([a, b, c], finds)
    assert text.endswith("2 of 3 hunted bugs found, 0 not hunted yet; median of 40 programs.")
    assert f"| {b.name} | {b.kind} | `{b.file}` | nothing | > 9 |" in text
    assert "median of inf" in table([a, b], finds[:2])
