"""Parsing by pieces gives what parsing gives, places and all, and forgets nothing that is wrong."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asiarch.fuzz import programs
from asiarch.fuzz.program import Program
from asiarch.language import pieces
from asiarch.language.parser import parse
from asiarch.language.pieces import Pieces

SHARED = Pieces()
FILES = [f for f in resources.files("asiarch.library").iterdir() if f.name.endswith(".asi")]


def without_comments(text: str) -> str:
    return re.sub(r" *#.*", "", text)


def same(text: str, reader: Pieces = SHARED) -> None:
    mine, whole = reader.parse(text, "a.asi"), parse(text, "a.asi")
    assert mine.program == whole.program, text
    assert (mine.diagnostics, mine.comments) == (whole.diagnostics, whole.comments)
    assert mine.broken == whole.broken


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_the_library_by_pieces(file: Any) -> None:
    text = file.read_text(encoding="utf-8")
    same(text)
    same(without_comments(text))


@settings(max_examples=40, deadline=None, database=None)
@given(programs(), st.integers(0, 1000))
def test_drawn_and_broken_programs_by_pieces(program: Program, seed: int) -> None:
    same(program.text)
    words = re.findall(r"\s+|\w+|[^\w\s]", program.text)
    at = random.Random(seed).randrange(len(words))
    same("".join(words[:at] + words[at + 1 :]))
    same(program.text.replace("\n", "\n\n  "))


LINES = """op f[D](x: Seq[D]) -> Seq[D] where causal {
  y = x
    + 2 * x[t-1]
  z = tanh(
    y
  )
  return z
}

op g[D](x: Seq[D]) -> Seq[D] { return f(x) }
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [("", ""), ("\n    + 2", " + 2"), ("  return z\n", ""), ("}\n\nop g", "op g"), ("(\n", "\n"),
     ("return z\n}", "return z }"), ("where causal {", "where causal\n{"), ("y = x", "y = x z = x"),
     ("op g", "use prelude.silu\nop g"), ("x[t-1]", "x[t-1"), ("tanh(\n    y\n  )", "y")],
)  # fmt: skip
def test_layouts(old: str, new: str) -> None:
    same(LINES.replace(old, new, 1) if old else LINES)


def test_without_places_the_tree_is_the_same_but_for_them() -> None:
    def bare(node: Any) -> Any:
        return re.sub(r"Span\(start=-?\d+, end=-?\d+\)", "", repr(node))

    text = "op f[D](x: Seq[D]) -> Seq[D] where causal {\n  y = x\n  return y\n}\n"
    found = SHARED.parse(text, places=False)
    assert found.program != parse(text).program
    assert bare(found.program) == bare(parse(text).program)


def test_a_piece_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, asked = Pieces(), list[str]()

    def counted(text: str, *more: Any) -> Any:
        asked.append(text)
        return parse(text, *more)

    monkeypatch.setattr(pieces, "parse", counted)
    text = "op f[D](x: Seq[D]) -> Seq[D] where causal {\n  y = x\n  z = y\n  return z\n}\n"
    reader.parse(text)
    assert len(asked) == 4
    reader.parse(text.replace("y = x", "y = 2 * x"))
    assert len(asked) == 5


def test_a_reader_that_misplaces_is_noticed() -> None:
    """A planted fault: pieces moved by one too few."""
    program = SHARED.parse(LINES.split("\n\n")[0]).program
    assert replace(program, items=pieces.moved(program.items, -1)) != program
