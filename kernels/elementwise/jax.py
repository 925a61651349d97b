"""A decay for every entry of an outer-product state: S_t = A_t * S_{t-1} + k_t v_t'."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from ..chunks.jax import Chunks
from ..rows.jax import Rows
from .jax_scan import begun_anew, scanned

READ_PRE = False


def elementwise(
    q: Array,
    k: Array,
    v: Array,
    a: Array,
    state: Any,
    rows: Rows,
    chunk: int = 64,
    start: Any = None,
) -> tuple[Array, Array]:
    """q, k [B, T, H, K]; v [B, T, H, V]; a [B, T, H, K, V]; state [B, H, K, V] or None.

    States are made for one chunk at a time, and made again for the gradient.
    """
    chunks, x = Chunks(rows, chunk), v
    q, k, v, a = chunks.split(q), chunks.split(k), chunks.split(v), chunks.split(a, 1.0)
    first = start
    if start is None:
        first = jnp.zeros((*k.shape[1:3], k.shape[-1], v.shape[-1]), v.dtype)
    begins = None
    if rows.packed:
        begins = chunks.split(rows.begins[..., None])[..., 0, :] > 0

    @jax.checkpoint
    def one(state: Array, part: Any) -> Any:
        q, k, v, a, begins = part
        entry = k[..., :, None] * v[..., None, :]
        begins = None if begins is None else begins[:, None]
        initial = None if start is None else start[:, :, None]
        steps, products = scanned(*begun_anew(a, entry, begins, initial), axis=2)
        states = steps + products * state[:, :, None]
        seen = states
        if READ_PRE:
            seen = jnp.concatenate([state[:, :, None], states[:, :, :-1]], 2)
            if begins is not None:
                fresh = begins.reshape(*begins.shape, 1, 1)
                seen = jnp.where(fresh, first[:, :, None], seen)
        return states[:, :, -1], (q[..., None, :] @ seen)[..., 0, :]

    state = first if state is None else state
    last, o = lax.scan(one, state.astype(v.dtype), (q, k, v, a, begins))
    return chunks.join(o, x), last
