"""What a primitive's typing rule sees of its call: the brackets read as axes and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asiarch.elaborate.builder import Builder
from asiarch.ir.node import Node
from asiarch.ir.primitive import Problem
from asiarch.ir.size import Size
from asiarch.language import ast

SIZE_SLOTS = frozenset({"dilation", "n", "p", "init"})


class CallSite:
    """Implements `asiarch.ir.primitive.Site` over a call's syntax."""

    def __init__(self, b: Builder, call: ast.Call | ast.Pipe, args: Sequence[Node]) -> None:
        self.b, self.syntax, self.args = b, call, args

    @property
    def _slots(self) -> tuple[ast.Slot, ...]:
        return self.syntax.brackets.slots if self.syntax.brackets else ()

    def axis_slots(self) -> tuple[str, ...]:
        out: list[str] = []
        for slot in self._slots:
            if slot.name is None:
                out += self._axes_of(slot.value)
        return tuple(out)

    def _axes_of(self, value: Any) -> list[str]:
        if isinstance(value, ast.Spread):
            return spread(self.b, value)
        while isinstance(value, ast.Paren):
            value = value.inner
        if isinstance(value, ast.Name):
            return [self.b.axis(value.id)]
        return []

    def arrow(self) -> tuple[str, ...] | None:
        if self.syntax.brackets is None or self.syntax.brackets.arrow is None:
            return None
        out: list[str] = []
        for slot in self.syntax.brackets.arrow:
            out += self._axes_of(slot.value)
        return tuple(out)

    def each(self) -> tuple[str, ...]:
        out: list[str] = []
        for entry in self.syntax.brackets.each if self.syntax.brackets else ():
            out += (
                spread(self.b, entry) if isinstance(entry, ast.Spread) else [self.b.axis(entry.id)]
            )
        return tuple(out)

    def named(self) -> tuple[str, ...]:
        return tuple(s.name for s in self._slots if s.name is not None)

    def size_slot(self, index: int, name: str, default: int | None = None) -> Size:
        from asiarch.elaborate.expression import static_size

        positional = [s for s in self._slots if s.name is None]
        for slot in self._slots:
            if slot.name == name and not isinstance(slot.value, ast.Spread):
                return static_size(self.b, slot.value, f"`{name}`")
        value = positional[index].value if index < len(positional) else None
        if value is not None and not isinstance(value, ast.Spread):
            self._no_axis(value, name)
            return static_size(self.b, value, f"`{name}`")
        if default is None:
            raise Problem("E0209", f"`{self.syntax.name.id}` lacks `{name}` in its brackets")
        return Size.of(default)

    def _no_axis(self, value: Any, name: str) -> None:
        """An axis of the operand in a size slot is an error, never read as its size."""
        if isinstance(value, ast.Name) and any(
            self.b.axis(value.id) in arg.type.axes for arg in self.args
        ):
            raise Problem(
                "E0209",
                f"`{name}` of `{self.syntax.name.id}` is a number; {value.id} is an axis of the "
                f"value",
            )

    def axis_or_size_slot(self, index: int) -> tuple[str, Size]:
        from asiarch.elaborate.expression import static_size

        if index >= len(self._slots):
            raise Problem("E0209", f"`{self.syntax.name.id}` wants a new axis: `[W = 4]`")
        slot = self._slots[index]
        if isinstance(slot.value, ast.Spread):
            raise Problem("E0209", f"`{self.syntax.name.id}` wants one axis, not a list of them")
        if slot.name is not None:
            size = static_size(self.b, slot.value, f"axis {slot.name}")
            return slot.name, size
        if isinstance(slot.value, ast.Name) and self.b.axis(slot.value.id) in self.b.axes:
            axis = self.b.axis(slot.value.id)
            return axis, self.b.axes[axis]
        size = static_size(self.b, slot.value, "a size")
        return self.b.fresh_axis("window", size), size

    def initialiser(self) -> Node | None:
        from asiarch.elaborate.expression import value

        for slot in self._slots:
            if slot.name == "init" and not isinstance(slot.value, ast.Spread):
                return value(self.b, slot.value)
        return None

    def has_axis(self, axis: str) -> bool:
        return axis in self.b.axes

    def axis_size(self, axis: str) -> Size:
        return self.b.axis_size(axis)

    def define_axis(self, axis: str, size: Size) -> None:
        self.b.define_axis(axis, size)

    def fresh_axis(self, stem: str, size: Size) -> str:
        return self.b.fresh_axis(stem, size)

    def label(self) -> str:
        return call_path(self.b, self.syntax)

    def param(self, axes: tuple[str, ...], initial: Node) -> Node:
        if self.b.kind == "attend":
            raise Problem(
                "E0225",
                "a learnt map inside `attend` would be applied to every pair of tokens",
                help="bind it above the block, and read the result at `t` or at `j`",
            )
        return self.b.param(call_path(self.b, self.syntax), axes, initial)


def call_path(b: Builder, call: ast.Call | ast.Pipe) -> str:
    """`target.operator`, the operator numbered within its equation."""
    label = b.labels.of(call)
    return f"{b.target}.{label}" if b.target else label


def spread(b: Builder, entry: ast.Spread) -> list[str]:
    if entry.id not in b.spreads:
        raise Problem("E0104", f"`{entry.id}...` is not bound by the header of this definition")
    return list(b.spreads[entry.id])


def axes_of(b: Builder, entries: Sequence[ast.Name | ast.Spread]) -> tuple[str, ...]:
    """A list of axes in a declaration; every one must be known."""
    out: list[str] = []
    for entry in entries:
        out += spread(b, entry) if isinstance(entry, ast.Spread) else [b.axis(entry.id)]
    return tuple(out)
