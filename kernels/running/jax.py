"""Running reductions over the tokens so far, each document by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from ..rows.jax import Rows, with_trailing


def running(
    join: Callable[[Array, Array], Array], x: Array, start: Array, rows: Rows
) -> tuple[Array, Array]:
    """x [B, T, ...] joined over the past and, for a row's first document, `start` [B, ...]; also
    the last value.
    """
    if not rows.time:
        return x, start

    def after(early: Any, late: Any) -> Any:
        (f, x), (g, y) = early, late
        return f | g, jnp.where(with_trailing(g, y), y, join(x, y))

    if rows.packed:
        _, x = lax.associative_scan(after, (rows.begins, x), axis=1)
        first = with_trailing(rows.doc == 0, x)
        x = jnp.where(first, join(x, start[:, None]), x)
    else:
        x = join(lax.associative_scan(join, x, axis=1), start[:, None])
    return x, x[:, -1]
