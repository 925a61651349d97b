"""The recurrence with several rows for each token and a matrix for the decay."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from .jax import Chunks
from .jax_solve import solve_chunks


def mixed_chunks(chunks: Chunks, terms: Any, v: Array, state: Any) -> tuple[Array, Array]:
    """Z_t = P_t Z_{t-1} + k_t' y_t, y_t = v_t - w_t Z_{t-1}, rows of N per token. From Z, a chunk:

    (I + lower) Y = V - w Z        O = scores Y + q Z        Z' = total Z + k' Y
    """
    scores, lower, q, w, k, total = terms
    scores, lower, k, total = (
        chunks.scores(scores),
        chunks.scores(lower),
        chunks.writes(k),
        chunks.total(total),
    )
    q, w = chunks.reads(q), chunks.reads(w)
    value = chunks.split(v)
    value = value.reshape(*value.shape[:3], -1, value.shape[-1])
    both = solve_chunks(lower, jnp.concatenate([value, -w], -1))
    u, w = both[..., : value.shape[-1]], both[..., value.shape[-1] :]
    shape = (*k.shape[1:3], k.shape[-1], value.shape[-1])
    last, before = chunks.walk(lambda a, m, s: m @ s + a, state, shape, k.mT @ u, total + k.mT @ w)
    return chunks.join(scores @ (u + w @ before) + q @ before, v), last
