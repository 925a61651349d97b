"""The law of slopes: dual numbers in float64 equal the difference quotient of the reference.

It judges derivatives of rules, where a program is smooth at the point; drawn programs have kinks
and long recurrences, so it is none of the checks that every program must pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asiarch.codegen.reference import Reference
from asiarch.fuzz.checks import Case, NotJudged, law
from asiarch.ir.domains.dual import Dual, Pair
from asiarch.ir.domains.float64 import Float64

TIME = 5
STEP = 1e-6
CLOSE = 1e-6


@law("slope")
def slope(case: Case) -> str | None:
    """Along a random direction of all inputs, away from 0."""
    if any(leaf.type.mode == "token" for leaf in case.flat.inputs):
        raise NotJudged("tokens have no direction")
    rng = np.random.default_rng(case.seed)
    point: list[Any] = [rng.uniform(0.5, 1.5, s.shape) for s in case.streams(1, TIME)]
    way: list[Any] = [rng.standard_normal(p.shape) for p in point]
    params: dict[str, Any] = {path: Pair(v, np.zeros_like(v)) for path, v in case.params.items()}
    pairs: list[Any] = [Pair(x, d) for x, d in zip(point, way, strict=True)]
    with np.errstate(all="ignore"):
        found = Reference(case.flat, params, Dual(Float64())).evaluate(pairs)
        ends = [_moved(case, point, way, step) for step in (STEP, -STEP)]
    for dual, after, before in zip(found, *ends, strict=True):
        quotient: Any = (after - before) / (2 * STEP)
        gap: float = np.abs(dual.tangent - quotient).max(initial=0.0)
        if not gap <= CLOSE * max(np.abs(quotient).max(initial=0.0), 1.0):
            return f"dual numbers differ from the difference quotient by {gap:.3g}"
    return None


def _moved(case: Case, point: list[Any], way: list[Any], step: float) -> list[Any]:
    moved = [x + step * d for x, d in zip(point, way, strict=True)]
    return Reference(case.flat, case.params).evaluate(moved)
