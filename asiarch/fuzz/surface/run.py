"""One definition of a text, run on streams."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from asiarch.fuzz.surface.body import results_of
from asiarch.fuzz.surface.calls import listed
from asiarch.fuzz.surface.files import Files
from asiarch.fuzz.surface.frame import Frame, Run
from asiarch.fuzz.surface.static import number
from asiarch.fuzz.surface.value import Axes, Thunk, Value
from asiarch.language import ast
from asiarch.language.parser import parse

DEEP = 20_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """Results `[batch, time, *axes]`; `loss` is the sum of the losses, each a mean.

    None where a called definition has a loss: it counts where the call's results are read.
    """

    results: list[Any]
    loss: float | None


def run(
    text: str,
    op: str,
    sizes: Mapping[str, int],
    parameters: Mapping[str, Any],
    streams: Sequence[Any],
    file: str = "",
) -> Outcome:
    """Parameters by path, streams `[batch, time, *axes]` (ids of tokens `[batch, time]`)."""
    program = parse(text, file).program
    definition = next(d for d in program.definitions if d.name.id == op)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, DEEP))
    arrays = [np.asarray(s) for s in streams]
    kinds = [mode for _, mode, _ in _inputs(definition)]
    first = next(a for a, mode in zip(arrays, kinds, strict=True) if mode != "Tensor")
    try:
        with np.errstate(all="ignore"):
            rows = [_row(definition, Files(file, program), file, sizes, parameters,
                         [a if mode == "Tensor" else a[b]
                          for a, mode in zip(arrays, kinds, strict=True)], first.shape[1])
                    for b in range(first.shape[0])]  # fmt: skip
    finally:
        sys.setrecursionlimit(limit)
    outputs = [np.stack(x) for x in zip(*(r for r, _ in rows), strict=True)]
    losses = [x for _, x in rows if x is not None]
    return Outcome(outputs, float(np.mean(losses)) if losses else None)


def _row(
    definition: ast.Definition, files: Files, file: str, sizes: Mapping[str, int],
    parameters: Mapping[str, Any], streams: list[Any], time: int,
) -> tuple[list[Any], float | None]:  # fmt: skip
    """Results and loss of one row of the batch."""
    f = Frame(Run(files, time, parameters), file, "")
    f.numbers = {k: Fraction(v) for k, v in sizes.items()}
    for entry in definition.header:
        if entry.name.id not in f.numbers and entry.default is not None:
            f.numbers[entry.name.id] = number(f, entry.default)
    f.extents = {k: int(v) for k, v in f.numbers.items()}
    for (name, mode, entries), array in zip(_inputs(definition), streams, strict=True):
        axes = listed(f, entries)
        f.names[name] = _tensor(axes, array) if mode == "Tensor" else _stream(axes, array)
    found = results_of(f, definition)
    results = [np.stack([x(t, t).data for t in range(time)]) for x in found]
    losses = [float(np.mean([x(t, t).data for t in range(time)])) for x in f.run.losses]
    return results, None if f.run.more else sum(losses)


def _inputs(definition: ast.Definition) -> list[tuple[str, str, tuple[ast.Name | ast.Spread, ...]]]:
    """Name, mode and axes of every input."""
    if definition.kind == "model":
        return [("tokens", "Token", ())]
    return [(x.name.id, x.type.name.id, x.type.axes or ()) for x in definition.formals if x.type]


def _stream(axes: Axes, array: Any) -> Thunk:
    """An input; nowhere it is 0."""
    blank = Value(axes, np.zeros(array.shape[1:], array.dtype))
    return lambda t, j: Value(axes, array[t]) if t >= 0 else blank


def _tensor(axes: Axes, array: Any) -> Thunk:
    return lambda t, j: Value(axes, array)
