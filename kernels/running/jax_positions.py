"""Positions in the document, counted on from a state."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..rows.jax import Rows


def positions(start: Any, rows: Rows, dtype: Any) -> tuple[Array, Array]:
    """t [B, time] of every token, and the positions that come next [B]."""
    start = jnp.zeros(rows.count, jnp.int32) if start is None else start
    t = rows.pos + jnp.where(rows.doc == 0, start[:, None], 0)
    return t.astype(dtype), t[:, -1] + 1 if rows.time else start
