"""Every module of the compiler obeys every law: prefix, length, gradient, rows, streams, packing;
and holds no more memory, and loops no more, than its class must."""

from __future__ import annotations

import re
from typing import Any

import pytest

from asiarch import laws
from asiarch.interface import load_source
from asiarch.laws.program import exact
from asiarch.laws.resources import no_loop, saved_bytes, stretched
from asiarch.laws.subject import Subject
from asiarch.laws.tolerances import MEMORY_FACTOR

from .programs import CORES, MIXERS, MODEL, Program, compiled, flat, inputs

LAWS = {"prefix", "length", "batch", "streaming", "stepping", "packing"}
LOOPS = ("gru", "dly")


@pytest.mark.parametrize("program", [*CORES, *MIXERS], ids=str)
def test_laws(program: Program) -> None:
    report = laws.check(compiled(program, 16), inputs(program, 40), chunk=16, ring=True)
    assert report.ok, str(report)
    assert {v.law for v in report.verdicts if v.ok} >= LAWS | {
        f"{x}, ring" for x in LAWS - {"prefix"}
    }


def test_laws_of_a_stacked_model() -> None:
    report = laws.check(compiled(MODEL, 8), inputs(MODEL, 19), chunk=8)
    assert report.ok, str(report)
    assert {v.law for v in report.verdicts if v.ok} >= LAWS


# -- resources -------------------------------------------------------------------------------------

LONG = 4096


def _blocks_of(program: Program, size: int) -> Any:
    """The module with other blocks of queries: 128 tokens are more than most tests have."""
    module = compiled(program)
    source = re.sub(r"^BLOCK = 128$", f"BLOCK = {size}", module.emitted_source, flags=re.M)
    made = load_source(source, type(module).__name__)
    made.load_state_dict(module.state_dict())
    return made


PARALLEL = [p for p in [*CORES, *MIXERS] if p.op not in LOOPS]


@pytest.mark.parametrize("program", PARALLEL, ids=str)
def test_no_loop_over_tokens(program: Program) -> None:
    """Operators for 4096 tokens, as many for 33 documents as for 12, and for each step."""
    verdict = no_loop(Subject(compiled(program)), inputs(program, 64), LONG, 32)
    print(program, verdict)
    assert verdict.ok, str(verdict)


@pytest.mark.parametrize("program", [p for p in MIXERS if "attend" in p.text], ids=str)
def test_attention_in_several_blocks(program: Program) -> None:
    module = _blocks_of(program, 4)
    if compiled(program).emitted_source.count("BLOCK"):
        verdict = exact(flat(program), module, batch=1, time=15)
        assert verdict.ok, str(verdict)
        report = laws.check(module, inputs(program, 18), chunk=4)
        assert report.ok, str(report)


@pytest.mark.parametrize("program", [p for p in MIXERS if p.op in LOOPS], ids=str)
def test_what_no_chunk_computes_loops_over_tokens(program: Program) -> None:
    assert not no_loop(Subject(compiled(program)), inputs(program, 64), 512).ok


def _numel(program: Program, axes: str) -> int:
    sizes = flat(program).axes
    total = 1
    for axis in axes.split():
        total *= int(sizes[axis].integer or 0)
    return total


@pytest.mark.parametrize("program", CORES, ids=str)
def test_a_core_holds_its_inputs_and_a_state_for_each_chunk(program: Program) -> None:
    """Between forward and backward: 1.5 times inputs and outputs, and T / C states."""
    chunk, given = 32, stretched(inputs(program, 64), LONG)
    module = compiled(program, chunk)
    held = saved_bytes(Subject(module), given)
    around = sum(x.numel() for x in given) + LONG * _numel(program, "H V")
    allowed = 4 * (MEMORY_FACTOR * around + LONG / chunk * _numel(program, "H K V"))
    print(f"{program}: {held:,} bytes held at T = {LONG}, allowed {allowed:,.0f}")
    assert held <= allowed


@pytest.mark.parametrize("program", [p for p in MIXERS if p.op not in LOOPS], ids=str)
def test_memory_of_a_mixer_is_linear_in_the_tokens(program: Program) -> None:
    verdict = laws.memory(Subject(compiled(program)), inputs(program, 64), (512, 1024, 2048))
    print(program, verdict)
    assert verdict.ok, str(verdict)
