"""Does rounding alone explain how far two forms of a program are apart? The reference says.

It is run again on inputs and parameters that are rounded otherwise, and with every step of its own
in float32. A difference that is many times what these move the reference by is no rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from asiarch.codegen.reference import Reference
from asiarch.ir.domains.float32 import Float32
from asiarch.ir.function import Function

MANY = 30.0
"""How many times what the reference moves by is no rounding any more."""
TRIES = 8
EPSILON32 = float(np.finfo(np.float32).eps)


def explains(
    flat: Function,
    params: Mapping[str, Any],
    streams: Sequence[Any],
    difference: float,
    size: float,
    token: int | None = None,
    *,
    steps: bool = True,
    seed: int = 0,
) -> bool:
    """Is `difference`, at this token or anywhere, within `MANY` of what roundings of relative size
    `size` do to the reference? `steps`: those of its own steps count too.
    """
    with np.errstate(all="ignore"):
        moved = _by_inputs(flat, params, streams, size, np.random.default_rng(seed))
        if steps:
            moved = np.maximum(moved, _by_steps(flat, params, streams) * size / EPSILON32)
    most = moved.max(initial=0.0) if token is None else moved[token]
    return bool(difference <= MANY * most)


def _by_inputs(
    flat: Function, params: Mapping[str, Any], streams: Sequence[Any], size: float, rng: Any
) -> Any:
    """The largest move of any output at each token."""
    before = Reference(flat, dict(params)).evaluate(list(streams))
    moved = np.zeros(streams[0].shape[1])
    for _ in range(TRIES):
        other = {k: _jittered(v, size, rng) for k, v in params.items()}
        after = Reference(flat, other).evaluate([_jittered(s, size, rng) for s in streams])
        moved = np.maximum(moved, _apart(before, after))
    return moved


def _by_steps(flat: Function, params: Mapping[str, Any], streams: Sequence[Any]) -> Any:
    """How far a float32 loop is from the float64 loop on the same float32 numbers."""
    low = {k: _low(v) for k, v in params.items()}
    given = [_low(s) for s in streams]
    wide = {k: v.astype(np.float64) for k, v in low.items()}
    truth = [s.astype(np.float64) if s.dtype == np.float32 else s for s in given]
    return _apart(
        Reference(flat, wide).evaluate(truth), Reference(flat, low, Float32()).evaluate(given)
    )


def _apart(before: Sequence[Any], after: Sequence[Any]) -> Any:
    with np.errstate(invalid="ignore"):  # infinity from infinity is no number
        gaps = [np.abs(x - np.asarray(y, np.float64)) for x, y in zip(before, after, strict=True)]
    tokens = [np.nan_to_num(g, nan=0.0).swapaxes(0, 1).reshape(g.shape[1], -1) for g in gaps]
    return np.max([t.max(1, initial=0.0) for t in tokens], axis=0)


def _low(x: Any) -> Any:
    array = np.asarray(x)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _jittered(x: Any, size: float, rng: Any) -> Any:
    array = np.asarray(x)
    if array.dtype.kind != "f":
        return array
    return array * (1 + size * rng.standard_normal(array.shape))
