"""Numbers that overflow on the way, though no output shows it.

A masked 0 * inf is NaN in correct code too, and it reaches earlier tokens. Where outputs are not
finite that is seen; a comparison, a maximum or a `nan_to_num` after it swallows it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from asiarch.laws.culprit import UNSET
from asiarch.laws.form import Streams
from asiarch.laws.subject import Subject


class _Watch(TorchDispatchMode):
    """Has any operator made a NaN?"""

    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.seen = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self.seen and UNSET not in str(func):  # what memory happens to hold
            self.seen = any(_has_nan(leaf) for leaf in tree_leaves(result))
        return result


def _has_nan(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.is_floating_point() and bool(leaf.isnan().any())


def swallowed(subject: Subject, streams: Streams, changed: Streams) -> bool:
    """Did the changed streams make a NaN on the way, where the others made none?"""
    return _makes_nan(subject, changed) and not _makes_nan(subject, streams)


def _makes_nan(subject: Subject, streams: Streams) -> bool:
    watch = _Watch()
    with torch.no_grad(), watch:
        subject.outputs(streams)
    return watch.seen
