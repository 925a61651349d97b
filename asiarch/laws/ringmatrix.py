"""Matrix products, triangular systems, softmax, losses and norms, read in the ring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asiarch.ir.domains import ring_arithmetic as ring
from asiarch.ir.domains.ring_arithmetic import Array
from asiarch.laws.ringbits import RingError, Value, residues
from asiarch.laws.ringreduce import moments
from asiarch.laws.ringtable import reads


@reads("mm", "bmm", "mv", "dot", "vdot", "matmul")
def _matmul(x: Value, y: Value) -> Array:
    return ring.matmul(residues(x, "matmul"), residues(y, "matmul"))


@reads("addmm", "baddbmm", "addmv")
def _addmm(x: Value, y: Value, z: Value, beta: float = 1, alpha: float = 1) -> Array:
    return _combine(x, _matmul(y, z), beta, alpha)


def _combine(x: Value, product: Array, beta: float, alpha: float) -> Array:
    if beta == 0:
        return ring.mul(product, ring.number(alpha))
    return ring.add(
        ring.mul(residues(x, "addmm"), ring.number(beta)), ring.mul(product, ring.number(alpha))
    )


@reads("addbmm")
def _addbmm(x: Value, y: Value, z: Value, beta: float = 1, alpha: float = 1) -> Array:
    return _combine(x, ring.total(_matmul(y, z), 0), beta, alpha)


@reads("addr")
def _addr(x: Value, y: Value, z: Value, beta: float = 1, alpha: float = 1) -> Array:
    outer = ring.mul(residues(y)[:, None], residues(z)[None, :])
    return _combine(x, outer, beta, alpha)


@reads("linear")
def _linear(x: Value, weight: Tensor, bias: Value | None = None) -> Array:
    product = ring.matmul(residues(x, "linear"), residues(weight, "linear").T)
    return product if bias is None else ring.add(product, residues(bias, "linear"))


@reads("linalg_solve_triangular")
def _solve_triangular(
    matrix: Value,
    right: Value,
    upper: bool = False,
    left: bool = True,
    unitriangular: bool = False,
) -> Array:
    a, b = residues(matrix, "solve_triangular"), residues(right, "solve_triangular")
    if not left:
        turned = substitute(a.swapaxes(-1, -2), b.swapaxes(-1, -2), not upper, unitriangular)
        return turned.swapaxes(-1, -2)
    return substitute(a, b, upper, unitriangular)


def substitute(a: Array, b: Array, upper: bool, unit: bool) -> Array:
    """Solve a x = b by substitution: a [..., n, n] triangular, b [..., n, m]; batches broadcast."""
    if upper:
        solved = substitute(a[..., ::-1, ::-1], b[..., ::-1, :], False, unit)
        return solved[..., ::-1, :]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.zeros((*batch, *b.shape[-2:]), np.int64)
    for i in range(a.shape[-1]):
        row = ring.sub(b[..., i : i + 1, :], ring.matmul(a[..., i : i + 1, :i], x[..., :i, :]))
        x[..., i : i + 1, :] = row if unit else ring.div(row, a[..., i : i + 1, i : i + 1])
    return x


@reads("_softmax", "_safe_softmax")
def _softmax(x: Value, dim: int, half_to_float: Any = False, dtype: Any = None) -> Array:
    return ring.softmax(residues(x, "softmax"), dim)


@reads("_softmax_backward_data")
def _softmax_backward(grad: Value, output: Value, dim: int, dtype: Any) -> Array:
    g, y = residues(grad), residues(output)
    return ring.mul(y, ring.sub(g, ring.total(ring.mul(g, y), dim, keepdims=True)))


@reads("_log_softmax")
def _log_softmax(x: Value, dim: int, half_to_float: bool) -> Array:
    a = residues(x, "log_softmax")
    return ring.sub(a, ring.logsumexp(a, dim, keepdims=True))


@reads("_log_softmax_backward_data")
def _log_softmax_backward(grad: Value, output: Value, dim: int, dtype: Any) -> Array:
    """g - softmax sum(g); the weights are softmax of the output, being invariant under shifts."""
    g = residues(grad)
    weights = ring.softmax(residues(output), dim)
    return ring.sub(g, ring.mul(weights, ring.total(g, dim, keepdims=True)))


@reads("nll_loss_forward")
def _nll_loss(
    log_probability: Value, target: Tensor, weight: Value | None, reduction: int, ignore: int
) -> tuple[Array, Array]:
    a, count = residues(log_probability), int((target != ignore).sum())
    picked = ring.mul(ring.neg(a), _one_hot(target, a.shape[-1], ignore, weight))
    if reduction == 0:
        return ring.total(picked, -1), np.asarray(0)
    loss = ring.total(picked)
    total = np.asarray(count)
    return (ring.div(loss, total) if reduction == 1 else loss), total


@reads("nll_loss_backward")
def _nll_loss_backward(
    grad: Value,
    log_probability: Value,
    target: Tensor,
    weight: Value | None,
    reduction: int,
    ignore: int,
    total_weight: Value,
) -> Array:
    a, g = residues(log_probability), residues(grad)
    mask = _one_hot(target, a.shape[-1], ignore, weight)
    if reduction == 0:
        g = g[..., None]
    elif reduction == 1:
        g = ring.div(g, residues(total_weight))
    return ring.neg(ring.mul(mask, g))


def _one_hot(target: Tensor, classes: int, ignore: int, weight: Value | None) -> Array:
    if weight is not None:
        raise RingError("aten.nll_loss with class weights has no reading in the ring")
    wanted = target.numpy()
    hot = wanted[..., None] == np.arange(classes)
    return (hot & (wanted != ignore)[..., None]).astype(np.int64)


def _affine(x: Array, weight: Value | None, bias: Value | None = None) -> Array:
    x = x if weight is None else ring.mul(x, residues(weight))
    return x if bias is None else ring.add(x, residues(bias))


def _last(shape: Sequence[int], rank: int) -> tuple[int, ...]:
    return tuple(range(rank - len(shape), rank))


@reads("native_layer_norm")
def _layer_norm(
    x: Value, shape: Sequence[int], weight: Value | None, bias: Value | None, eps: float
) -> tuple[Array, Array, Array]:
    a = residues(x, "layer_norm")
    variance, centre = moments(a, _last(shape, a.ndim), 0)
    scale = ring.rsqrt(ring.add(variance, ring.number(eps)))
    return _affine(ring.mul(ring.sub(a, centre), scale), weight, bias), centre, scale


@reads("native_layer_norm_backward")
def _layer_norm_backward(
    grad: Value,
    x: Value,
    shape: Sequence[int],
    mean: Value,
    rstd: Value,
    weight: Value | None,
    bias: Value | None,
    output_mask: Sequence[bool],
) -> tuple[Array | None, ...]:
    g, a, scale = residues(grad), residues(x), residues(rstd)
    axes = _last(shape, a.ndim)
    normal = ring.mul(ring.sub(a, residues(mean)), scale)
    inner = _affine(g, weight)
    along = ring.mul(normal, ring.mean(ring.mul(inner, normal), axes, keepdims=True))
    centred = ring.sub(inner, ring.mean(inner, axes, keepdims=True))
    rows = tuple(range(a.ndim - len(shape)))
    return (
        ring.mul(scale, ring.sub(centred, along)),
        ring.total(ring.mul(g, normal), rows) if output_mask[1] else None,
        ring.total(g, rows) if output_mask[2] else None,
    )


@reads("_fused_rms_norm")
def _rms_norm(
    x: Value, shape: Sequence[int], weight: Value | None, eps: float | None
) -> tuple[Array, Array]:
    a = residues(x, "rms_norm")
    power = ring.mean(ring.mul(a, a), _last(shape, a.ndim), keepdims=True)
    epsilon = torch.finfo(torch.float64).eps if eps is None else eps
    scale = ring.rsqrt(ring.add(power, ring.number(epsilon)))
    return _affine(ring.mul(a, scale), weight), scale


@reads("_fused_rms_norm_backward")
def _rms_norm_backward(
    grad: Value,
    x: Value,
    shape: Sequence[int],
    rstd: Value,
    weight: Value | None,
    output_mask: Sequence[bool],
) -> tuple[Array | None, ...]:
    g, a, scale = residues(grad), residues(x), residues(rstd)
    axes = _last(shape, a.ndim)
    normal = ring.mul(a, scale)
    inner = _affine(g, weight)
    along = ring.mul(normal, ring.mean(ring.mul(inner, normal), axes, keepdims=True))
    rows = tuple(range(a.ndim - len(shape)))
    return (
        ring.mul(scale, ring.sub(inner, along)),
        ring.total(ring.mul(g, normal), rows) if output_mask[1] else None,
    )
