"""Each primitive by itself: its derivative against differences, its exact meaning against the
operators that the torch backend prints for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import asiarch
from asiarch.codegen.parameters import initial_values
from asiarch.codegen.reference import Reference
from asiarch.interface import elaborate
from asiarch.ir import primitive
from asiarch.ir.domains.dual import Dual, Pair
from asiarch.ir.domains.float64 import Float64
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function
from asiarch.ir.primitive import registry
from asiarch.laws.program import exact

HEAD = "op probe[A, B, P = 2, Q = B / 2](x: Seq[A, B], y: Seq[A, B])"
SIZES = {"A": 3, "B": 4}
TIME = 7

VALUES = {
    "and": "select(x < 1 and y < 1, x, y)",
    "or": "select(x < 1 or y < 1, x, y)",
    "not": "select(not (x < y), x, y)",
    "less": "select(x < y, x, y)",
    "less_equal": "select(x <= y, x, y)",
    "equal": "select(x == y, x, y)",
    "not_equal": "select(x != y, x, y)",
    "select": "select(x < 1, x * y, y)",
    "maximum": "max(x, y)",
    "minimum": "min(x, y)",
    "amax": "max[B](x * y)",
    "amin": "min[B](x * y)",
    "pow": "x ^ 2 + 3 ^ y + x ^ (-1)",
    "mod": "x * (t % 3) + 2 ^ ((t + 1) % 4) * y",
    "clamp": "clamp(x, 0.8, y)",
    "const": "x",
    "contract": "dot[B](x, y)",
    "cumsum": "cumsum[B](x) * y",
    "cumulative": "cumsum[time](x * y)",
    "cummax": "cummax[time](x)",
    "logcumsumexp": "logcumsumexp[time](x)",
    "delay": "x[t-2] * y + x[t-1]",
    "window": "sum[three](window[three = 3](x)) * y",
    "expand": "expand[P](x) * y",
    "index": "x * index[B]() + y",
    "linear": "linear[A, B -> Q](x)",
    "mean": "mean[B](x * y)",
    "merge": "merge[A, B -> C](x * y)",
    "order": "x * y",
    "pick": "stack[P](x, y)[P = 1] * x",
    "rename": "rename[B -> C](x * y)",
    "softmax": "softmax[B](x) * y",
    "split": "sum[P](split[B -> P, Q](x * y))",
    "stack": "stack[P](x, y * y)",
    "sum": "sum[B](x * y)",
    "topk": "topk[B, 2](x) * y",
    "step": "step(x - 1) * y",
    "zeros": "x + zeros[B]()",
    "attend": "attend j where j <= t { score: x[t] @ y[j]  value: x[j] }",
    "dropout": "dropout[0.5](x) * y",
    "anneal": "anneal(x * y, y, 100) * x + anneal(2, 3, 4)",
}
"""Where a primitive's call is not its name applied to its operands."""

RESULTS = {
    "amax": "A", "amin": "A", "contract": "A", "expand": "P, A, B", "linear": "Q", "mean": "A",
    "merge": "C", "rename": "A, C", "split": "A, Q", "stack": "P, A, B", "sum": "A",
}  # fmt: skip

NO_VALUE = {
    "branch": "decided before there is a flat function",
    "call": "inlined",
    "loop": "unrolled",
    "result": "a result of a call",
    "draw": "initial values only",
    "normal": "initial values only",
    "uniform": "initial values only",
    "gather": "reads a table by a token: in the models",
    "whole": "no backend runs it",
    "fft": "no backend runs it",
}
NOT_IN_THE_RING = {
    "dropout": "drawn anew",
    "logcumsumexp": "printed with logaddexp, and exp does not undo the log of a sum in the ring",
}


def _value(name: str) -> str:
    if name in VALUES:
        return VALUES[name]
    one = registry()[name]
    if one.symbol and len(one.derivative) == 2:
        return f"x {one.symbol} y"
    return f"{name}(x) * y"


def _program(name: str) -> str:
    header = HEAD.replace("Q = B / 2", "Q = B / 2, three = 3")
    if name in ("merge", "rename"):
        header = header.replace("three = 3", "C = " + ("A * B" if name == "merge" else "B"))
    return f"{header} -> Seq[{RESULTS.get(name, 'A, B')}] {{ return {_value(name)} }}"


NAMES = sorted(n for n in registry() if n not in NO_VALUE)


def _flat(name: str) -> Function:
    return flatten(elaborate(_program(name), "probe", SIZES))


def test_every_primitive_is_here() -> None:
    assert set(NO_VALUE) <= set(registry())
    missing = [n for n in NAMES if n not in VALUES and registry()[n].kind != "pointwise"]
    assert not missing, f"say how to call {missing}"


def _differ(name: str) -> float:
    """The worst relative difference between dual numbers and central differences."""
    function, rng = _flat(name), np.random.default_rng(0)
    values = initial_values(function, 0)
    shape = (1, TIME, SIZES["A"], SIZES["B"])
    point = [rng.uniform(0.5, 1.5, shape) for _ in range(2)]
    way = [rng.standard_normal(shape) for _ in range(2)]
    params = {path: Pair(v, np.zeros_like(v)) for path, v in values.items()}
    pairs = [Pair(x, d) for x, d in zip(point, way, strict=True)]
    (dual,) = Reference(function, params, Dual(Float64())).evaluate(pairs)
    step = 1e-6
    ends = [
        Reference(function, values).evaluate([x + s * d for x, d in zip(point, way, strict=True)])
        for s in (step, -step)
    ]
    slope = (ends[0][0] - ends[1][0]) / (2 * step)
    return float(np.abs(dual.tangent - slope).max() / max(np.abs(slope).max(), 1e-3))


@pytest.mark.parametrize("name", NAMES)
def test_derivative_agrees_with_differences(name: str) -> None:
    assert _differ(name) < 1e-7


@pytest.mark.parametrize("name", [n for n in NAMES if n not in NOT_IN_THE_RING])
def test_ring_agrees_with_the_printed_operators(name: str) -> None:
    module = asiarch.compile(_program(name), "probe", SIZES)
    for seed in range(3):
        verdict = exact(_flat(name), module, batch=1, time=5, seed=seed)
        assert verdict.ok, str(verdict)


@pytest.mark.parametrize("name", ["sigmoid", "mul", "softmax"])
def test_a_wrong_derivative_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = registry()[name]

    def wrong(*given: Any) -> Any:
        return given[0].mul(given[0].number(1.01), right.derivative[0](*given))

    changed = {**registry(), name: replace(right, derivative=(wrong, *right.derivative[1:]))}
    monkeypatch.setattr(primitive, "registry", lambda: changed)
    assert _differ(name) > 1e-3


def test_a_wrong_spelling_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = registry()["tanh"]
    changed = {**registry(), "tanh": replace(right, spelling={"torch": "torch.sigmoid({0})"})}
    monkeypatch.setattr(primitive, "registry", lambda: changed)
    module = asiarch.compile(_program("tanh"), "probe", SIZES)
    assert not exact(_flat("tanh"), module, batch=1, time=5).ok
