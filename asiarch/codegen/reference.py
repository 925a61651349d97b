"""The token loop as a module: numpy float64 in, numpy float64 out. It is the meaning of a program.

Its decode state is the whole prefix of the inputs, so streaming is right by definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from asiarch.ir.domains.arrays import Arrays
from asiarch.ir.domains.float64 import Float64
from asiarch.ir.function import Function
from asiarch.ir.interpreter import run


class Reference:
    """`forward(*streams)` like the torch module's, on arrays `[batch, time, *axes]`."""

    def __init__(
        self, function: Function, params: dict[str, Any], algebra: Any | None = None
    ) -> None:
        self.function, self.params = function, params
        self.algebra = algebra if algebra is not None else Float64()

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.params

    def __call__(self, *streams: Any, **more: Any) -> Any:
        return self.forward(*streams, **more)

    def forward(
        self,
        *streams: Any,
        state: dict[str, Any] | None = None,
        cu_seqlens: Any | None = None,
        return_state: bool = False,
    ) -> Any:
        """Streams `[batch, time, *axes]` in order; packed rows `[1, total, ...]`, `cu_seqlens`."""
        arrays = [self._encode(s, i) for i, s in enumerate(streams)]
        if cu_seqlens is not None:
            outputs, after = self._packed(arrays, [int(c) for c in cu_seqlens], state)
        else:
            outputs, after = self._rows(arrays, state)
        result = outputs[0] if len(outputs) == 1 else tuple(outputs)
        return (result, after) if return_state else result

    def _encode(self, stream: Any, index: int) -> Any:
        kind = self.function.inputs[index].type
        if kind.mode == "token":
            return np.asarray(stream, np.int64)
        return stream if not isinstance(self.algebra, Float64) else np.asarray(stream, np.float64)

    def _rows(
        self, arrays: list[Any], state: dict[str, Any] | None
    ) -> tuple[list[Any], dict[str, Any]]:
        full, skip = arrays, 0
        if state is not None:
            full, skip = [], state["streams"][0].shape[1]
            for old, new, leaf in zip(state["streams"], arrays, self.function.inputs, strict=True):
                full.append(np.concatenate([old, new], axis=1) if leaf.type.stream else new)
        outputs = [o[:, skip:] for o in self.evaluate(full)]
        return outputs, {"streams": full}

    def _packed(
        self, arrays: list[Any], cuts: list[int], state: dict[str, Any] | None
    ) -> tuple[list[Any], dict[str, Any]]:
        parts: list[list[Any]] = []
        states: list[Any] = []
        for n, (start, end) in enumerate(pairwise(cuts)):
            row = [a[:, start:end] if k.type.stream else a
                   for a, k in zip(arrays, self.function.inputs, strict=True)]  # fmt: skip
            outputs, after = self._rows(row, None if state is None else state["documents"][n])
            parts.append(outputs)
            states.append(after)
        joined = [np.concatenate(p, axis=1) for p in zip(*parts, strict=True)]
        return joined, {"documents": states}

    def evaluate(self, arrays: list[Any]) -> list[Any]:
        """Outputs for whole rows, both leading axes at full length."""
        frame = self.frame(arrays)
        domain = frame.domain
        return [domain.full(o.type, frame.values[o]) for o in self.function.outputs]

    def frame(self, arrays: list[Any]) -> Any:
        """A run with every node's value."""
        lead = next(
            (a for a, k in zip(arrays, self.function.inputs, strict=True) if k.type.stream), None
        )
        shape = _shape(lead) if lead is not None else (1, 1)
        domain = Arrays(self.algebra, self.function, self.params, shape[0], shape[1])
        return run(self.function, domain, arrays)

    # -- decoding --------------------------------------------------------------------------------

    def initial_state(self, batch: int) -> dict[str, Any]:
        streams: list[Any] = []
        for leaf in self.function.inputs:
            sizes = [int(self.function.axes[a].integer or 0) for a in leaf.type.axes]
            kind = np.int64 if leaf.type.mode == "token" else np.float64
            streams.append(np.zeros((batch, 0, *sizes), kind))
        return {"streams": streams}

    def step(self, *streams: Any, state: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """One token: streams without their time axis."""
        arrays = [np.asarray(s)[:, None] for s in streams]
        result, after = self.forward(*arrays, state=state, return_state=True)
        if len(self.function.outputs) > 1:
            return tuple(r[:, 0] for r in result), after
        return result[:, 0], after


def _shape(x: Any) -> tuple[int, ...]:
    value = getattr(x, "value", x)
    return value.shape[:2]
