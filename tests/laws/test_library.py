"""Every definition of the library is right, and its module is what its text says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import asiarch
from asiarch.interface import elaborate
from asiarch.ir.function import Function
from asiarch.laws.form import Form
from asiarch.laws.program import exact, real, single
from asiarch.laws.report import behaviour
from asiarch.laws.ringmode import RingError
from asiarch.laws.subject import Subject

from .literature import CHOICES, FILES, PROGRAMS, Choice, given, tensors
from .programs import Program, compiled, flat

LAWS = ("prefix", "gradient", "streaming", "stepping", "packing")
CHUNK = 4

NOT_IN_THE_RING = {"abc_core", "abc", "lightnet_core", "lightnet"}
"""Running logsumexp: exp does not undo the log of a sum in the ring. Compared in floats."""

ALL = pytest.mark.parametrize("program", PROGRAMS, ids=str)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_nothing_to_say(file: Path) -> None:
    report = asiarch.check(file.read_text(encoding="utf-8"), str(file))
    assert [d.message for d in report.diagnostics] == []
    assert all(op.causal for op in report.ops.values())


@ALL
def test_exact(program: Program) -> None:
    seed = CHOICES.get(program.op, Choice()).seed
    if program.op in NOT_IN_THE_RING:
        with pytest.raises(RingError):
            exact(flat(program), compiled(program, CHUNK), batch=1, time=5)
        return
    verdict = exact(flat(program), compiled(program, CHUNK), batch=1, time=9, seed=seed)
    assert verdict.ok, str(verdict)


@ALL
def test_floats(program: Program) -> None:
    for oracle in (real, single):
        verdict = oracle(flat(program), compiled(program, CHUNK), given(program, 2, 21))
        assert verdict.ok, str(verdict)


@ALL
def test_hard_data(program: Program) -> None:
    """One token again and again; and numbers so large that gates are open or shut: there a sigmoid
    has few digits, and the module may err as a loop in the same precision does."""
    same, large = given(program, 2, 13), given(program, 2, 13)
    for x in same:
        if x.ndim > 1:
            x[:] = x[:, :1]
    verdict = real(flat(program), compiled(program, CHUNK), same)
    assert verdict.ok, str(verdict)
    if len(large) == 1 and large[0].dtype.kind == "f":
        verdict = single(flat(program), compiled(program, CHUNK), [30 * large[0]])
        assert verdict.ok, str(verdict)


def _takes_anything(program: Program) -> bool:
    """Are all inputs streams of any numbers? The laws replace tokens by any."""
    report = asiarch.check(program.text, program.filename)
    required = any(str(e.verdict) == "required" for e in report.ops[program.op].ledger)
    return not required and all(x.type.stream for x in flat(program).inputs)


WHOLE = [p for p in PROGRAMS if _takes_anything(p)]


def _called(function: Function) -> set[str]:
    found = {callee.name for _, callee in function.children()}
    return found.union(*(_called(callee) for _, callee in function.children()))


def test_what_the_laws_cannot_feed_is_called_by_what_they_can() -> None:
    """A core that requires a range, or takes a Tensor, is tried in its mixer."""
    tried = {p.op for p in WHOLE}.union(
        *(_called(elaborate(p.text, p.op, p.sizes, p.filename)) for p in WHOLE)
    )
    assert {p.op for p in PROGRAMS} <= tried
    assert len(WHOLE) < len(PROGRAMS)


@pytest.mark.parametrize("program", WHOLE, ids=str)
def test_laws(program: Program) -> None:
    ids = any(x.type.mode == "token" for x in flat(program).inputs)  # ids have no gradient
    wanted = [law for law in LAWS if not (ids and law == "gradient")]
    verdicts = behaviour(
        Subject(compiled(program, CHUNK), Form()),
        tensors(program, 9),
        torch.Generator().manual_seed(0),
        CHUNK,
        False,
        wanted,
    )
    assert all(v.ok for v in verdicts), "\n".join(map(str, verdicts))
    assert {v.law for v in verdicts} >= set(wanted)
