"""What a primitive is, and the registry that discovers them: one file each in
`asiarch/ir/primitives`.

A primitive's file says everything about it: how its call is typed (`build`), what it means in every
domain, its derivative as a term, its range, and its spelling per backend. Nothing else lists
operators.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from asiarch.ir.node import Node
from asiarch.ir.size import Size


class Problem(Exception):
    """A typing rule that does not hold. The elaborator adds the place: a diagnostic."""

    def __init__(
        self, code: str, message: str, *, help: str | None = None, argument: int | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.help, self.argument = code, message, help, argument


class Site(Protocol):
    """What a typing rule may ask of the place where its operator is called."""

    args: Sequence[Node]

    def axis_slots(self) -> tuple[str, ...]:
        """Positional slots read as axis names (spreads expanded)."""
        ...

    def arrow(self) -> tuple[str, ...] | None:
        """Axes after `->`, None without one."""
        ...

    def each(self) -> tuple[str, ...]: ...

    def size_slot(self, index: int, name: str, default: int | None = None) -> Size:
        """The positional slot `index`, or the named slot `name`, as a size."""
        ...

    def axis_or_size_slot(self, index: int) -> tuple[str, Size]:
        """A slot that names an axis and its size: `4` (a fresh axis), `W`, or `W = 4`."""
        ...

    def named(self) -> tuple[str, ...]: ...

    def initialiser(self) -> Node | None:
        """The `init = ...` slot as a term over draws."""
        ...

    def has_axis(self, axis: str) -> bool: ...

    def axis_size(self, axis: str) -> Size: ...

    def define_axis(self, axis: str, size: Size) -> None:
        """Give a new axis its size, or check that it has this one."""
        ...

    def fresh_axis(self, stem: str, size: Size) -> str: ...

    def param(self, axes: tuple[str, ...], initial: Node) -> Node:
        """A parameter owned by this call, named by its place in the equation."""
        ...

    def label(self) -> str:
        """The path of this call: what its draws are keyed by."""
        ...


Evaluate = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Primitive:
    """`kind` picks the domain's function: pointwise, contract, reduce, keep, move, time, ...

    evaluate(domain, node, *values) is the one definition; the other fields are its data.
    build(site) types a call and gives its node; None for primitives that only syntax makes.
    """

    name: str
    doc: str
    kind: str
    build: Callable[[Site], Node] | None = None
    evaluate: Evaluate | None = None
    float64: Callable[..., Any] | None = None
    ring: Callable[..., Any] | None = None
    derivative: tuple[Callable[..., Any], ...] = ()
    image: Callable[..., Any] | None = None
    flops: int = 1
    spelling: Mapping[str, str] = field(default_factory=dict[str, str])
    signature: str = ""
    symbol: str = ""
    form: bool = False


@cache
def registry() -> dict[str, Primitive]:
    """Every primitive by name, read from the files of `asiarch.ir.primitives`."""
    package = importlib.import_module("asiarch.ir.primitives")
    found: dict[str, Primitive] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"asiarch.ir.primitives.{info.name}")
        primitive = module.PRIMITIVE
        if primitive.name in found:
            raise ValueError(f"two files define the primitive {primitive.name}")
        found[primitive.name] = primitive
    return found


def lookup(name: str) -> Primitive:
    return registry()[name]
