"""Does rounding alone explain how far two forms of a program are apart? The reference says.

It is run again on inputs and parameters that are rounded otherwise, and with every step of its own
off by a rounding. A difference that is many times what these move the reference by is no rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from asiarch.codegen.reference import Reference
from asiarch.ir.domains.noisy import Noisy
from asiarch.ir.function import Function
from asiarch.ir.node import topological
from asiarch.ir.primitive import lookup

MANY = 30.0
"""How many times what rounded inputs move the reference by is no rounding any more."""
LOOP_FACTOR = 16.0
"""The same for its own steps: what the law `float32` allows beside one run of the loop
(`asiarch.laws.tolerances`, which needs torch), here beside the worst of some."""
TRIES = 8


def explains(
    flat: Function,
    params: Mapping[str, Any],
    streams: Sequence[Any],
    difference: float,
    size: float,
    token: int | None = None,
    output: int | None = None,
    *,
    steps: bool = True,
    seed: int = 0,
) -> bool:
    """Is `difference`, at this token of this output or anywhere, rounding? Yes within `MANY` of
    what roundings of relative size `size` of the inputs do to the reference, or, with `steps`,
    within the loop's factor of what those of its own steps do.
    """
    flat = flat if output is None else replace(flat, outputs=flat.outputs[output : output + 1])
    with np.errstate(all="ignore"):
        allowed = MANY * _by_inputs(flat, params, streams, size, np.random.default_rng(seed))
        if steps:
            allowed = np.maximum(
                allowed, LOOP_FACTOR * _by_steps(flat, params, streams, size, seed)
            )
    return bool(difference <= (allowed.max(initial=0.0) if token is None else allowed[token]))


def keeping(flat: Function) -> Function:
    """The same program with what a module keeps for later tokens as its outputs: states after a
    token, and what operators over time read. Rounding may decide these and no output.
    """
    kept = [state.update for state in flat.states]
    for node in topological(flat.roots()):
        if node.args and (node.op == "attend" or lookup(node.op).kind == "time"):
            kept += [node, *node.args]
    streams = [node for node in dict.fromkeys(kept) if node.type.mode == "seq"]
    return replace(flat, outputs=tuple(streams))


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


def _by_steps(
    flat: Function, params: Mapping[str, Any], streams: Sequence[Any], size: float, seed: int
) -> Any:
    """The largest move of any output at each token when every step is off by a rounding."""
    before = Reference(flat, dict(params)).evaluate(list(streams))
    moved = np.zeros(streams[0].shape[1])
    for n in range(TRIES):
        after = Reference(flat, dict(params), Noisy(size, seed + n)).evaluate(list(streams))
        moved = np.maximum(moved, _apart(before, after))
    return moved


def _apart(before: Sequence[Any], after: Sequence[Any]) -> Any:
    with np.errstate(invalid="ignore"):  # infinity from infinity is no number
        gaps = [np.abs(x - np.asarray(y, np.float64)) for x, y in zip(before, after, strict=True)]
    tokens = [np.nan_to_num(g, nan=0.0).swapaxes(0, 1).reshape(g.shape[1], -1) for g in gaps]
    return np.max([t.max(1, initial=0.0) for t in tokens], axis=0)


def _jittered(x: Any, size: float, rng: Any) -> Any:
    array = np.asarray(x)
    if array.dtype.kind != "f":
        return array
    return array * (1 + size * rng.standard_normal(array.shape))
