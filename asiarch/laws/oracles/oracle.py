"""What an oracle is: one of our definitions beside somebody else's code for the same operator.

Both are functions of the same leaves, drawn at random: what differs between the two sides (log
decays, the order of axes, a scale of the queries) is said by two short maps, and gradients are
compared at the leaves. Nothing here knows an operator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from asiarch.laws.oracles.references import Reference


class Leaves(SimpleNamespace):
    """The leaves by name, `x.q`: [batch, time, *axes], or [*axes] where time has no part."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"no leaf `{name}`; there are {', '.join(vars(self))}")


Draw = Callable[[torch.Generator, tuple[int, ...]], Tensor]


@dataclass(frozen=True, slots=True)
class Leaf:
    """How one leaf is drawn: names of axes, and numbers of a shape."""

    axes: tuple[str, ...]
    draw: Draw
    timed: bool = True


@dataclass(frozen=True, slots=True)
class Definition:
    """An op of the library (`file`, `op`), or a short text of its own (`file` is None)."""

    op: str
    file: str | None = None
    own: str = ""
    beside: str = ""
    """Where a text of its own looks for what it uses; beside the library's files if empty."""

    @property
    def text(self) -> str:
        if self.file is None:
            return self.own
        return (resources.files("asiarch.library") / f"{self.file}.asi").read_text("utf-8")

    @property
    def filename(self) -> str:
        return self.beside or f"{self.file or self.op}.asi"

    @property
    def label(self) -> str:
        return f"{self.file}.{self.op}" if self.file else self.op


def library(file: str, op: str) -> Definition:
    return Definition(op, file)


def written(op: str, text: str) -> Definition:
    """An operator that the library does not hold."""
    return Definition(op, None, text)


def no_parameters(_: Leaves) -> Mapping[str, Tensor]:
    return {}


@dataclass(frozen=True, slots=True)
class Oracle:
    """`ours` and `parameters` give what our definition takes, `theirs` calls the reference.

    `theirs(function, leaves)` returns [batch, time, *axes] in our order of axes, or a tuple of
    them. Sizes that the definition does not name are the reference's alone.
    """

    name: str
    definition: Definition
    reference: Reference
    sizes: Mapping[str, int]
    leaves: Mapping[str, Leaf]
    ours: Callable[[Leaves], Sequence[Tensor]]
    theirs: Callable[[Any, Leaves], Any]
    parameters: Callable[[Leaves], Mapping[str, Tensor]] = no_parameters
    batch: int = 2
    time: int = 20
    precision: torch.dtype = torch.float64
    extra: Mapping[str, int] = field(default_factory=dict[str, int])
    """Sizes of leaves that are not sizes of the definition."""
    chooses: frozenset[int] = frozenset()
    """Streams that only choose tokens: nothing changes with them until the choice does."""

    def draw(self, seed: int = 0) -> Leaves:
        """Leaves in float64, each requiring its gradient."""
        generator = torch.Generator().manual_seed(seed)
        sizes = {**self.sizes, **self.extra}
        drawn: dict[str, Tensor] = {}
        for name, leaf in self.leaves.items():
            lead = (self.batch, self.time) if leaf.timed else ()
            shape = (*lead, *(sizes[a] for a in leaf.axes))
            drawn[name] = leaf.draw(generator, shape).double().requires_grad_()
        return Leaves(**drawn)
