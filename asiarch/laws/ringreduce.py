"""Sums, products, order statistics and accumulating writes, read in the ring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asiarch.ir.domains import ring_arithmetic as ring
from asiarch.ir.domains.ring_arithmetic import Array
from asiarch.laws.ringbits import RingError, Value, from_array, residues, tensor
from asiarch.laws.ringtable import reads, reads_with_operator

Axes = int | Sequence[int] | None


def axes_of(dim: Axes, rank: int) -> tuple[int, ...]:
    """Axes to reduce, non-negative; None and the empty list mean all."""
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return tuple(range(rank))
    listed = [dim] if isinstance(dim, int) else list(dim)
    return tuple(d % rank for d in listed) if rank else ()


def _indices(positions: Array) -> Tensor:
    return from_array(np.asarray(positions, dtype=np.int64))


@reads("sum", "nansum")
def _sum(x: Value, dim: Axes = None, keepdim: bool = False, dtype: Any = None) -> Array:
    a = residues(x, "sum")
    return ring.total(a, axes_of(dim, a.ndim), keepdim)


@reads("mean")
def _mean(x: Value, dim: Axes = None, keepdim: bool = False, dtype: Any = None) -> Array:
    a = residues(x, "mean")
    return ring.mean(a, axes_of(dim, a.ndim), keepdim)


@reads("prod")
def _prod(x: Value, dim: int | None = None, keepdim: bool = False, dtype: Any = None) -> Array:
    return ring.prod(residues(x, "prod"), dim, keepdim)


@reads("cumsum")
def _cumsum(x: Value, dim: int, dtype: Any = None) -> Array:
    a = residues(x, "cumsum")
    return ring.cumsum(a, dim) if a.ndim else a


@reads("cumprod")
def _cumprod(x: Value, dim: int, dtype: Any = None) -> Array:
    a = residues(x, "cumprod")
    return ring.cumprod(a, dim) if a.ndim else a


def moments(x: Array, axes: tuple[int, ...], correction: float) -> tuple[Array, Array]:
    """Variance and mean along axes, sizes kept."""
    centre = ring.mean(x, axes, keepdims=True)
    square = ring.power(ring.sub(x, centre), 2)
    count = x.size // max(centre.size, 1) - correction
    scale = ring.inverse(ring.number(count))
    return ring.mul(ring.total(square, axes, keepdims=True), scale), centre


def _var_mean(x: Value, dim: Axes, correction: Any, keepdim: bool) -> tuple[Array, Array]:
    a = residues(x, "var")
    axes = axes_of(dim, a.ndim)
    if isinstance(correction, bool) or correction is None:
        correction = 1 if correction is None else int(correction)
    variance, centre = moments(a, axes, correction)
    if keepdim:
        return variance, centre
    return np.squeeze(variance, axes), np.squeeze(centre, axes)


@reads("var")
def _var(x: Value, dim: Axes = None, correction: Any = None, keepdim: bool = False) -> Array:
    return _var_mean(x, dim, correction, keepdim)[0]


@reads("var_mean")
def _var_with_mean(
    x: Value, dim: Axes = None, correction: Any = None, keepdim: bool = False
) -> tuple[Array, Array]:
    return _var_mean(x, dim, correction, keepdim)


@reads("std")
def _std(x: Value, dim: Axes = None, correction: Any = None, keepdim: bool = False) -> Array:
    return ring.sqrt(_var_mean(x, dim, correction, keepdim)[0])


@reads("linalg_vector_norm", "norm")
def _norm(
    x: Value, ord: float = 2, dim: Axes = None, keepdim: bool = False, dtype: Any = None
) -> Array:
    a = residues(x, "linalg_vector_norm")
    axes = axes_of(dim, a.ndim)
    if ord == 2:
        return ring.sqrt(ring.total(ring.mul(a, a), axes, keepdim))
    if ord == 1:
        return ring.total(ring.absolute(a), axes, keepdim)
    raise RingError(f"aten.linalg_vector_norm of order {ord} has no reading in the ring")


@reads("amax")
def _amax(x: Value, dim: Axes = (), keepdim: bool = False) -> Array:
    a = residues(x, "amax")
    return ring.amax(a, axes_of(dim, a.ndim), keepdim)


@reads("amin")
def _amin(x: Value, dim: Axes = (), keepdim: bool = False) -> Array:
    a = residues(x, "amin")
    return ring.amin(a, axes_of(dim, a.ndim), keepdim)


@reads("max")
def _max(x: Value, dim: Any = None, keepdim: bool = False) -> Any:
    return _extreme(residues(x, "max"), dim, keepdim, largest=True)


@reads("min")
def _min(x: Value, dim: Any = None, keepdim: bool = False) -> Any:
    return _extreme(residues(x, "min"), dim, keepdim, largest=False)


def _extreme(a: Array, dim: int | None, keepdim: bool, largest: bool) -> Any:
    if dim is None:
        return ring.amax(a) if largest else ring.amin(a)
    where = np.expand_dims(np.take(ring.argsort(a, dim, descending=largest), 0, axis=dim), dim)
    value = np.take_along_axis(a, where, dim)
    if not keepdim:
        value, where = np.squeeze(value, dim), np.squeeze(where, dim)
    return tensor(value), _indices(where)


@reads("cummax")
def _cummax(x: Value, dim: int) -> Any:
    return _running(residues(x, "cummax"), dim, largest=True)


@reads("cummin")
def _cummin(x: Value, dim: int) -> Any:
    return _running(residues(x, "cummin"), dim, largest=False)


def _running(a: Array, dim: int, largest: bool) -> Any:
    """Running extreme and the position of the last that attains it, as torch counts."""
    key = ring.order(a)
    extreme: Any = np.maximum if largest else np.minimum
    reached: Any = key == extreme.accumulate(key, axis=dim)
    places = np.indices(a.shape)[dim]
    where = np.maximum.accumulate(np.where(reached, places, 0), axis=dim)
    return tensor(np.take_along_axis(a, where, dim)), _indices(where)


@reads("argmax")
def _argmax(x: Value, dim: int | None = None, keepdim: bool = False) -> Tensor:
    return _indices(np.argmax(ring.order(residues(x, "argmax")), axis=dim, keepdims=keepdim))


@reads("argmin")
def _argmin(x: Value, dim: int | None = None, keepdim: bool = False) -> Tensor:
    return _indices(np.argmin(ring.order(residues(x, "argmin")), axis=dim, keepdims=keepdim))


@reads("topk")
def _topk(x: Value, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    a = residues(x, "topk")
    where = np.take(ring.argsort(a, dim, descending=largest), np.arange(k), axis=dim)
    return tensor(np.take_along_axis(a, where, dim)), _indices(where)


@reads("sort")
def _sort(x: Value, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    a = residues(x, "sort")
    where = ring.argsort(a, dim, descending)
    return tensor(np.take_along_axis(a, where, dim)), _indices(where)


@reads("argsort")
def _argsort(x: Value, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    return _indices(ring.argsort(residues(x, "argsort"), dim, descending))


# Accumulating writes run on the int64 residues and are then reduced mod N.


def _accumulate(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Array:
    def integer(x: Any) -> Any:
        if not isinstance(x, Tensor) or not x.is_floating_point():
            return x
        held = residues(x, func.overloadpacket.__name__)
        if (held == ring.NEG).any():
            raise RingError(f"aten.{func.overloadpacket.__name__} would add to an infinity")
        return from_array(held.copy())

    name = func.overloadpacket.__name__.rstrip("_")
    functional: Any = getattr(torch.ops.aten, name)
    result: Tensor = functional(*[integer(x) for x in args], **kwargs)
    return result.numpy() % ring.N


@reads_with_operator("scatter_add", "index_add")
def _add_at(func: Any, *args: Any, **kwargs: Any) -> Array:
    alpha = kwargs.pop("alpha", 1)
    if alpha != 1:
        raise RingError("aten.index_add with alpha has no reading in the ring")
    return _accumulate(func, args, kwargs)


@reads_with_operator("scatter_reduce")
def _scatter_reduce(
    func: Any, x: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, **options: Any
) -> Array:
    if reduce != "sum" or not options.get("include_self", True):
        raise RingError("aten.scatter_reduce other than a sum has no reading in the ring")
    return _accumulate(torch.ops.aten.scatter_add.default, (x, dim, index, source), {})


@reads_with_operator("unfold_backward")
def _unfold_backward(func: Any, *args: Any, **kwargs: Any) -> Array:
    grad, sizes, dim, size, step = args
    a = residues(grad, "unfold_backward")
    result = np.zeros(tuple(sizes), np.int64)
    target = np.moveaxis(result, dim, -1)
    pieces = np.moveaxis(a, dim, -2) if a.ndim > 1 else a
    for i in range(pieces.shape[-2]):
        target[..., i * step : i * step + size] += pieces[..., i, :]
        target %= ring.N
    return result


@reads_with_operator("index_put", "_unsafe_index_put", "_index_put_impl")
def _index_put(
    func: Any,
    x: Tensor,
    indices: Sequence[Tensor | None],
    value: Tensor,
    accumulate: bool = False,
    unsafe: bool = False,
) -> Any:
    if not accumulate:
        return torch.ops.aten.index_put(x, indices, value)
    args = (from_array(residues(x)), indices, from_array(residues(value)), True)
    if (residues(x) == ring.NEG).any() or (residues(value) == ring.NEG).any():
        raise RingError("aten.index_put would add to an infinity")
    return torch.ops.aten.index_put(*args).numpy() % ring.N


@reads("embedding_dense_backward")
def _embedding_backward(
    grad: Value, indices: Tensor, rows: int, padding_idx: int, scale_by_frequency: bool
) -> Array:
    if scale_by_frequency:
        raise RingError("aten.embedding scaled by frequency has no reading in the ring")
    a = residues(grad, "embedding_dense_backward")
    flat = indices.numpy().reshape(-1)
    result = np.zeros((rows, a.shape[-1]), np.int64)
    kept = flat != padding_idx
    np.add.at(result, flat[kept], a.reshape(-1, a.shape[-1])[kept])
    return result % ring.N
