"""Does a later token change an earlier output? The reference is asked with other values of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from asiarch.codegen.reference import Reference
from asiarch.ir.node import Node


def leak(
    reference: Reference, inputs: Sequence[Node], streams: Sequence[Any], fresh: Sequence[Any]
) -> int | None:
    """The first token from which on other values change an output before it, in any bit.

    `streams` and `fresh`: one row `[1, time, ...]` of every input. All changes stand in one batch;
    rows of a batch may round otherwise, so what differs there is run alone before it counts.
    """
    time = next(s.shape[1] for s, leaf in zip(streams, inputs, strict=True) if leaf.type.stream)
    rows = [
        _rows(old, new, time) if leaf.type.stream else old
        for old, new, leaf in zip(streams, fresh, inputs, strict=True)
    ]
    with np.errstate(all="ignore"):
        together = reference.evaluate(rows)
        for token in range(1, time):
            if all(_same(y[:1], y[token : token + 1], token) for y in together):
                continue
            before = reference.evaluate(_row(rows, inputs, 0))
            after = reference.evaluate(_row(rows, inputs, token))
            if not all(_same(x, y, token) for x, y in zip(before, after, strict=True)):
                return token
    return None


def _rows(old: Any, new: Any, time: int) -> Any:
    """Row 0 as it is, row p with other values from token p on."""
    rows = np.repeat(old, time, axis=0)
    for token in range(1, time):
        rows[token, token:] = new[0, token:]
    return rows


def _row(rows: Sequence[Any], inputs: Sequence[Node], row: int) -> list[Any]:
    pairs = zip(rows, inputs, strict=True)
    return [x[row : row + 1] if leaf.type.stream else x for x, leaf in pairs]


def _same(x: Any, y: Any, token: int) -> bool:
    return np.array_equal(x[:, :token], y[:, :token], equal_nan=True)
