"""Fused attention on the CPU, forward and backward, read in the ring."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from asiarch.ir.domains import ring_arithmetic as ring
from asiarch.ir.domains.ring_arithmetic import Array
from asiarch.laws.ringbits import RingError, Value, residues
from asiarch.laws.ringtable import reads


def _weights(
    query: Array, key: Array, causal: bool, mask: Tensor | None, scale: float | None
) -> tuple[Array, int]:
    """softmax of the masked scores, and the residue of the scale."""
    factor = ring.number(1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    scores = ring.mul(ring.matmul(query, key.swapaxes(-1, -2)), factor)
    if mask is not None:
        bias = residues(mask) if mask.is_floating_point() else np.where(mask.numpy(), 0, ring.NEG)
        scores = ring.add(scores, bias)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=np.bool_), scores, ring.NEG)
    return ring.softmax(scores), factor


@reads("_scaled_dot_product_flash_attention_for_cpu")
def _attention(
    query: Value,
    key: Value,
    value: Value,
    dropout_p: float = 0,
    is_causal: bool = False,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> tuple[Array, Array]:
    """The second result, a logsumexp that only the backward below would read, is left zero."""
    if dropout_p:
        raise RingError("attention with dropout has no reading in the ring")
    q, k, v = (residues(x, "attention") for x in (query, key, value))
    weights, _ = _weights(q, k, is_causal, attn_mask, scale)
    return ring.matmul(weights, v), np.zeros(q.shape[:-1], np.int64)


@reads("_scaled_dot_product_flash_attention_for_cpu_backward")
def _attention_backward(
    grad: Value,
    query: Value,
    key: Value,
    value: Value,
    out: Value,
    logsumexp: Value,
    dropout_p: float,
    is_causal: bool,
    attn_mask: Tensor | None = None,
    scale: float | None = None,
) -> tuple[Array, Array, Array]:
    g, q, k, v = (residues(x) for x in (grad, query, key, value))
    weights, factor = _weights(q, k, is_causal, attn_mask, scale)
    inner = ring.matmul(g, v.swapaxes(-1, -2))
    centred = ring.sub(inner, ring.total(ring.mul(inner, weights), -1, keepdims=True))
    scores = ring.mul(ring.mul(weights, centred), factor)
    return (
        ring.matmul(scores, k),
        ring.matmul(scores.swapaxes(-1, -2), q),
        ring.matmul(weights.swapaxes(-1, -2), g),
    )
