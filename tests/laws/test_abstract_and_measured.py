"""What is proved beside what is measured on the same program: grade and taint, cost and counts."""

from __future__ import annotations

import numpy as np
import pytest

from asiarch.ir.domains.cost import Costs
from asiarch.ir.domains.counts import counted
from asiarch.ir.domains.grade import Grade, grade_of
from asiarch.ir.domains.taint import offsets_read
from asiarch.ir.function import Function

from .programs import CORES, MIXERS, Program, compiled, flat, streams

TIME = 12


def outside(function: Function, grades: list[Grade]) -> list[str]:
    """What is read and lies in no grade."""
    wrong: list[str] = []
    for (output, which), offsets in offsets_read(function, TIME).items():
        reads = grades[output].of(function.inputs[which])
        if reads is None or min(offsets) < reads.low or max(offsets) > reads.high:
            wrong.append(f"output {output} reads input {which} at {sorted(offsets)}: {reads}")
    return wrong


@pytest.mark.parametrize("program", [*CORES, *MIXERS], ids=str)
def test_what_is_read_lies_in_the_grade(program: Program) -> None:
    function = flat(program)
    assert offsets_read(function, TIME)
    assert not outside(function, grade_of(function))


def test_a_grade_too_small_is_seen() -> None:
    function = flat(CORES[0])
    assert outside(function, [Grade()] * len(function.outputs))


@pytest.mark.parametrize("program", CORES, ids=str)
def test_no_more_is_executed_than_the_cost_says(program: Program) -> None:
    function = flat(program)
    params = {k: v.double().numpy() for k, v in compiled(program).state_dict().items()}
    inputs = [np.asarray(x) for x in streams(program, 1, TIME)]
    _, operations = counted(function, params, inputs, TIME)
    names = {"T": TIME} | {a: int(s.integer or 0) for a, s in function.axes.items()}
    said = Costs().summary(function).work.evaluate(names)
    assert 0 < operations <= said
