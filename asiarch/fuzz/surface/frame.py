"""One use of a definition: its names, its sizes, where its parameters stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from asiarch.fuzz.surface.files import Files
from asiarch.fuzz.surface.value import NOWHERE, Axes, Thunk, Value
from asiarch.language import ast


@dataclass(slots=True)
class State:
    """`start` gives its value before the first token; `now` is the latest equation, the last one
    is carried. `blank` has its axes and no numbers.
    """

    start: Thunk
    blank: Value
    now: Thunk | None = None

    def after(self, t: int) -> Value:
        """What it carries after token t."""
        if t < 0:
            return self.start(0, 0)
        assert self.now is not None
        return self.now(t, t)


@dataclass(frozen=True, slots=True)
class Counted:
    """A loop's variable. `axis`: the name that bounds the loop, where it is a name."""

    number: int
    axis: str | None


@dataclass(frozen=True, slots=True)
class Shared:
    """An operator whose weights stand at `path`, wherever it is called."""

    operator: ast.Name
    brackets: ast.Brackets | None
    path: str


Bound: TypeAlias = "Thunk | State | Counted | Shared"


@dataclass(slots=True)
class Run:
    """What is the same everywhere. `losses` are those of the definition that is run; `more` says
    that a definition that it calls has some as well.
    """

    files: Files
    time: int
    parameters: Mapping[str, Any]
    losses: list[Thunk] = field(default_factory=list[Thunk])
    more: bool = False
    fresh: int = 0

    def private(self, name: str) -> str:
        """An axis that no text can name."""
        self.fresh += 1
        return f"{name}~{self.fresh}"


@dataclass(slots=True)
class Frame:
    """`numbers` are header names, by their name here; `extents` are sizes of axes.

    In a definition of any type the axes are the caller's: `axes` says which one a name means, and
    `lists` what stands for `C...`. `pair` is the variable of the `attend` around an expression;
    `called` tells the use by a call from the one that is run.
    """

    run: Run
    file: str
    path: str
    numbers: dict[str, Fraction] = field(default_factory=dict[str, Fraction])
    extents: dict[str, int] = field(default_factory=dict[str, int])
    axes: dict[str, str] = field(default_factory=dict[str, str])
    lists: dict[str, Axes] = field(default_factory=dict[str, Axes])
    names: dict[str, Bound] = field(default_factory=dict[str, Bound])
    targets: Mapping[int, str] = field(default_factory=dict[int, str])
    target: str = ""
    labels: Mapping[int, str] = field(default_factory=dict[int, str])
    pair: str | None = None
    called: bool = False

    def axis(self, name: str) -> str:
        return self.axes.get(name, name)

    def under(self, name: str) -> str:
        """A path below this use's own."""
        return f"{self.path}.{name}" if self.path else name

    def parameter(self, path: str, axes: Axes) -> Thunk:
        """A parameter over those axes. What no result reads has no numbers, and needs none."""
        sizes = [self.extents[a] for a in axes]

        def at(t: int, j: int) -> Value:
            return Value(axes, np.zeros(sizes) if t == NOWHERE else self.run.parameters[path])

        return at


def at_tokens(rule: Thunk) -> Thunk:
    """The same, computed once for each token."""
    known: dict[int, Value] = {}

    def at(t: int, j: int) -> Value:
        if t not in known:
            known[t] = rule(t, j)
        return known[t]

    return at


def axes_of(x: Thunk) -> Axes:
    return x(NOWHERE, NOWHERE).axes
