"""What a candidate does: outputs of the reference on a few fixed tokens, in float64.

Two programs that are alike here, and need the same parameters and state, are most likely one
function in spellings that `identity` does not know to be equal (`1 - sigmoid(x)`, `sigmoid(-x)`).
It is a suspicion and no proof: what differs after `TOKENS` tokens alone looks alike too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from asiarch.codegen.reference import Reference
from asiarch.interface import elaborate
from asiarch.ir.domains.cost import Costs
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function
from asiarch.search.identity import identify

TOKENS = 7
WIDTH = 64
USUAL = 2
"""The number of an axis of a header that has neither a default nor a given number."""
SCALE = 0.25
"""Of parameters: small enough that a map of 64 numbers saturates nothing."""
TOLERANCE = 1e-7


@dataclass(frozen=True, eq=False, slots=True)
class Fingerprint:
    """`needs`: numbers learnt and kept between tokens. `outputs`: `[time, D]`."""

    needs: tuple[str, ...]
    outputs: np.ndarray[tuple[int, ...], np.dtype[np.float64]]

    def alike(self, other: Fingerprint) -> bool:
        """Do they need the same, and give the same within rounding?"""
        if self.needs != other.needs or self.outputs.shape != other.outputs.shape:
            return False
        size = max(1.0, float(np.abs(np.nan_to_num(self.outputs)).max(initial=0)))
        gap = np.abs(self.outputs - other.outputs)
        finite = np.isfinite(self.outputs)
        if (finite != np.isfinite(other.outputs)).any():
            return False
        return bool((gap[finite] <= TOLERANCE * size).all())


def fingerprint(text: str, op: str, sizes: Mapping[str, int] | None = None) -> Fingerprint:
    """The fingerprint of a mixer that checks, at `D` = `WIDTH` and the sizes given. Parameters that
    a result depends on have fixed numbers, by shape and by their order among those of that shape.
    """
    given = dict(sizes or {}) | {"D": WIDTH}
    function = _at(text, op, given)
    live = set(identify(function, {}).live)
    flat = flatten(function)
    values, counts = (
        dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]](),
        dict[str, int](),
    )
    shapes: list[str] = []
    for param in flat.params:
        shape = tuple(int(flat.axes[a].integer or 0) for a in param.axes)
        key = f"{shape}"
        if param.path in live:
            shapes.append(key)
            counts[key] = counts.get(key, 0) + 1
        rng = np.random.default_rng([crc32(key.encode()), counts.get(key, 0)])
        values[param.path] = SCALE * rng.standard_normal(shape)
    x = np.random.default_rng(0).standard_normal((1, TOKENS, WIDTH))
    with np.errstate(all="ignore"):
        (outputs,) = Reference(flat, values).evaluate([x])
    needs = (str(Costs().summary(function).state), *sorted(shapes))
    return Fingerprint(needs, outputs[0])


def _at(text: str, op: str, given: Mapping[str, int]) -> Function:
    """The definition at those sizes; what else its header lacks is `USUAL`."""
    from asiarch.search.library import function_of

    header = function_of(text, op)
    numbers = {n: given.get(n, USUAL) for n in header.header
               if n in given or n not in header.defaults}  # fmt: skip
    return elaborate(text, op, numbers)
