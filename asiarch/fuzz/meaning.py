"""Laws of the front end: another spelling, and calls that are run, give the same numbers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from asiarch.codegen.reference import Reference
from asiarch.fuzz.nested import Nested, NotNested
from asiarch.fuzz.respell import respelled
from asiarch.interface import elaborate
from asiarch.ir.domains.float64 import Float64
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function
from asiarch.ir.interpreter import run
from asiarch.language.diagnostics import SpecError

SPELLINGS = 3
CLOSE = 1e-9


def by_calls(concrete: Function, flat: Function, params: Any, streams: list[Any]) -> str | None:
    """Running calls and layers gives what the flat graph gives. Raises NotNested."""
    batch, time = streams[0].shape[:2]
    domain = Nested(Float64(), concrete, params, batch, time)
    with np.errstate(all="ignore"):
        frame = run(concrete, domain, streams)
        found = [domain.full(o.type, frame.values[o]) for o in concrete.outputs]
        expected = Reference(flat, params).evaluate(streams)
    return "calls that are run give other numbers" if apart(found, expected) else None


def other_spellings(
    text: str, op: str, sizes: Mapping[str, int], flat: Function, params: Any, streams: list[Any],
    seed: int,
) -> tuple[str | None, float]:  # fmt: skip
    """Texts that mean the same give the same numbers; what is wrong, and by how much."""
    rng = random.Random(seed)
    with np.errstate(all="ignore"):
        expected = Reference(flat, params).evaluate(streams)
        for _ in range(SPELLINGS):
            spelled = respelled(text, rng)
            try:
                other = flatten(elaborate(spelled, op, sizes))
            except SpecError:  # a form that does not fit there, such as an outer product
                continue
            if sorted(p.path for p in other.params) != sorted(params):
                continue
            difference = apart(Reference(other, params).evaluate(streams), expected)
            if difference:
                return f"another spelling gives other numbers:\n{spelled}", difference
    return None, 0.0


def apart(found: list[Any], expected: list[Any]) -> float:
    """The largest difference beyond rounding, 0 without one; not where a number overflows."""
    worst = 0.0
    for x, y in zip(found, expected, strict=True):
        known = np.isfinite(y)
        scale = 1 + np.abs(y[known]).max(initial=0.0)
        gap = np.nan_to_num(np.abs(x[known] - y[known]), nan=np.inf)
        largest = float(gap.max(initial=0.0))
        if largest > CLOSE * scale:
            worst = max(worst, largest)
    return worst


__all__ = ["NotNested", "apart", "by_calls", "other_spellings"]
