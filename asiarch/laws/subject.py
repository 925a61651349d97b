"""The subject of a law: any torch module over sequences, and what it offers beyond forward.

Protocol. `forward(*streams)` maps tensors [batch, time, *axes] to one tensor or a tuple of tensors
[batch, time, ...]. Optional, by the names of forward's parameters and by methods:

    forward(..., state=None, cu_seqlens=None, return_state=False) -> out | (out, state)
    step(*streams_without_time, state) -> (out, state)
    initial_state(batch) -> state                               a pytree of tensors

Outputs that are not [batch, time, ...] (attention weights, losses) are left out of sight.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from asiarch.laws.form import Form, Streams, named_tensors
from asiarch.laws.randomness import seeded
from asiarch.laws.ringmode import RingMode
from asiarch.laws.streams import replaced


class Subject:
    """A private copy of a module, in the mode (train or eval) that the module is in.

    form: how the module is called. seeded: every call starts from one seed. fresh: every call gets
    a fresh copy. repeats: whether equal calls give equal outputs (`repeat.settle` finds out).
    A module that cannot be copied (it holds a handle) is used as it is, and never converted.
    """

    def __init__(self, module: nn.Module, form: Form | None = None) -> None:
        self.original = module
        self.module = _copied(module)
        self.is_copy = self.module is not module
        self.form = form or Form()
        self.seeded, self.fresh, self.repeats = False, False, True
        method = getattr(module, self.form.method)
        names = inspect.signature(method).parameters
        self.parameters = tuple(names)
        self.has_state = {"state", "return_state"} <= set(names)
        self.has_packing = "cu_seqlens" in names
        self.has_step = callable(getattr(module, "step", None)) and callable(
            getattr(module, "initial_state", None)
        )
        self.name = type(module).__name__

    def stream_names(self, count: int) -> list[str]:
        """What the call names its streams, else `stream 0`, `stream 1`, ..."""
        named = [*self.form.names, *[None] * count][:count]
        by_place = [*self.parameters, *[f"stream {i}" for i in range(count)]]
        return [name or by_place[i] for i, name in enumerate(named)]

    def call(self, streams: Sequence[Tensor], **options: Any) -> Any:
        """What the module gives, as it gives it."""
        module = _copied(self.original) if self.fresh else self.module
        call: Any = module if self.form.method == "forward" else getattr(module, self.form.method)
        positional, named = self.form.arguments(streams)
        with seeded() if self.seeded else nullcontext():
            return call(*positional, **named, **options)

    def outputs(self, streams: Sequence[Tensor], **options: Any) -> Streams:
        """Outputs of forward without gradient. Raises NotASequence."""
        with torch.no_grad():
            return self.differentiable(streams, **options)

    def differentiable(self, streams: Sequence[Tensor], **options: Any) -> Streams:
        """Outputs of forward, recorded by autograd."""
        return self.form.read(self.call(streams, **options), streams[0])

    def stream(
        self, streams: Sequence[Tensor], state: Any = None, **options: Any
    ) -> tuple[Streams, Any]:
        """Outputs and the state after the last token; needs `has_state`."""
        with torch.no_grad():
            out, after = self.call(streams, state=state, return_state=True, **options)
        return self.form.read(out, streams[0]), after

    def step(self, streams: Sequence[Tensor], state: Any) -> tuple[Streams, Any]:
        """One token: streams [batch, *axes] to outputs [batch, 1, ...]; needs `has_step`."""
        with torch.no_grad():
            out, after = cast(Any, self.module).step(*streams, state)
        return tuple(x[:, None] for _, x in named_tensors(out)), after

    def require_copy(self) -> None:
        """Raise TypeError unless the module may be converted."""
        if not self.is_copy:
            raise TypeError(f"{self.name} cannot be copied, and is not converted in place")

    def replaced(
        self, x: Tensor, tokens: slice, magnitude: float, generator: torch.Generator
    ) -> Tensor:
        """x with some tokens drawn anew, see `streams.replaced`."""
        return replaced(x, tokens, magnitude, generator)

    def initial_state(self, batch: int) -> Any:
        """The state before the first token."""
        return cast(Any, self.module).initial_state(batch)

    def doubled(self) -> Subject:
        """The same module in float64. Raises TypeError where it cannot be copied."""
        self.require_copy()
        twin = Subject(_copied(self.original).double(), self.form)
        twin.seeded, twin.fresh, twin.repeats = self.seeded, self.fresh, self.repeats
        return twin


def _copied(module: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(module)
    except (TypeError, RuntimeError):
        return module


class ExactSubject(Subject):
    """The module in the ring, with random parameters; its streams are ring tensors."""

    def __init__(self, module: nn.Module, generator: torch.Generator) -> None:
        super().__init__(module)
        self.require_copy()
        RingMode.randomize(self.module.double(), generator)

    def outputs(self, streams: Sequence[Tensor], **options: Any) -> Streams:
        """Outputs, exact."""
        with RingMode():
            return super().outputs(streams, **options)

    def stream(
        self, streams: Sequence[Tensor], state: Any = None, **options: Any
    ) -> tuple[Streams, Any]:
        """Outputs and the last state, exact."""
        with RingMode():
            return super().stream(streams, state, **options)

    def step(self, streams: Sequence[Tensor], state: Any) -> tuple[Streams, Any]:
        """One token, exact."""
        with RingMode():
            return super().step(streams, state)

    def initial_state(self, batch: int) -> Any:
        """The state before the first token, exact."""
        with RingMode():
            return super().initial_state(batch)

    def replaced(
        self, x: Tensor, tokens: slice, magnitude: float, generator: torch.Generator
    ) -> Tensor:
        """x with random ring elements in some tokens; a ring element has no magnitude."""
        if not x.is_floating_point():
            return replaced(x, tokens, magnitude, generator)
        changed = x.clone()
        changed[:, tokens] = RingMode.random(changed[:, tokens].shape, generator)
        return changed


class _Precision(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.lowest = torch.float64

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if not isinstance(leaf, Tensor) or not leaf.is_floating_point() or not leaf.dim():
                continue
            self.lowest = max(self.lowest, leaf.dtype, key=lambda d: torch.finfo(d).eps)
        return result


def precision(subject: Subject, streams: Sequence[Tensor]) -> torch.dtype:
    """The lowest floating precision of any intermediate tensor of a forward."""
    with _Precision() as mode:
        subject.outputs(streams)
    return mode.lowest


def double(streams: Sequence[Tensor]) -> Streams:
    """Floating streams in float64, others as they are."""
    return tuple(x.double() if x.is_floating_point() else x for x in streams)
