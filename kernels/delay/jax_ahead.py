"""Later tokens: inside each document, and inside what a call is given."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from ..rows.jax import Rows, with_trailing


def ahead(x: Array, steps: int, rows: Rows) -> Array:
    """x[t + steps] of x [B, T, ...], 0 behind the document's last token."""

    def moved(y: Array, fill: int) -> Array:
        sides = (0, 0), (0, min(steps, rows.time)), *((0, 0),) * (y.ndim - 2)
        return jnp.pad(y[:, steps:], sides, constant_values=fill)

    return jnp.where(with_trailing(moved(rows.doc, -1) == rows.doc, x), moved(x, 0), 0)
