"""Is a difference in bits rounding? A convolution by FFT is causal, and yet its bits are not.

A leak is as large in float64 as in float32; rounding shrinks by nine digits. Only strangers'
modules are judged so; what the compiler emits is held to its bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from asiarch.laws.form import Streams
from asiarch.laws.subject import Subject, double, precision
from asiarch.laws.tolerances import ROUNDING, SHRINKS


@dataclass(frozen=True, slots=True)
class Wide:
    """A module in float64, and the lowest precision that is left inside of it."""

    subject: Subject
    inside: torch.dtype
    converted: bool = True

    @property
    def exact(self) -> bool:
        """Whether all of it is computed in float64."""
        return self.inside == torch.float64

    def gap(self, before: Streams, after: Streams, p: int) -> float:
        """The largest difference of outputs < p in float64."""
        pairs = zip(
            self.subject.outputs(double(before)), self.subject.outputs(double(after)), strict=True
        )
        return max((largest(x[:, :p], y[:, :p]) for x, y in pairs), default=0.0)


def widened(subject: Subject, streams: Streams) -> Wide:
    """The subject in float64, or as it is where it insists on its own precision."""
    try:
        wide = subject.doubled()
        wide.outputs(double(streams))
        return Wide(wide, precision(wide, double(streams)))
    except (RuntimeError, TypeError, ValueError):
        return Wide(subject, precision(subject, streams), False)


def is_rounding(
    wide: Wide | None, narrow: torch.dtype, gap: float, wide_gap: float, size: float
) -> bool:
    """gap: a difference in the module's own precision. size: the largest value of its batch row."""
    if wide is None:
        return False
    if wide.exact and narrow != torch.float64:
        return wide_gap <= SHRINKS * gap
    return gap <= ROUNDING * torch.finfo(wide.inside).eps * size


def lowest(tensors: Streams) -> torch.dtype:
    """The lowest floating precision among tensors; float64 if there is none."""
    kinds = [x.dtype for x in tensors if x.is_floating_point()]
    return max(kinds, key=lambda kind: torch.finfo(kind).eps, default=torch.float64)


def largest(x: Tensor, y: Tensor) -> float:
    """max |x - y|, infinite where one side alone is finite."""
    if x.numel() == 0:
        return 0.0
    gap = (x.detach().double() - y.detach().double()).abs()
    same = (x == y) | (x.isnan() & y.isnan()) if x.is_floating_point() else x == y
    return float(torch.where(same, 0.0, torch.nan_to_num(gap, nan=torch.inf)).max())


def magnitude(outputs: Streams) -> float:
    """The largest finite |value|."""
    sizes = [
        float(torch.nan_to_num(x.detach().abs().double(), posinf=0.0).max())
        for x in outputs
        if x.numel()
    ]
    return max(sizes, default=0.0)
