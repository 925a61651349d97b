"""Calls: of a definition as a use of its own, of a primitive by its rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

from asiarch.fuzz.surface.frame import Counted, Frame, Shared, at_tokens, axes_of
from asiarch.fuzz.surface.static import NotStatic, number
from asiarch.fuzz.surface.value import Axes, Thunk, Value
from asiarch.language import ast


def results(f: Frame, e: ast.Call | ast.Pipe) -> list[Thunk]:
    """What a call gives. Raises ValueError where it does not fit."""
    from asiarch.fuzz.surface.expression import value
    from asiarch.fuzz.surface.primitives import Site, primitive

    name, brackets = e.name.id, e.brackets
    path = f.under(".".join(x for x in (f.target, f.labels.get(id(e), name)) if x))
    shared = f.names.get(name)
    if isinstance(shared, Shared):
        name, brackets, path = shared.operator.id, shared.brackets, shared.path
    written = [*([e.value] if isinstance(e, ast.Pipe) else []), *(a.value for a in e.arguments)]
    found = f.run.files.find(f.file, name)
    if found is None:
        site = Site(f, name, brackets, [value(f, x) for x in written], path)
        return [primitive(site)]
    file, definition = found
    if any(a.name for a in e.arguments):
        written = _by_name(definition, e, written)
    use = _Use(f, definition, brackets, [value(f, x) for x in written])
    return use.run(file, path)


def _by_name(
    definition: ast.Definition, e: ast.Call | ast.Pipe, written: list[ast.Expr]
) -> list[ast.Expr]:
    formals = [x.name.id for x in definition.formals]
    first = len(written) - len(e.arguments)
    chosen = dict(zip(formals, written[:first], strict=False))
    for n, argument in enumerate(e.arguments):
        chosen[argument.name or formals[first + n]] = argument.value
    return [chosen[x] for x in formals]


def any_type(definition: ast.Definition) -> bool:
    """Is it written in the axes of its caller?"""
    written = [x.type.axes or () for x in definition.formals if x.type is not None]
    lists = any(isinstance(a, ast.Spread) for axes in written for a in axes)
    lists = lists or any(h.spread or h.each for h in definition.header)
    return lists or len(written) < len(definition.formals)


@dataclass(slots=True)
class _Use:
    """One call of a definition. Of a header name: its size, and the caller's axis if it has one."""

    caller: Frame
    definition: ast.Definition
    brackets: ast.Brackets | None
    arguments: list[Thunk]
    sizes: dict[str, Fraction] = field(default_factory=dict[str, Fraction])
    axes: dict[str, str] = field(default_factory=dict[str, str])
    lists: dict[str, Axes] = field(default_factory=dict[str, Axes])

    def run(self, file: str, path: str) -> list[Thunk]:
        from asiarch.fuzz.surface.body import results_of

        self._by_brackets()
        orders = [self._by_argument(*x) for x in
                  zip(self.definition.formals, self.arguments, strict=True)]  # fmt: skip
        frame = Frame(self.caller.run, file, path, called=True)
        self._by_default(frame)
        if any_type(self.definition):
            self._in_the_callers_axes(frame)
        else:
            frame.extents = {n: int(x) for n, x in self.sizes.items() if x.denominator == 1}
        frame.numbers, frame.lists = dict(self.sizes), self.lists
        for formal, argument, order in zip(
            self.definition.formals, self.arguments, orders, strict=True
        ):
            frame.names[formal.name.id] = self._given(argument, order)
        return self._returned(frame, results_of(frame, self.definition))

    # -- header names ------------------------------------------------------------------------------

    def _by_brackets(self) -> None:
        slots = list(self.brackets.slots) if self.brackets else []
        free = [s.value for s in slots if s.name is None]
        for entry in self.definition.header:
            name = entry.name.id
            if entry.each:
                written = self.brackets.each if self.brackets else ()
                self.lists[name] = listed(self.caller, written)
            elif entry.spread:
                self.lists[name] = listed(self.caller, free)
                free = []
            elif free:
                self._bind(name, cast("ast.Expr", free.pop(0)))
        for slot in slots:
            if slot.name is not None:
                self._bind(slot.name, cast("ast.Expr", slot.value))

    def _bind(self, name: str, e: ast.Expr) -> None:
        f = self.caller
        if isinstance(e, ast.Name) and f.axis(e.id) in f.extents:
            loop = isinstance(f.names.get(e.id), Counted)
            if not loop:
                self.axes[name] = f.axis(e.id)
        self.sizes[name] = number(f, e)

    def _by_argument(self, formal: ast.Formal, argument: Thunk) -> dict[str, str] | None:
        """The argument's axis for each of the formal's, in order; None where any type will do."""
        if formal.type is None or formal.type.name.id == "Token":
            return None
        entries = formal.type.axes or ()
        left = list(axes_of(argument))
        if len(entries) == 1 and isinstance(entries[0], ast.Spread):
            self.lists[entries[0].id] = tuple(left)
            return None
        wanted = [e.id for e in entries]
        pairs: dict[str, str] = {}
        for name in wanted:
            axis = self.axes.get(name, name)
            if axis in left:
                pairs[name] = axis
                left.remove(axis)
        open_ = [n for n in wanted if n not in pairs]
        if len(open_) == 1 and len(left) == 1:
            pairs[open_[0]] = left.pop()
        elif open_ or left:
            raise ValueError(f"{formal.name.id} wants {wanted}, got {axes_of(argument)}")
        for name, axis in pairs.items():
            self.axes[name] = axis
            self.sizes[name] = Fraction(self.caller.extents[axis])
        return {n: pairs[n] for n in wanted}

    def _by_default(self, frame: Frame) -> None:
        """Defaults, with what is bound so far; then the caller's names."""
        frame.numbers = self.sizes
        for entry in self.definition.header:
            name = entry.name.id
            if entry.spread or entry.each or name in self.sizes:
                continue
            if entry.default is not None:
                self.sizes[name] = number(frame, entry.default)
                continue
            if name == "vocab" and name not in self.caller.extents:
                continue
            self._of_the_caller(name)

    def _of_the_caller(self, name: str) -> None:
        f = self.caller
        if f.axis(name) in f.extents and not isinstance(f.names.get(name), Counted):
            self.axes[name] = f.axis(name)
        try:
            self.sizes[name] = number(f, ast.Name(ast.Span(0, 0), name))
        except NotStatic as error:
            raise ValueError(f"no size for {name}") from error

    # -- into the definition and back --------------------------------------------------------------

    def _in_the_callers_axes(self, frame: Frame) -> None:
        """Header names that are no axis of the caller get private ones."""
        frame.extents = dict(self.caller.extents)
        for name, size in self.sizes.items():
            axis = self.axes.get(name)
            frame.axes[name] = axis if axis is not None else self.caller.run.private(name)
            if size.denominator == 1:
                frame.extents.setdefault(frame.axes[name], int(size))

    def _given(self, argument: Thunk, pairs: dict[str, str] | None) -> Thunk:
        """An argument in the names of the definition."""
        if pairs is None:
            return argument
        order = tuple(pairs.values())
        names = order if any_type(self.definition) else tuple(pairs)
        return at_tokens(lambda t, j: Value(names, argument(t, j).ordered(order).data))

    def _returned(self, frame: Frame, found: list[Thunk]) -> list[Thunk]:
        """Results in the caller's axes; one that it does not know is an axis of that name."""
        if any_type(self.definition):
            return found
        for name in (a for x in found for a in axes_of(x)):
            if name not in self.axes:
                self.caller.extents.setdefault(name, frame.extents[name])

        def back(x: Thunk) -> Thunk:
            return at_tokens(lambda t, j: x(t, j).renamed(self.axes))

        return [back(x) for x in found]


def listed(f: Frame, entries: Sequence[ast.Expr | ast.Spread | ast.Name]) -> Axes:
    """Axes that a bracket lists, `C...` written out."""
    found: list[str] = []
    for entry in entries:
        while isinstance(entry, ast.Paren):
            entry = entry.inner
        if isinstance(entry, ast.Spread):
            found += f.lists[entry.id]
        elif isinstance(entry, ast.Name):
            found.append(f.axis(entry.id))
    return tuple(found)
