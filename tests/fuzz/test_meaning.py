"""Laws of the front end and of inner nodes: they hold of drawn programs, and see what is wrong."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from asiarch.codegen.reference import Reference
from asiarch.fuzz import draw
from asiarch.fuzz.checks import Case, judged
from asiarch.fuzz.meaning import apart, by_calls
from asiarch.fuzz.nodes import beyond, outside_ranges, unsound_grade
from asiarch.fuzz.program import Program
from asiarch.fuzz.respell import respelled
from asiarch.ir.interval import closed
from asiarch.language.parser import parse

LAWS = ("grade", "range", "cost", "calls", "spelling")
LAYERS = Program(
    "op part[D](x: Seq[D], y: Seq[D]) -> Seq[D] {\n"
    "  state h[D]\n  h = 0.5 * h[t-1] + linear[D -> D](x)\n  return h - y\n}\n\n"
    "op main[D](x: Seq[D]) -> Seq[D] {\n"
    "  v = tanh(x)\n  for n in 3 { v = v + part(v, x) }\n"
    "  return select(v > 0.5 and t % 2 == 0, -v, v[t-1] / 2)\n}\n",
    "main", (("D", 3),),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(15))
def test_they_hold_of_drawn_programs(seed: int) -> None:
    program = draw(random.Random(seed))
    assert judged(Case(program, seed), LAWS)[0] is None, program.file


def test_calls_that_are_run_are_told_from_another_graph() -> None:
    case = Case(LAYERS)
    streams = case.streams(2, 7)
    assert by_calls(case.concrete, case.flat, case.params, streams) is None
    other = Case(replace(LAYERS, text=LAYERS.text.replace("part(v, x)", "part(x, v)")))
    assert by_calls(case.concrete, other.flat, case.params, streams) is not None


def test_layers_have_parameters_of_their_own() -> None:
    case = Case(LAYERS)
    tied = {k: next(iter(case.params.values())) for k in case.params}
    streams = case.streams(2, 7)
    assert len(case.params) == 3
    assert apart(Reference(case.flat, tied).evaluate(streams),
                 Reference(case.flat, case.params).evaluate(streams)) > 1e-3  # fmt: skip


def test_a_number_that_is_none_is_told_from_one_that_is() -> None:
    one, none = np.array([1.0]), np.array([np.nan])
    assert apart([none], [one]) == np.inf
    assert apart([one], [none]) == 0
    assert apart([one], [one + 1e-12]) == 0


def test_every_form_is_spelled_otherwise() -> None:
    once = respelled(LAYERS.text, random.Random(0))
    assert once != LAYERS.text
    assert not parse(once).diagnostics
    for new in ("h + -(y)", "0 - (v)", "0.5 < v", "(v[t-1] * (1 / (2)))"):
        assert any(new in respelled(LAYERS.text, random.Random(s)) for s in range(20)), new


def test_another_spelling_of_another_program_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(Case(LAYERS), ("spelling",))[0] is None
    monkeypatch.setattr("asiarch.fuzz.meaning.respelled", _wrong)
    failure, _ = judged(Case(LAYERS), ("spelling",))
    assert failure is not None
    assert failure[0] == "spelling"


def _as_it_is(domain: Any, node: Any, x: Any) -> Any:
    return x


def _wrong(text: str, rng: random.Random) -> str:
    return LAYERS.text.replace("h - y", "h + y")


def test_a_wrong_fact_inside_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is wide enough; what it is made of is not."""
    case = Case(replace(LAYERS, text="op main[D](x: Seq[D]) -> Seq[D] "
                        "{ return x + 0 * cumsum[time](tanh(x[t-3])) }\n"))  # fmt: skip
    frame = Reference(case.flat, case.params).frame(case.streams(1, 9))
    assert unsound_grade(case.read) is None
    assert outside_ranges(case.flat, frame) is None
    monkeypatch.setattr("asiarch.ir.domains.grade.Grades.delay", _as_it_is)
    assert "`delay` reads input 0 at -3 to -3" in str(unsound_grade(case.read))
    monkeypatch.setattr("asiarch.ir.domains.ranges.Ranges.cumulative", _as_it_is)
    assert "`cumulative`" in str(outside_ranges(case.flat, frame))


def test_a_number_beyond_its_range_is_told() -> None:
    assert beyond(closed(0, 1), np.array([0.5, np.nan, np.inf])) is None
    assert beyond(closed(0, 1), np.array([0.5, -0.5])) == "-0.5 is not in [0, 1]"
