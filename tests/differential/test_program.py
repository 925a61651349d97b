"""Every emitted module equals its program: in the ring bit for bit with all gradients, in float64
to 1e-12 of the row's maximum, in float32 as closely as a token loop does."""

from __future__ import annotations

import copy
import math
from functools import cache
from typing import Any, TypeAlias

import pytest
import torch
from torch import Tensor

import asiarch
from asiarch.interface import load_source
from asiarch.laws.equality import parallel_equals_recurrent
from asiarch.laws.program import exact, real, single
from asiarch.laws.streams import (
    HARD_LENGTHS,
    LOG_GATES,
    correlated_keys,
    identical_keys,
    strided,
)
from asiarch.laws.tolerances import (
    FLOAT64,
    LOOP_EPSILONS,
    LOOP_FACTOR,
    SAME_CODE,
    UNDAMPED_FACTOR,
    compare,
    compare_with_loop,
    loop_share,
)
from tests.laws.programs import CORES, MIXERS, MODEL, Program, compiled, flat, inputs, streams

CHUNKS = (1, 2, 3, 8, 16, 64)
BLOCKWISE = [p for p in MIXERS if p.op not in ("moe", "gru", "dly")]
"""Mixers whose emission has a chunk size."""


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("program", CORES, ids=str)
def test_a_core_is_its_loop_bit_for_bit(program: Program, chunk: int) -> None:
    verdict = exact(flat(program), compiled(program, chunk), time=67 if chunk == 64 else 21)
    assert verdict.ok, str(verdict)


@pytest.mark.parametrize("chunk", CHUNKS[:-1])
@pytest.mark.parametrize("program", BLOCKWISE, ids=str)
def test_a_mixer_is_its_loop_bit_for_bit(program: Program, chunk: int) -> None:
    verdict = exact(flat(program), compiled(program, chunk), batch=1, time=19)
    assert verdict.ok, str(verdict)


@pytest.mark.parametrize("program", [p for p in MIXERS if p not in BLOCKWISE], ids=str)
def test_a_loop_is_its_loop_bit_for_bit(program: Program) -> None:
    verdict = exact(flat(program), compiled(program), time=19)
    assert verdict.ok, str(verdict)


def test_a_stacked_hybrid_model_is_its_loop_bit_for_bit() -> None:
    verdict = exact(flat(MODEL), compiled(MODEL, 8), batch=1, time=13)
    assert verdict.ok, str(verdict)


@pytest.mark.parametrize("program", [*CORES, *MIXERS, MODEL], ids=str)
def test_floats(program: Program) -> None:
    inputs = streams(program, 2, 37)
    for oracle in (real, single):
        verdict = oracle(flat(program), compiled(program, 8), inputs)
        assert verdict.ok, str(verdict)


@pytest.mark.parametrize("program", [*CORES, *MIXERS], ids=str)
def test_half_precision(program: Program) -> None:
    """Beside a token loop in bfloat16."""
    module = compiled(program, 16)
    bare = asiarch.emit(
        program.text, program.op, program.sizes, bare=True, filename=program.filename
    )
    loop = load_source(bare, type(module).__name__)

    def reference(same: Any, *given: Tensor) -> Any:
        loop.to(given[0].dtype).load_state_dict(same.state_dict())
        return loop(*given)

    verdict = parallel_equals_recurrent(
        module, reference, inputs(program, 37), "bfloat16", gradients=False
    )
    assert verdict.ok, str(verdict)


@pytest.mark.parametrize("op", ["sliding", "full", "retnet", "alibi_attention", "sliding_alibi"])
def test_positions_keep_their_digits_in_half_precision(op: str) -> None:
    """bfloat16 counts to 256: the thousandth token is turned and biased like the thousandth."""
    (program,) = (p for p in MIXERS if p.op == op)
    low = copy.deepcopy(compiled(program)).bfloat16()
    high = copy.deepcopy(low).float()
    given = inputs(program, 1000)[0][:1].bfloat16()
    with torch.no_grad():
        error = compare(low(given), high(given.float()), SAME_CODE[torch.bfloat16])
    assert error.ratio <= 1, f"token {error.token} is off by {error.difference:.3g}"


def test_the_float_oracles_refuse_what_is_a_little_wrong() -> None:
    program = CORES[0]
    module, inputs = compiled(program, 8), streams(program, 2, 37)

    class Off(torch.nn.Module):
        def forward(self, *given: Tensor) -> Tensor:
            return module(*given) * (1 + self.by)

        def __init__(self, by: float) -> None:
            super().__init__()
            self.by = by

    assert real(flat(program), Off(0.0), inputs).ok
    assert not real(flat(program), Off(1e-11), inputs).ok
    assert single(flat(program), Off(0.0), inputs).ok
    assert not single(flat(program), Off(1e-4), inputs).ok


# -- hard data -------------------------------------------------------------------------------------
#
# Batch rows are the cases: each kind of decay times identical and 0.9-correlated keys times rates
# 1 and 2. The loop is the bare emission, a torch program that autograd can follow; against the
# reference it is one more module.

DELTA = """
op hard[H, K, V](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], {g}b: Seq[H]) -> Seq[H, V] {{
  state S[H, K, V]
  S = {a}S[t-1] + b * k * (v - k @ ({a}S[t-1]))
  return q @ S
}}
"""

SUM = """
op hard[H, K, V](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], {g}b: Seq[H]) -> Seq[H, V] {{
  state S[H, K, V]
  S = {a}S[t-1] + b * k * v
  return q @ S
}}
"""

GIVEN = (*(math.exp(g) for g in LOG_GATES), -0.7)
SIZES = {"H": 2, "K": 5, "V": 3}


