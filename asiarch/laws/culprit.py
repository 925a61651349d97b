"""Where a leak is first seen: the module that was running, and the line of its source.

Every operator of two runs that differ from token p on is recorded, with the innermost module that
was running. The first operator whose result differs at a token before p, on an axis that is time
beyond doubt, is the place. Pairs of tokens (scores before their mask) have two such axes, pooled
tokens have none: they are passed over, so the place may be a step behind the mistake.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from asiarch.laws.form import Streams
from asiarch.laws.subject import Subject

LIBRARY = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
UNSET = "empty"
LARGEST = 1 << 28
"""Elements that a record may hold in all: 1 GiB of float32."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operator's result, the path and type of the module that was running, and its line."""

    name: str
    result: Tensor
    at: tuple[str, str]
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Place:
    """module: its path ("" is the audited one itself). file, line, text: of the source, if any."""

    module: str
    kind: str
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        at = f"`{self.module}` ({self.kind})" if self.module else f"{self.kind} itself"
        if not self.file:
            return f"first seen in {at}"
        return f"first seen in {at}, {Path(self.file).name} line {self.line}: {self.text}"


class _Record(TorchDispatchMode):
    def __init__(self, module: nn.Module, batch: int, time: int) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.operations: list[Operation] = []
        self.running: list[tuple[str, str]] = [("", type(module).__name__)]
        self.batch, self.time, self.held = batch, time, 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if UNSET in str(func):  # what memory happens to hold
            return result
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and _time_axis(leaf, self.batch, self.time) is not None:
                self.held += leaf.numel()
                if self.held <= LARGEST:
                    file, line = _caller()
                    held = leaf.detach().clone()
                    at = self.running[-1]
                    self.operations.append(Operation(str(func), held, at, file, line))
        return result


def find(subject: Subject, before: Streams, after: Streams, p: int) -> Place | None:
    """The first operation whose result differs at a token < p between two runs; None if unseen."""
    shape = before[0].shape[:2]
    first, second = _recorded(subject, before, shape), _recorded(subject, after, shape)
    for x, y in zip(first, second, strict=False):
        if x.name != y.name or x.result.shape != y.result.shape:
            return None
        if _differs(x.result, y.result, shape[0], shape[1], p):
            text = linecache.getline(x.file, x.line).strip() if x.file else ""
            module, kind = x.at
            return Place(module, kind, x.file, x.line, text)
    return None


def _recorded(subject: Subject, streams: Streams, shape: Sequence[int]) -> list[Operation]:
    record = _Record(subject.module, shape[0], shape[1])
    with ExitStack() as stack:
        if not subject.fresh:
            parts: dict[str, nn.Module] = dict(cast(Any, subject.module).named_modules())
            for name, part in parts.items():
                if name:
                    _watch(part, name, record, stack)
        stack.enter_context(record)
        subject.outputs(streams)
    return record.operations


def _watch(part: nn.Module, name: str, record: _Record, stack: ExitStack) -> None:
    def enter(module: nn.Module, _: Any) -> None:
        record.running.append((name, type(module).__name__))

    def leave(_: nn.Module, __: Any, ___: Any) -> None:
        record.running.pop()

    stack.callback(part.register_forward_pre_hook(enter).remove)
    stack.callback(part.register_forward_hook(leave, always_call=True).remove)


def _caller() -> tuple[str, int]:
    """The innermost frame outside torch and these laws."""
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(LIBRARY) and not file.startswith("<"):
            return file, frame.f_lineno
        frame = frame.f_back
    return "", 0


def _time_axis(x: Tensor, batch: int, time: int) -> int | None:
    """The one axis as long as time; an axis of batch times time counts, rows outermost."""
    axes = [i for i, n in enumerate(x.shape) if n == time]
    if len(axes) == 1:
        return axes[0]
    flat = [i for i, n in enumerate(x.shape) if n == batch * time]
    return flat[0] if not axes and len(flat) == 1 else None


def _differs(x: Tensor, y: Tensor, batch: int, time: int, p: int) -> bool:
    axis = _time_axis(x, batch, time)
    if axis is None:
        return False
    if x.shape[axis] != time:
        shape = (*x.shape[:axis], batch, time, *x.shape[axis + 1 :])
        x, y, axis = x.reshape(shape), y.reshape(shape), axis + 1
    a: Tensor = x.narrow(axis, 0, p)
    b: Tensor = y.narrow(axis, 0, p)
    same = (a == b) | (a.isnan() & b.isnan()) if a.is_floating_point() else a == b
    return not bool(same.all())
