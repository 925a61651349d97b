"""What a name means: a value, a size, a state, a shared operator, or poison after an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from asiarch.ir.node import Node
from asiarch.ir.size import Size
from asiarch.language import ast
from asiarch.language.ast import Span


class Quiet(Exception):
    """Stop here without a word: the cause has been reported already."""


@dataclass(frozen=True, slots=True)
class Value:
    """`kind`: input, param, stream, position."""

    node: Node
    kind: str
    span: Span


@dataclass(frozen=True, slots=True)
class Static:
    """A header name or a loop variable: a number known before running."""

    size: Size
    kind: str  # header | loop
    span: Span
    axis: str | None = None  # of a loop variable: the axis whose name bounds it


@dataclass(slots=True)
class StateName:
    """A declared state: its leaf, its latest equation (None above it)."""

    leaf: Node
    axes: tuple[str, ...]
    initial: Node
    span: Span
    current: Node | None = None


@dataclass(slots=True)
class Shared:
    """An operator with weights of its own, wherever it is called. `owner`: the builder of the
    function that holds them; `weights` by path, from the first call on.
    """

    operator: ast.Name
    brackets: ast.Brackets | None
    owner: Any
    path: str
    span: Span
    weights: dict[str, Node] = field(default_factory=dict[str, Node])


@dataclass(frozen=True, slots=True)
class Poison:
    """Bound by a statement that failed: reading it is silent."""

    span: Span


Binding: TypeAlias = Value | Static | StateName | Shared | Poison


@dataclass(slots=True)
class Scope:
    """Names of one block. Lookups go outward; equations bind here unless the name is carried."""

    outer: Scope | None = None
    names: dict[str, Binding] = field(default_factory=dict[str, Binding])

    def find(self, name: str) -> Binding | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None

    def all_names(self) -> list[str]:
        out: list[str] = []
        scope: Scope | None = self
        while scope is not None:
            out += scope.names
            scope = scope.outer
        return out
