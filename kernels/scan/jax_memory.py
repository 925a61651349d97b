"""States that attend to their own past: a loop over tokens in which what they said stays readable.

A memory has room for all tokens of a call from the start, so that the loop's shapes are fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from ..rows.jax import Rows


class Memory:
    """x [B, n, ...]: what tokens left of one stream, up to column `end`; `reach`: of how many
    tokens a state keeps it, None for all.
    """

    def __init__(self, x: Array, reach: int | None, end: Any = 0) -> None:
        self.x, self.reach, self.end = x, reach, end

    def after(self, token: Array) -> Memory:
        """With one token more."""
        token = token[:, None].astype(self.x.dtype)
        x = lax.dynamic_update_slice_in_dim(self.x, token, self.end, 1)
        return Memory(x, self.reach, self.end + 1)

    def kept(self) -> Memory:
        """What later tokens reach."""
        return self


class Token:
    """The row of one token, as the attention kernel asks for it."""

    time = 1

    def __init__(self, doc: Array) -> None:
        self.doc = doc


class Row:
    """One query of each row and the tokens of `memory`, as the attention kernel asks for them.

    place [B]: the query's position; now: is it itself the last of the memory? keep: which of the
    allowed keys stay.
    """

    def __init__(
        self, place: Array, memory: Memory, now: bool, keep: Callable[..., Array] | None = None
    ) -> None:
        self.size, self.width = 1, memory.x.shape[1]
        column = jnp.arange(self.width)
        self.t, self.keep, self.ahead, self.reach = place[:, None], keep, 0, 0
        self.j = place[:, None] + column - (memory.end - now)
        self.doc = jnp.broadcast_to(column >= memory.end, self.j.shape).astype(jnp.int32)
        self.rows, self.count = Token(jnp.zeros_like(self.t)), self.width - 1


def recall(
    cell: Callable[..., Any],
    given: tuple[Any, ...],
    start: tuple[Any, ...],
    streams: tuple[Array, ...],
    rows: Rows,
    fixed: bool = False,
) -> tuple[Any, Any]:
    """`cell(states, token) -> (states, outputs)` over time; streams [B, T, ...].

    given, start: as for `scan`; memories start empty. A document that begins anew counts its
    positions from 0, and what stands before them in a memory is none of its tokens. fixed: memories
    without bound keep their lengths; one that would lose a token of its document becomes NaN.
    """
    kind = jnp.result_type(*streams)
    reaches = [s.reach if isinstance(s, Memory) else -1 for s in start]
    begun: list[Array] = []
    for state, known in zip(start, given, strict=True):
        if isinstance(state, Memory):
            x = (state.x if known is None else known).astype(kind)
            begun.append(jnp.pad(x, ((0, 0), (0, rows.time), *((0, 0),) * (x.ndim - 2))))
        else:
            fresh = state.astype(kind) if _floating(state) else state
            begun.append(fresh if known is None else known.astype(fresh.dtype))
    held = [x.shape[1] - rows.time if r != -1 else 0 for x, r in zip(begun, reaches, strict=True)]

    def token(carry: Any, part: Any) -> Any:
        number, states = carry
        begins, streams = part
        now: list[Any] = []
        for x, reach, count, state in zip(states, reaches, held, start, strict=True):
            if reach != -1:
                now.append(Memory(x, reach, count + number))
            elif rows.packed:
                now.append(jnp.where(begins.reshape(-1, *(1,) * (x.ndim - 1)), state, x))
            else:
                now.append(x)
        after, outputs = cell(tuple(now), streams)
        left = [s.x if isinstance(s, Memory) else s for s in after]
        return (number + 1, tuple(y.astype(x.dtype) for y, x in zip(left, states, strict=True))), (
            outputs
        )

    swapped = tuple(x.swapaxes(0, 1) for x in streams)
    begins = rows.begins.T if rows.packed else None
    (_, last), seen = lax.scan(token, (0, tuple(begun)), (begins, swapped), length=rows.time)
    kept: list[Array] = []
    for x, reach, count in zip(last, reaches, held, strict=True):
        if reach is None and fixed:
            x = x[:, rows.time :]
            lost = last[-1] > count  # the last state counts the tokens
            x = jnp.where(lost.reshape(-1, *(1,) * (x.ndim - 1)), jnp.nan, x)
        elif reach not in (None, -1):
            x = x[:, x.shape[1] - reach :]
        kept.append(x)
    return tuple(x.swapaxes(0, 1) for x in seen), tuple(kept)


def _floating(x: Array) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating)
