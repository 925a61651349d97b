"""One layout: the same tree, comments kept, nothing left to change the second time."""

from __future__ import annotations

import dataclasses
import random
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asiarch.language import tables
from asiarch.language.diagnostics import SpecError
from asiarch.language.formatter import WIDTH, format
from asiarch.language.layout import CUT, HARD, SPACE, Group, Nest, bracketed, fill, join, lay_out
from asiarch.language.lexer import lex
from asiarch.language.parser import parse

EXAMPLES = sorted((Path(str(resources.files("asiarch.grammar"))) / "examples").glob("*.asi"))
PRELUDE = Path(str(resources.files("asiarch.library"))) / "prelude.asi"
TEXTS = [f.read_text() for f in (*EXAMPLES, PRELUDE)]
CALLS = {"(", "["}


def shape(node: Any) -> Any:
    if isinstance(node, tuple):
        return tuple(shape(n) for n in node)
    if dataclasses.is_dataclass(node):
        fields = [f.name for f in dataclasses.fields(node) if not f.name.endswith("span")]
        return (type(node).__name__, *(shape(getattr(node, name)) for name in fields))
    return node


def laid_out_anew(rng: random.Random, text: str) -> str:
    """The same tokens with other white space and more comments."""
    loose = rng.choice([0.02, 0.1, 0.5])
    parts: list[str] = []
    for token in lex(text, "", tables.load()).tokens[:-1]:
        space = " "
        # A bracket stays on the line of its name; `op`, `model`, `use` begin a line.
        if token.text in ("op", "model", "use"):
            space = rng.choice(["\n", "\n\n", "\n\n\n", "\n# above\n"])
        elif token.text not in CALLS and rng.random() < loose:
            space = rng.choice(["\n", "\n\n\n", "  ", " # said\n", "\n  # alone\n", "\t", "\r\n"])
        parts += [space, token.text]
    return "".join(parts)


def holds(text: str) -> None:
    before = parse(text)
    assert not before.diagnostics
    out = format(text)
    after = parse(out)
    assert shape(after.program) == shape(before.program)
    said = sorted(c.text.rstrip() for c in before.comments)
    assert sorted(c.text for c in after.comments) == said
    assert format(out) == out
    assert out == "".join(f"{line.rstrip()}\n" for line in out.splitlines())


@pytest.mark.parametrize("seed", range(60))
def test_any_layout_becomes_the_one(seed: int) -> None:
    rng = random.Random(seed)
    holds(laid_out_anew(rng, TEXTS[seed % len(TEXTS)]))


@pytest.mark.parametrize("text", TEXTS, ids=[f.stem for f in (*EXAMPLES, PRELUDE)])
def test_examples_stay_narrow(text: str) -> None:
    holds(text)
    code = [line.split("#")[0].rstrip() for line in format(text).splitlines()]
    assert all(len(line) <= WIDTH for line in code)


def test_the_check_for_equal_trees_can_fail() -> None:
    one, other = (parse(f"op f(x) -> x {{ return {e} }}").program for e in ("x + 1", "x + (1)"))
    assert shape(one) != shape(other)


def test_layout_is_not_kept_but_its_blank_lines_are() -> None:
    text = "op f(x)->x{\na=x\n\n\n\nb=a*  2\nreturn b}"
    assert format(text) == "op f(x) -> x {\n  a = x\n\n  b = a * 2\n  return b\n}\n"


def test_comments_stay_at_their_place() -> None:
    text = """# head

# of f
op f[D](x: Seq[D]) -> Seq[D] {  # opens
  # above
  a = x  # behind

  # alone

  o = attend j where j <= t {  # fields
    score: a[t] @ a[j]  # one
    # two
    value: a[j]
    # three
  }
  if D == 1 {
    # inside
    a = x
  } else {
    a = o  # last
    # end
  }
  return a
  # closes
}  # done
# tail
"""
    assert format(text) == text


def test_a_comment_inside_an_expression_moves_above_it() -> None:
    text = "op f(x) -> x {\n  y = g(x, # why\n    2)\n  return y\n}\n"
    assert format(text) == "op f(x) -> x {\n  # why\n  y = g(x, 2)\n  return y\n}\n"


def test_one_line_stays_one_line_if_it_fits() -> None:
    short = "op f(x) -> x { return x }\n"
    assert format(short) == short
    long = f"op f(x) -> x {{ return {' + '.join(['gate'] * 14)} }}\n"
    assert "{\n  return gate" in format(long)
    both = "op f(x) -> x {\n  if D == 1 { a = x } else { a = 1 }\n  return a\n}\n"
    assert format(both) == both


def test_long_heads_claims_and_chains_are_broken() -> None:
    axes = ", ".join(f"axis_{i}" for i in range(20))
    claims = ", ".join(f"a{i} in (0, 1]" for i in range(12))
    total = " + ".join(f"gate_{i} * value_{i}" for i in range(12))
    text = f"op f[{axes}](x: Seq[{axes}]) -> x where {claims} {{ return {total} |> g }}"
    out = format(text)
    assert all(len(line) <= WIDTH for line in out.splitlines())
    assert "\n  where a0 in (0, 1]," in out
    assert "\n{\n" in out
    assert "\n    + gate_1 * value_1\n" in out
    holds(text)


def test_an_offset_in_time_is_tight() -> None:
    out = format("op f(x) -> x { return x[t - 1] + x[t - k] + x[t + 2 * k] + g[t - 1](x) }")
    assert "x[t-1] + x[t-k] + x[t + 2 * k] + g[t - 1](x)" in out


def test_a_wrong_text_is_refused() -> None:
    with pytest.raises(SpecError) as refused:
        format("op f(x) -> x { return x x }")
    assert "E0007" in str(refused.value)


# -- documents -------------------------------------------------------------------------------------


def test_a_group_breaks_only_if_it_does_not_fit() -> None:
    inner = bracketed("(", join((",", SPACE), ("aaa", "bbb")), ")")
    assert lay_out(inner, 10) == "(aaa, bbb)"
    assert lay_out(inner, 9) == "(\n  aaa,\n  bbb\n)"
    assert lay_out((Group(("x", CUT, "y")), HARD, "z"), 2) == "xy\nz"
    assert lay_out(("ab", Nest((HARD, "c"))), 80, 4) == "ab\n      c"


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(12, 40))
def test_fill_is_greedy(lengths: list[int], width: int) -> None:
    words = ["x" * n for n in lengths]
    lines = lay_out(fill(words), width).split("\n")
    assert " ".join(lines) == ", ".join(words)
    for line, following in pairwise(lines):
        assert len(line) <= width
        first = following.split(" ")[0]
        assert len(line) + 1 + len(first) > width
