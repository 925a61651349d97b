"""Diagnostics as text and JSON; places in sources; fixes; near names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asiarch.language.ast import Span
from asiarch.language.diagnostics import (
    WIDTH,
    Diagnostic,
    Fix,
    Label,
    SpecError,
    apply_fixes,
    as_json,
    render,
)
from asiarch.language.names import suggest
from asiarch.language.source import Position, Source

TEXT = "op f\n\n\n  m = mean[time](k)\n\n\n  o = q @ (m * v)\n"
SOURCE = Source(TEXT, "pooled.asi")


def at(text: str) -> Span:
    start = TEXT.index(text)
    return Span(start, start + len(text))


FOUND = Diagnostic(
    "E0301",
    "`o` reads the future",
    at("q @ (m * v)"),
    "flows into `o` here",
    (Label(at("mean[time](k)"), "reads every token of the sequence"),),
    help="`cummean[time](k)` lets t see only what came before",
    witness={"T": 2, "changed_token": 1, "affected_token": 0},
    note="on the reference",
)


def test_text() -> None:
    assert (
        render(FOUND, SOURCE)
        == """error[E0301]: `o` reads the future
  --> pooled.asi:7:7
 4 |   m = mean[time](k)
   |       ------------- reads every token of the sequence
 7 |   o = q @ (m * v)
   |       ^^^^^^^^^^^ flows into `o` here
   = witness: T = 2: changing token 1 changes the result at token 0
   = help: `cummean[time](k)` lets t see only what came before
   = note: on the reference"""
    )


def test_color_adds_only_color() -> None:
    import re

    plain = re.sub(r"\x1b\[[0-9;]*m", "", render(FOUND, SOURCE, color=True))
    assert plain == render(FOUND, SOURCE)


def test_json() -> None:
    record = as_json(FOUND, SOURCE)
    assert {k: record[k] for k in ("code", "severity", "file", "line", "column")} == {
        "code": "E0301", "severity": "error", "file": "pooled.asi", "line": 7, "column": 7,
    }  # fmt: skip
    assert (record["end_line"], record["end_column"]) == (7, 18)
    assert record["witness"] == {"T": 2, "changed_token": 1, "affected_token": 0}
    assert "fix" not in record
    fixed = Diagnostic("E0001", "m", Span(0, 2), fix=Fix(Span(0, 2), "model"))
    assert as_json(fixed, SOURCE)["fix"] == {
        "replacement": "model", "line": 1, "column": 1, "end_line": 1, "end_column": 3,
    }  # fmt: skip


@pytest.mark.parametrize(("fix", "said"), [
    (Fix(Span(0, 2), "model"), "write `model` for `op`"), (Fix(Span(0, 2), ""), "remove `op`"),
    (Fix(Span(2, 2), " g"), "add `g`"),
])  # fmt: skip
def test_a_fix_without_help_is_said(fix: Fix, said: str) -> None:
    shown = render(Diagnostic("E0001", "m", Span(0, 2), fix=fix), SOURCE)
    assert shown.endswith(f"= help: {said}")


def test_a_place_at_the_end_and_an_empty_one() -> None:
    for source in (Source(""), Source("ab"), Source("ab\n")):
        size = len(source.text)
        assert "^" in render(Diagnostic("E0001", "m", Span(size, size)), source)


def test_a_hostile_text_cannot_move_the_cursor() -> None:
    source = Source("a \x1b[2J \u202e b \0\n", "x\x1b[1m.asi")
    shown = render(Diagnostic("E0001", "bad \x1b[0m", Span(2, 8)), source)
    assert all(c.isprintable() for c in shown.replace("\n", ""))


def test_wide_characters_and_tabs_keep_the_carets_in_place() -> None:
    source = Source("\t漢字 x\n")
    assert render(Diagnostic("E0001", "m", Span(4, 5)), source).splitlines()[-1].index("^") == 11


def test_long_lines_are_clipped_around_the_place() -> None:
    source = Source("a" * 5000 + "!" + "b" * 5000)
    lines = render(Diagnostic("E0001", "m", Span(5000, 5001)), source).splitlines()
    assert all(len(line) < WIDTH + 20 for line in lines)
    assert lines[2][lines[3].index("^")] == "!"


def test_a_program_that_cannot_be_used_says_why() -> None:
    error = SpecError([FOUND, Diagnostic("E0001", "m", Span(0, 1), file="other.asi")], SOURCE)
    assert str(error).count("error[") == 2
    assert "--> pooled.asi:7:7" in str(error)
    assert "(other.asi)" in str(error)
    assert str(SpecError([FOUND] * 30)).endswith("and 10 more")


def test_fixes_that_overlap_are_not_both_applied() -> None:
    fixes = [Fix(Span(2, 4), "Y"), Fix(Span(0, 3), "X"), Fix(Span(4, 4), "+")]
    assert apply_fixes("abcdef", fixes) == "Xd+ef"


@given(st.text(alphabet="ab\n\r", max_size=40))
def test_positions_agree_with_lines(text: str) -> None:
    source = Source(text)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert [source.line(n + 1) for n in range(source.line_count)] == lines
    for offset in range(len(text)):
        place = source.position(offset)
        if text[offset] not in "\r\n":
            assert lines[place.line - 1][place.column - 1] == text[offset]
    assert source.position(-5) == Position(1, 1)
    assert source.position(10**9) == source.position(len(text))


@pytest.mark.parametrize(("name", "near"), [
    ("sofmax", "softmax"), ("rms_norm", "rmsnorm"), ("Linear", "linear"), ("xyz", None),
    ("linear", None),
])  # fmt: skip
def test_near_names(name: str, near: str | None) -> None:
    assert suggest(name, ["softmax", "rmsnorm", "linear"]) == near
