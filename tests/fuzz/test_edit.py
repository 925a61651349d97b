"""Edits are typed, have inverses, and reach every kind; hypothesis shrinks what it draws."""

from __future__ import annotations

import random

import pytest
from hypothesis import find, given, settings

from asiarch.analysis.report import check
from asiarch.fuzz import NoEdit, Program, change, draw, edit, programs
from asiarch.fuzz.distribution import measure
from asiarch.fuzz.edit import KINDS

SEEDS = range(4)
GATED = Program(
    """op main[H, K, V](x: Seq[H, K], v: Seq[H, V]) -> Seq[H, V] where causal {
  k = l2norm[K](x)
  a = sigmoid(mean[K](x[t-1]))
  state S[H, K, V]
  S = a * S[t-1] + k * v
  o = k @ S
  loss o * o
  return tanh(o + v)
}
""",
    "main",
    (("H", 2), ("K", 3), ("V", 2)),
)


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_checks_and_has_an_inverse(kind: str) -> None:
    for seed in SEEDS:
        child, made = change(
            GATED, random.Random(seed), other=draw(random.Random(1)), kinds=(kind,)
        )
        assert child.text != GATED.text
        assert check(child.text).ops["main"].causal
        assert made.inverse.apply(child.text) == GATED.text


def test_a_chain_of_edits_stays_causal() -> None:
    program, rng = GATED, random.Random(5)
    for _ in range(8):
        program = edit(program, rng)
    assert check(program.text).ok
    assert program.text != GATED.text


def test_the_memory_rule_becomes_a_delta_rule() -> None:
    child = edit(GATED, random.Random(0), kinds=("memory rule",))
    classes = {r["class"] for r in check(child.text).ops["main"].recurrences}
    assert classes == {"scalar+rank1"}


def test_what_has_no_edit_says_so() -> None:
    bare = Program("op main[D](x: Seq[D]) -> Seq[D] { return x }\n", "main", (("D", 2),))
    with pytest.raises(NoEdit, match="undelay"):
        edit(bare, random.Random(0), kinds=("undelay",))


@settings(max_examples=10, database=None)
@given(programs())
def test_the_strategy_draws_programs(program: Program) -> None:
    assert check(program.text).ok


def test_the_strategy_shrinks() -> None:
    """The smallest program with a state is a few lines."""
    small = find(
        programs(),
        lambda p: "state " in p.text,
        settings=settings(max_examples=300, database=None),
        random=random.Random(0),
    )
    assert len(small.text.splitlines()) <= 25, small.text


def test_what_is_drawn_is_wide() -> None:
    found = measure(range(300))
    print("\n".join(found.lines()))
    assert not found.missing()


def test_a_narrow_generator_is_seen() -> None:
    found = measure(range(10))
    assert any(m.startswith("class") for m in found.missing())