def _hard(text: str, axes: str, form: str) -> Program:
    gate = f"g: Seq[{axes}], " if form else ""
    return Program("hard", SIZES, text.format(g=gate, a=form and f"{form} * "))


HARD = {
    "gated delta, log": (_hard(DELTA, "H", "exp(g)"), LOG_GATES),
    "gated delta, given": (_hard(DELTA, "H", "g"), GIVEN),
    "kda, log": (_hard(DELTA, "H, K", "exp(g)"), LOG_GATES),
    "kda, given": (_hard(DELTA, "H, K", "g"), GIVEN),
    "kda, complement": (_hard(DELTA, "H, K", "(1 - g)"), GIVEN[:-1]),
    "delta": (_hard(DELTA, "", ""), (0.0,)),
    "scalar, log": (_hard(SUM, "H", "exp(g)"), LOG_GATES),
    "scalar, given": (_hard(SUM, "H", "g"), GIVEN),
    "diagonal, log": (_hard(SUM, "H, K", "exp(g)"), LOG_GATES),
    "diagonal, given": (_hard(SUM, "H, K", "g"), GIVEN),
}


@cache
def _loop(program: Program) -> Any:
    text = asiarch.emit(program.text, program.op, program.sizes, bare=True)
    return load_source(text, "Hard")


DECAYS = {"log": math.exp, "complement": lambda g: 1 - g, "given": lambda g: g, "": lambda g: 1.0}


def _factor(form: str, gate: float | None) -> float:
    """How many times its loop's error a case may err in float32."""
    undamped = gate is not None and abs(DECAYS[form](gate)) > 0.9
    return UNDAMPED_FACTOR if undamped else LOOP_FACTOR


Case: TypeAlias = "tuple[str, float]"


def _cases(
    program: Program, form: str, gates: tuple[float, ...], time: int
) -> tuple[list[Case], list[Tensor]]:
    """Name and factor of each batch row, and streams with no contiguous axis."""
    generator = torch.Generator().manual_seed(time)
    heads, keys, values = SIZES.values()
    cases: list[Case] = []
    rows: list[list[Tensor]] = []
    wide = "g: Seq[H, K]" in program.text
    for gate in (*gates, None) if len(gates) > 1 else gates:
        for make in (identical_keys, correlated_keys):
            for rate in (1.0, 2.0):
                shape = (1, time, heads, keys) if wide else (1, time, heads)
                chosen = torch.randint(len(gates), shape, generator=generator)
                table = torch.tensor(gates if gate is None else [gate] * len(gates))
                q = torch.randn(1, time, heads, keys, generator=generator)
                k = make((1, time, heads, keys), generator)
                v = torch.randn(1, time, heads, values, generator=generator)
                b = torch.full((1, time, heads), rate)
                rows.append([q, k, v, *([table[chosen]] if len(gates) > 1 else []), b])
                label = f"gate {'mixed' if gate is None else gate}, {make.__name__}, {rate}"
                cases.append((label, _factor(form, gate)))
    return cases, [strided(torch.cat(x)) for x in zip(*rows, strict=True)]


def _evaluated(module: Any, inputs: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """The output and the gradients of all streams."""
    leaves = [x.to(dtype).requires_grad_() for x in inputs]
    out = module(*leaves)
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(out.shape, generator=generator).to(dtype)
    return [out.detach(), *torch.autograd.grad(out, leaves, weight)]


@pytest.mark.parametrize("time", HARD_LENGTHS)
@pytest.mark.parametrize("name", HARD)
def test_hard_data(name: str, time: int) -> None:
    program, gates = HARD[name]
    form = name.partition(", ")[2]
    cases, inputs = _cases(program, form, gates, time)
    truth = _evaluated(_loop(program), inputs, torch.float64)
    module = compiled(program)
    arrays = [x.double().numpy() for x in inputs]
    assert real(flat(program), _loop(program), arrays).ok
    _compare(cases, _evaluated(module, inputs, torch.float64), truth, None)
    loop = _evaluated(_loop(program), inputs, torch.float32)
    _compare(cases, _evaluated(module, inputs, torch.float32), truth, loop)


def _compare(
    cases: list[Case], found: list[Tensor], truth: list[Tensor], loop: list[Tensor] | None
) -> None:
    """Each case by itself, beside the loop's worst row. A gradient is one row, and one that cancels
    to nothing is measured by a thousandth of the largest: a loop has no digits of it either."""
    for row, (label, factor) in enumerate(cases):
        ours, right = [x[row : row + 1] for x in found], [x[row : row + 1] for x in truth]
        steps = right if loop is None else [x[row : row + 1] for x in loop]
        assert all(bool(x.isfinite().all()) for x in ours), label
        if loop is None:
            ratio = compare(ours[0], right[0], FLOAT64).ratio
        else:
            share = loop_share(steps[0], right[0])
            ratio = compare_with_loop(ours[0], steps[0], right[0], share).ratio
            ratio *= LOOP_FACTOR / factor
        assert ratio <= 1, f"{label}: the output is off by {ratio:.3g} of the tolerance"
        largest = max(float(x.abs().max()) for x in right[1:])
        sizes = [max(float(y.abs().max()), largest / 1000) for y in right[1:]]
        allowed = FLOAT64
        if loop is not None:
            lost = max(_gap(s, y) / n for s, y, n in zip(steps[1:], right[1:], sizes, strict=True))
            allowed = factor * lost + LOOP_EPSILONS * torch.finfo(torch.float32).eps
        for i, (x, y, size) in enumerate(zip(ours[1:], right[1:], sizes, strict=True)):
            ratio = _gap(x, y) / (allowed * size)
            assert ratio <= 1, f"{label}: gradient {i} is off by {ratio:.3g} of the tolerance"


def _gap(x: Tensor, y: Tensor) -> float:
    return float((x.double() - y).abs().max())
