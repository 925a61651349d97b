"""States that are not affine: one step after the other, documents apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from ..rows.jax import Rows

States = tuple[Array, ...]


def scan(
    cell: Callable[[States, States], Any],
    given: tuple[Any, ...],
    start: States,
    streams: States,
    rows: Rows,
) -> tuple[States, States]:
    """`cell(states, token) -> (states, outputs)` over time; streams [B, T, ...].

    given [B, ...]: the states of the rows, None for `start`, with which documents begin.
    """
    kinds = [jnp.result_type(s, *streams) if _real(s) else s.dtype for s in start]
    fresh = tuple(s.astype(d) for s, d in zip(start, kinds, strict=True))
    begun = tuple(f if g is None else g.astype(f.dtype) for g, f in zip(given, fresh, strict=True))

    def token(state: States, part: Any) -> Any:
        begins, streams = part
        if rows.packed:
            state = tuple(
                jnp.where(begins.reshape(-1, *(1,) * (s.ndim - 1)), f, s)
                for s, f in zip(state, fresh, strict=True)
            )
        after, outputs = cell(state, streams)
        return tuple(n.astype(s.dtype) for n, s in zip(after, state, strict=True)), outputs

    swapped = tuple(x.swapaxes(0, 1) for x in streams)
    begins = rows.begins.T if rows.packed else None
    last, seen = lax.scan(token, begun, (begins, swapped), length=rows.time)
    return tuple(x.swapaxes(0, 1) for x in seen), last


def _real(x: Array) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating)
