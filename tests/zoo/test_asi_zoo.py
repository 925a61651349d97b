"""`check` refuses every program of the zoo at the line marked `# here`, with a value that leaks,
and accepts its twin.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from asiarch.analysis.report import check
from tests.zoo.zoo import SMALL, Pair, pairs

PAIRS = pairs(".asi")
MOST = 4
WITHOUT_VALUE = {"E0302"}
"""Codes of what is refused by its spelling, before there is a value."""

BOUND = re.compile(
    r"(?:op|model|state|param|for|attend)\s+(\w+)|(\w+)\s*(?:=(?!=)|:\s*Seq)|[\[,]\s*(\w+)(?=[,\]])"
)


def checked(path: Path) -> Any:
    return check(path.read_text("utf-8"), path.name)


@cache
def canonical(path: Path) -> str:
    """A hash of the program in which comments, layout and the names that it binds do not show."""
    text = re.sub(r"#.*", "", path.read_text("utf-8"))
    bound = {name for groups in BOUND.findall(text) for name in groups if name}
    order: dict[str, str] = {}
    words = [
        order.setdefault(word, f"_{len(order)}") if word in bound - {"time"} else word
        for word in re.findall(r"\w+|\S", text)
    ]
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_a_leak_is_refused_at_its_line_with_a_value(pair: Pair) -> None:
    lines = pair.leak.read_text("utf-8").splitlines()
    (here,) = [i for i, line in enumerate(lines, 1) if line.endswith("# here")]
    errors = [d for d in checked(pair.leak).as_json()["diagnostics"] if d["severity"] == "error"]
    assert [(d["code"], d["line"]) for d in errors] == [(pair.law, here)]
    if pair.law not in WITHOUT_VALUE:
        witness = errors[0]["witness"]
        assert witness["changed_token"] > witness["affected_token"]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_its_twin_is_accepted_without_a_word(pair: Pair) -> None:
    report = checked(pair.twin)
    assert report.ok
    assert not report.diagnostics
    *_, last = report.ops.values()
    assert last.causal


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_a_twin_is_one_small_edit_away(pair: Pair) -> None:
    edit = pair.edit()
    assert 0 < len(edit) <= 2 * SMALL
    assert len([line for line in edit if line.startswith("-")]) <= SMALL


def test_no_two_programs_are_the_same_and_no_mechanism_fills_the_zoo() -> None:
    hashes = Counter(canonical(p) for pair in PAIRS for p in (pair.leak, pair.twin))
    assert max(hashes.values()) == 1
    assert max(Counter(p.mechanism for p in PAIRS).values()) <= MOST


def test_the_zoo_is_large_enough() -> None:
    assert len(PAIRS) + len(pairs(".py")) >= 60


def test_renamed_programs_have_one_hash(tmp_path: Path) -> None:
    text = PAIRS[0].leak.read_text("utf-8")
    renamed = tmp_path / "renamed.asi"
    renamed.write_text(re.sub(r"\bx\b", "other", text).replace("# here", "") + "\n# more\n")
    assert canonical(renamed) == canonical(PAIRS[0].leak)
    assert canonical(renamed) != canonical(PAIRS[0].twin)
