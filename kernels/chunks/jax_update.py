"""The recurrence whose erase term has its own direction."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from .jax import Chunks
from .jax_solve import solve_chunks


def update_chunks(chunks: Chunks, terms: Any, v: Array, state: Any) -> tuple[Array, Array]:
    """S_t = D_t S_{t-1} + u_t y_t' + k_t v_t', y_t = R_t' w_t. In a chunk from S,

    (I - wu) Y = wk V + w S        O = qk V + qu Y + q S        S' = total S + k' V + u' Y
    """
    qk, qu, wk, wu = (chunks.scores(x) for x in terms[:4])
    q, w, k, u = (*map(chunks.reads, terms[4:6]), *map(chunks.writes, terms[6:8]))
    total, value = chunks.total(terms[8]), chunks.split(v)
    both = solve_chunks(-wu, jnp.concatenate([wk @ value, w], -1))
    x, w = both[..., : value.shape[-1]], both[..., value.shape[-1] :]
    added = k.mT @ value
    last, before = chunks.walk(
        lambda x, w, u, t, n, s: t * s + n + u @ (x + w @ s),
        *(state, added.shape[1:], x, w, u.mT, total, added),
    )
    return chunks.join(qk @ value + qu @ (x + w @ before) + q @ before, v), last
