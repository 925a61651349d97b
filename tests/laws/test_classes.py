"""Every class of recurrence: the class is the expected one, its module equals the token loop and
obeys every law, and it loops over tokens only where its table says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from asiarch import laws
from asiarch.ir.recurrence import recurrences
from asiarch.laws.program import exact, real, single
from asiarch.laws.resources import no_loop
from asiarch.laws.subject import Subject
from asiarch.laws.tolerances import LOOP_FACTOR, UNDAMPED_FACTOR

from .classes import CLASSES
from .programs import Program, compiled, flat, inputs, streams

LAWS = {"prefix", "length", "batch", "streaming", "stepping", "packing"}
LONGER = {
    "momentum_diagonal_core": 8192, "wkv4_core": 8192, "predicted_twice_core": 16384,
    "summed_core": 16384,
}  # fmt: skip
"""Tokens: for several scans of states, and for several reads of coupled diagonal states or beside
two erase terms, each a kernel of its own, the operators that do not depend on T are more.
"""
ALL = pytest.mark.parametrize("program", CLASSES, ids=str)


@ALL
def test_the_class_is_the_expected_one(program: Program) -> None:
    found = recurrences(flat(program))
    expected = CLASSES[program]
    assert {r.states[0].name: r.cls for r in found} == expected.classes
    loops = {r.states[0].name: r.note for r in found if not r.kernel}
    assert set(loops) == set(expected.loops)
    assert all(loops.values())
    table: dict[str, Any] = compiled(program).schedule["recurrences"]
    assert {v["class"] for v in table.values()} == set(expected.classes.values())


CONTRACTED = ("predicted_core", "surprised_core", "predicted_twice_core", "summed_core")


@pytest.mark.parametrize("program", [p for p in CLASSES if p.op in CONTRACTED], ids=str)
def test_what_contracts_a_state_is_a_read_of_it(program: Program) -> None:
    """Whole, the state of every token would be written down: right, and ten times as slow."""
    (found,) = (r for r in recurrences(flat(program)) if r.states[0].name == "S")
    assert found.reads
    assert {r.side for r in found.reads} == {"keys"}
    assert all(set(r.q.type.axes) <= {"H", "K"} for r in found.reads)


@pytest.mark.parametrize("time", [1, 21])
@ALL
def test_exact(program: Program, time: int) -> None:
    verdict = exact(flat(program), compiled(program, 8), time=time)
    assert verdict.ok, str(verdict)


@ALL
def test_floats(program: Program) -> None:
    given = streams(program, 2, 150)
    for oracle in (real, single):
        verdict = oracle(flat(program), compiled(program), given)
        assert verdict.ok, str(verdict)


@ALL
def test_laws(program: Program) -> None:
    report = laws.check(compiled(program, 16), inputs(program, 40), chunk=16, ring=True)
    assert report.ok, str(report)
    assert {v.law for v in report.verdicts if v.ok} >= LAWS | {
        f"{x}, ring" for x in LAWS - {"prefix"}
    }


@pytest.mark.parametrize("program", [p for p, e in CLASSES.items() if not e.loops], ids=str)
def test_no_loop_over_tokens(program: Program) -> None:
    verdict = no_loop(
        Subject(compiled(program)), inputs(program, 64), LONGER.get(program.op, 4096), 32
    )
    print(program, verdict)
    assert verdict.ok, str(verdict)


@pytest.mark.parametrize("program", [p for p, e in CLASSES.items() if not e.loops], ids=str)
def test_memory_is_linear_in_the_tokens(program: Program) -> None:
    verdict = laws.memory(Subject(compiled(program)), inputs(program, 64), (512, 1024, 2048))
    assert verdict.ok, str(verdict)


HARD = (0.0, 1e-35, 0.02, 0.9, 1.0)


@ALL
def test_hard_data(program: Program) -> None:
    """One key for all tokens; gates that are 0, that vanish, that do nothing, and all of them."""
    given = streams(program, len(HARD) + 1, 65)
    names = flat(program).input_names
    rng = np.random.default_rng(1)
    for index, name in enumerate(names):
        if name in ("k", "p"):
            given[index][:] = given[index][:, :1]
        elif name in program.gates:
            for row, gate in enumerate(HARD):
                given[index][row] = gate
            given[index][-1] = rng.choice(HARD, given[index][-1].shape)
    verdict = real(flat(program), compiled(program), given)
    assert verdict.ok, str(verdict)
    verdict = single(flat(program), compiled(program), given)
    undamped = program.op == "momentum_diagonal_core"  # momentum that nothing damps grows
    assert (verdict.ratio or 0) <= (UNDAMPED_FACTOR / LOOP_FACTOR if undamped else 1), str(verdict)
