"""States of the max-plus algebra: what is one, hard data, gradients, faults that are found."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from asiarch import laws
from asiarch.interface import load_source
from asiarch.ir.recurrence import recurrences
from asiarch.laws.program import exact, real, single
from asiarch.laws.streams import LOG_GATES

from .programs import Program, compiled, flat, inputs, of, streams

BOTH = """
op both[D, E](f: Seq[D], i: Seq[D, E]) -> Seq[D, E], Seq[D, E] where causal {
  state m[D, E] = 0.5
  m = max(expand[E](f) + m[t-1], i)
  return m, m[t-1]
}
"""
CORES = [
    of("xlstm", "mlstm_core", H=2, K=3, V=5),
    of("rwkv4", "wkv4_core", D=3),
    Program("both", {"D": 2, "E": 3}, BOTH),
]
ALL = pytest.mark.parametrize("program", CORES, ids=str)


def _class_of(line: str) -> str:
    text = f"op f[D](x: Seq[D], y: Seq[D]) -> Seq[D] {{\n  state m[D]\n  {line}\n  return m\n}}"
    (found,) = recurrences(flat(Program("f", {"D": 3}, text)))
    return found.cls


@pytest.mark.parametrize(("line", "cls"), [
    ("m = max(m[t-1], x)", "max-plus"),
    ("m = max(x, m[t-1] - 0.5)", "max-plus"),
    ("m = max(max(y, x + m[t-1] - y * y), 0)", "max-plus"),
    ("m = max(m[t-1] + x, m[t-1] + y)", "nonlinear"),
    ("m = max(0.5 * m[t-1], x)", "nonlinear"),
    ("m = max(m[t-1], x) + y", "nonlinear"),
    ("m = min(m[t-1], x)", "nonlinear"),
    ("m = m[t-1] + max(x, y)", "identity"),
])  # fmt: skip
def test_what_is_one(line: str, cls: str) -> None:
    assert _class_of(line) == cls


@ALL
@pytest.mark.parametrize("chunk", [1, 8, 64])
def test_exact(program: Program, chunk: int) -> None:
    verdict = exact(flat(program), compiled(program, chunk), time=70)
    assert verdict.ok, str(verdict)


def _rows(kind: str, time: int) -> dict[str, Tensor]:
    """i and f [rows, time, 2] that a stabiliser is there for."""
    generator = torch.Generator().manual_seed(3)
    i, f = (torch.randn(3, time, 2, generator=generator) for _ in "if")
    match kind:
        case "gates":
            f = torch.tensor(LOG_GATES)[torch.randint(len(LOG_GATES), f.shape, generator=generator)]
        case "large":
            i = i * 1e4
        case "open":
            f = f + 30
        case "tied":
            i, f = torch.zeros_like(i), torch.full_like(f, 60.0)
        case _:
            i = torch.nn.functional.logsigmoid(f).cumsum(1)
    return {"i": i, "f": f}


@pytest.mark.parametrize("kind", ["gates", "large", "open", "tied", "all sides agree"])
def test_hard_data(kind: str) -> None:
    program = CORES[0]
    given = [torch.as_tensor(x) for x in streams(program, 3, 150)]
    rows = _rows(kind, 150)
    names = flat(program).input_names
    data = [rows.get(n, x).double().numpy() for n, x in zip(names, given, strict=True)]
    for oracle in (real, single):
        verdict = oracle(flat(program), compiled(program), data)
        assert verdict.ok, str(verdict)
    floats = [torch.as_tensor(x).float() for x in data]
    report = laws.check(compiled(program, 16), floats, chunk=16)
    assert report.ok, str(report)


def test_whole_numbers_have_the_loops_bits() -> None:
    """There floats are max-plus itself, ties and all."""
    module = compiled(CORES[2]).double()
    f, i = (torch.randint(-5, 5, s).double() for s in ((2, 300, 2), (2, 300, 2, 3)))
    after, before = module(f, i)
    for ours, truth in zip((after, before), _loop(module, f, i), strict=True):
        assert torch.equal(ours, truth)


def _loop(module: Any, f: Tensor, i: Tensor) -> tuple[Tensor, Tensor]:
    """The recurrence as it is written."""
    states = [torch.full_like(i[:, 0], 0.5)]
    for t in range(f.shape[1]):
        states.append(torch.maximum(f[:, t, :, None] + states[-1], i[:, t]))
    return torch.stack(states[1:], 1), torch.stack(states[:-1], 1)


@pytest.mark.parametrize("oracle", ["ring", "float64", "float32"])
def test_gradients(oracle: Any) -> None:
    program = CORES[2]
    verdict = laws.parallel_equals_recurrent(compiled(program), _loop, inputs(program, 70), oracle)
    assert verdict.ok, str(verdict)


@pytest.mark.parametrize(("right", "wrong"), [
    ("settled = a + before > b", "settled = goes"),
    ("settled = a + before > b", "settled = a + after > b"),
    ("torch.where(goes, a, b)", "torch.maximum(a, b)"),
    ("torch.cat([zero, after], 1) + torch.cat([before, zero], 1)", "torch.cat([zero, after], 1)"),
    ("chunks.join(states[:, :-1], x), last", "chunks.join(states[:, :-1], x), 0 * last"),
])  # fmt: skip
def test_planted_faults_are_found(right: str, wrong: str) -> None:
    """Sides that are not asked again, or of another state; gradients and states that are lost."""
    program = CORES[2]
    module: Any = compiled(program, 8)
    assert right in module.emitted_source
    source = module.emitted_source.replace(right, wrong)
    if wrong.endswith("after > b"):  # it need not end
        source = source.replace("while True:", "for _ in range(40):")
    faulty = load_source(source, type(module).__name__)
    found = exact(flat(program), faulty, time=40)
    report = laws.check(faulty, inputs(program, 40), chunk=8)
    assert not (found.ok and report.ok)


def test_a_poor_guess_gives_the_same_bits() -> None:
    program = CORES[2]
    module: Any = compiled(program, 8)
    right = "goes = a + maxplus_guess(chunks, a, b, state) > b"
    assert right in module.emitted_source
    source = module.emitted_source.replace(right, "goes = a > b")
    given = inputs(program, 100)
    other = load_source(source, type(module).__name__)
    for x, y in zip(other(*given), compiled(program, 8)(*given), strict=True):
        assert torch.equal(x, y)
