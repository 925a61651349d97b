"""What a stack of layers costs to write down does not depend on how many there are."""

from __future__ import annotations

import re
import time

import asiarch
from asiarch.laws.resources import CountOperators

from .programs import CORES, MIXERS, MODEL, inputs

DEPTHS = (8, 64, 1000)


def _emitted(depth: int) -> str:
    sizes = {**MODEL.sizes, "L": depth}
    return asiarch.emit(MODEL.text, MODEL.op, sizes, filename=MODEL.filename)


def test_the_text_is_the_same_but_for_numbers() -> None:
    texts = {re.sub(r"\d+", "0", _emitted(depth)) for depth in DEPTHS}
    assert len(texts) == 1


def test_a_check_does_the_same_work_at_any_depth() -> None:
    """Counted in the nodes of the function that is checked, which holds its layers once."""
    reports = [
        asiarch.check(MODEL.text.replace("L = 8", f"L = {depth}"), MODEL.filename)
        for depth in (8, 10**6)
    ]
    assert all(r.ok for r in reports)
    few, many = ([str(e.verdict) for e in r.ops["hybrid"].ledger] for r in reports)
    assert few == many


def test_a_layer_is_run_as_often_as_there_are_layers() -> None:
    """The twin: the text is shared, the work is not."""
    counts: list[int] = []
    for depth in (4, 8):
        sizes = {**MODEL.sizes, "L": depth}
        module = asiarch.compile(MODEL.text, MODEL.op, sizes, filename=MODEL.filename)
        with CountOperators() as mode:
            module(*inputs(MODEL, 9))
        counts.append(mode.total)
    assert 1.8 < counts[1] / counts[0] < 2.2


def test_lines_and_seconds() -> None:
    """Printed, for `pytest -s`; a text is never longer than a person would read."""
    for program in [*CORES, *MIXERS]:
        began = time.perf_counter()
        module = asiarch.compile(program.text, program.op, program.sizes, filename=program.filename)
        seconds = time.perf_counter() - began
        bare = asiarch.emit(
            program.text, program.op, program.sizes, bare=True, filename=program.filename
        )
        lines, short = len(module.emitted_source.splitlines()), len(bare.splitlines())
        print(f"{program.op:<20} {lines:>4} lines, bare {short:>3}, compiled in {seconds:.3f} s")
        assert lines < 500
        assert short < 100
