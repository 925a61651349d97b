"""One-dimensional convolutions, grouped, strided and dilated, read in the ring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asiarch.ir.domains import ring_arithmetic as ring
from asiarch.ir.domains.ring_arithmetic import Array
from asiarch.laws.ringbits import RingError, Value, residues
from asiarch.laws.ringtable import reads


def _positions(
    time: int, taps: int, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> Array:
    """[taps, outputs]: which padded position each tap of each output reads."""
    outputs = (time + 2 * padding[0] - dilation[0] * (taps - 1) - 1) // stride[0] + 1
    return np.arange(taps)[:, None] * dilation[0] + np.arange(outputs) * stride[0]


def _grouped(x: Array, groups: int) -> Array:
    """[batch, channels, time] -> [batch, groups, channels of a group, time]."""
    return x.reshape(x.shape[0], groups, -1, x.shape[2])


def _patches(x: Array, positions: Array, padding: Sequence[int], groups: int) -> Array:
    """[batch, groups, channels, taps, outputs]."""
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0], padding[0])))
    return _grouped(padded, groups)[..., positions]


def _refuse(x: Array, transposed: bool) -> None:
    if transposed or x.ndim != 3:
        raise RingError("aten.convolution is read over one axis, not transposed")


@reads("convolution")
def _convolution(
    x: Value,
    weight: Value,
    bias: Value | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Array:
    a, w = residues(x, "convolution"), residues(weight, "convolution")
    _refuse(a, transposed)
    positions = _positions(a.shape[2], w.shape[2], stride, padding, dilation)
    patches = _patches(a, positions, padding, groups)
    taps = w.reshape(groups, -1, *w.shape[1:])
    out = ring.contract("bgckt,gock->bgot", patches, taps)
    out = out.reshape(a.shape[0], w.shape[0], -1)
    return out if bias is None else ring.add(out, residues(bias)[:, None])


@reads("convolution_backward")
def _convolution_backward(
    grad: Value,
    x: Value,
    weight: Value,
    bias_sizes: Sequence[int] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    output_mask: Sequence[bool],
) -> tuple[Array | None, ...]:
    g, a, w = residues(grad), residues(x), residues(weight)
    _refuse(a, transposed)
    positions = _positions(a.shape[2], w.shape[2], stride, padding, dilation)
    patches = _patches(a, positions, padding, groups)
    taps, own = w.reshape(groups, -1, *w.shape[1:]), _grouped(g, groups)
    spread = ring.contract("bgot,gock->bgckt", own, taps)
    padded = np.zeros((*spread.shape[:3], a.shape[2] + 2 * padding[0]), np.int64)
    for tap, place in enumerate(positions):
        padded[..., place] = ring.add(padded[..., place], spread[..., tap, :])
    inner = padded[..., padding[0] : padding[0] + a.shape[2]].reshape(a.shape)
    return (
        inner if output_mask[0] else None,
        ring.contract("bgot,bgckt->gock", own, patches).reshape(w.shape)
        if output_mask[1]
        else None,
        ring.total(g, (0, 2)) if output_mask[2] else None,
    )
