"""One function in the making: its axes, names, parameters, states and diagnostics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from asiarch.elaborate.scope import Binding, Poison, Quiet, Scope, Shared, StateName, Static, Value
from asiarch.elaborate.walk import Labels, targets
from asiarch.ir.function import ClaimInfo, Function, ParamInfo, StateInfo
from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Problem
from asiarch.ir.size import Size
from asiarch.ir.types import SEQ, Type
from asiarch.language import ast
from asiarch.language.ast import Span
from asiarch.language.diagnostics import Diagnostic, Fix, Label
from asiarch.language.names import suggest

if TYPE_CHECKING:
    from asiarch.elaborate.program import Elaborator


@dataclass(slots=True)
class Builder:
    """Mutable while a definition (or a loop body, an arm, an attend body) is elaborated.

    alias: header names that stand for another axis (library definitions of any type).
    spreads: axis lists bound by `C...`. outer: the builder whose values this one captures.
    """

    elaborator: Elaborator
    name: str
    kind: str
    file: str | None
    axes: dict[str, Size]
    header: dict[str, Size]
    defaults: dict[str, Size] = field(default_factory=dict[str, Size])
    alias: dict[str, str] = field(default_factory=dict[str, str])
    spreads: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    outer: Builder | None = None
    outer_scope: Scope | None = None
    scope: Scope = field(default_factory=Scope)
    inputs: list[Node] = field(default_factory=list[Node])
    input_names: list[str] = field(default_factory=list[str])
    captured: dict[Node, Node] = field(default_factory=dict[Node, Node])
    captures: list[Node] = field(default_factory=list[Node])
    params: list[ParamInfo] = field(default_factory=list[ParamInfo])
    states: list[StateName] = field(default_factory=list[StateName])
    losses: list[Node] = field(default_factory=list[Node])
    outputs: list[Node] = field(default_factory=list[Node])
    claims: list[ClaimInfo] = field(default_factory=list[ClaimInfo])
    names: dict[str, Node] = field(default_factory=dict[str, Node])
    hints: dict[Node, str] = field(default_factory=dict[Node, str])
    spans: dict[Node, Span] = field(default_factory=dict[Node, Span])
    target_counts: dict[str, int] = field(default_factory=dict[str, int])
    target: str = ""
    labels: Labels = field(default_factory=Labels)
    in_loss: bool = False
    lookahead: int = 0
    polymorphic: bool = False
    bindings: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    loops: int = 0
    serial: int = 0
    head: str = ""  # the definition's text up to its body, where statements may be known

    # -- diagnostics -----------------------------------------------------------------------------

    def report(
        self,
        code: str,
        message: str,
        span: Span,
        *,
        label: str = "",
        help: str | None = None,
        fix: Fix | None = None,
        secondary: Sequence[Label] = (),
    ) -> None:
        self.elaborator.report(
            Diagnostic(
                code=code,
                message=message,
                span=span,
                label=label,
                help=help,
                fix=fix,
                secondary=tuple(secondary),
                file=self.file,
            )
        )

    def fail(self, code: str, message: str, span: Span, **more: Any) -> NoReturn:
        self.report(code, message, span, **more)
        raise Quiet

    def problem(self, problem: Problem, span: Span, arguments: Sequence[Span] = ()) -> NoReturn:
        """Turn a typing rule's complaint into a diagnostic at its place."""
        at = problem.argument
        place = arguments[at] if at is not None and at < len(arguments) else span
        self.fail(problem.code, problem.message, place, help=problem.help)

    # -- names -----------------------------------------------------------------------------------

    def lookup(self, name: str, span: Span) -> Binding:
        """The binding of a name, captured from the enclosing function when it lives there."""
        found = self.scope.find(name)
        if found is None and self.outer is not None:
            found = self._capture(name, span)
        if found is None:
            self.unknown(name, span)
        if isinstance(found, Poison):
            raise Quiet
        if isinstance(found, Shared):
            here = Label(found.span, "declared here")
            self.fail("E0120", f"`{name}` is a shared operator, not a value", span,
                      help=f"call it: `{name}(x)`", secondary=(here,))  # fmt: skip
        return found

    def _capture(self, name: str, span: Span) -> Binding | None:
        assert self.outer is not None
        assert self.outer_scope is not None
        saved, self.outer.scope = self.outer.scope, self.outer_scope
        try:
            found = self.outer.scope.find(name)
            if found is None and self.outer.outer is not None:
                found = self.outer._capture(name, span)
        finally:
            self.outer.scope = saved
        if isinstance(found, Value):
            return Value(self.capture(found.node, name), found.kind, found.span)
        if isinstance(found, StateName):
            current = self.capture(found.current, name) if found.current is not None else None
            leaf = self.capture(found.leaf, f"{name}[t-1]")
            return StateName(leaf, found.axes, found.initial, found.span, current)
        return found

    def capture(self, node: Node, name: str) -> Node:
        """The input of this function that stands for a value of the enclosing one."""
        if node.op in ("size", "const", "position"):
            return node
        if node not in self.captured:
            leaf = make("input", (), node.type, name=name, index=len(self.inputs), of=self.name)
            self.inputs.append(leaf)
            self.input_names.append(name)
            self.captured[node] = leaf
            self.captures.append(node)
        return self.captured[node]

    def captured_from(self, leaf: Node) -> Node | None:
        """What an input of this function stands for in the enclosing one; None for what is here."""
        return next((node for node, inside in self.captured.items() if inside is leaf), None)

    def visible(self) -> list[str]:
        out = self.scope.all_names()
        builder: Builder = self
        while builder.outer is not None:
            out += (builder.outer_scope or builder.outer.scope).all_names()
            builder = builder.outer
        return out

    def unknown(self, name: str, span: Span) -> NoReturn:
        if name == "T":
            self.fail(
                "E0103",
                "the length of the sequence is not a value of the language",
                span,
                help="`t` is the position in the document; a running mean is `cummean[time](x)`",
            )
        if self.elaborator.full:
            raise Quiet
        elsewhere = self._bound_elsewhere(name, span)
        if elsewhere is not None:
            self.fail("E0101", f"`{name}` is not defined here", span, secondary=(elsewhere,),
                      help="blocks are read from top to bottom; what a `for` or `if` binds is "
                      "its own, unless the name exists above it")  # fmt: skip
        near = suggest(name, [*self.visible(), *self.axes])
        fix = Fix(span, near) if near else None
        self.fail(
            "E0101",
            f"`{name}` is not defined here",
            span,
            help=f"did you mean `{near}`?" if near else None,
            fix=fix,
        )

    def _bound_elsewhere(self, name: str, span: Span) -> Label | None:
        """Where this definition binds the name, though not where it is read."""
        root = self
        while root.outer is not None:
            root = root.outer
        found = self.elaborator.definition(self.file, root.name)
        if found is None or found.file != self.file:
            return None
        place = targets(found.syntax.body).get(name)
        if place is None:
            return None
        return Label(place, "bound here, below" if place.start > span.start else "bound here")

    def bind(self, name: str, node: Node, span: Span) -> None:
        self.scope.names[name] = Value(node, "stream", span)
        self.names[name] = node
        self.hints.setdefault(node, name)

    def single(self, slot: ast.Slot) -> ast.Expr:
        """The expression of a bracket's slot; a list of axes is refused."""
        if isinstance(slot.value, ast.Spread):
            self.fail("E0104", f"`{slot.value.id}...` is a list of axes; one value is wanted here",
                      slot.span)  # fmt: skip
        return slot.value

    # -- axes ------------------------------------------------------------------------------------

    def axis(self, name: str) -> str:
        return self.alias.get(name, name)

    def axis_size(self, name: str, span: Span | None = None) -> Size:
        if name in self.axes:
            return self.axes[name]
        near = suggest(name, list(self.axes))
        raise Problem(
            "E0102",
            f"axis `{name}` is not known here",
            help=f"did you mean `{near}`?"
            if near
            else "name it in the header, or make it with `split`, `stack`, `rename` or `window`",
        )

    def define_axis(self, name: str, size: Size) -> None:
        known = self.axes.get(name)
        if known is None:
            self.axes[name] = size
            return
        difference = self.resolved(known) - self.resolved(size)
        if difference.constant is not None and difference.constant != 0:
            raise Problem(
                "E0505",
                f"axis {name} has size {self.resolved(known)}, but here it would be "
                f"{self.resolved(size)}",
            )

    def resolved(self, size: Size) -> Size:
        """A size with defaults put in for the names that have one."""
        for _ in range(8):
            replaced = size.substitute(self.defaults)
            if replaced == size:
                return size
            size = replaced
        return size

    def fresh_axis(self, stem: str, size: Size) -> str:
        name = f"{stem}'"
        while name in self.axes and self.axes[name] != size:
            name += "'"
        self.axes[name] = size
        return name

    # -- parameters ------------------------------------------------------------------------------

    def next_target(self, name: str) -> str:
        """`x`, then `x_2`, ...: counted over the whole definition."""
        root = self
        while root.outer is not None and root.kind in ("loop", "arm"):
            root = root.outer
        count = root.target_counts.get(name, 0) + 1
        root.target_counts[name] = count
        return name if count == 1 else f"{name}_{count}"

    def count_target(self, name: str) -> None:
        root = self
        while root.outer is not None and root.kind in ("loop", "arm"):
            root = root.outer
        root.target_counts[name] = root.target_counts.get(name, 0) + 1

    def param(self, path: str, axes: tuple[str, ...], initial: Node) -> Node:
        leaf = make("param", (), Type("tensor", axes), path=path, of=self.name)
        self.declare(ParamInfo(leaf, path, axes, initial))
        return leaf

    def declare(self, param: ParamInfo) -> None:
        """A parameter of the definition; one that it has already stays as it is."""
        if all(p.leaf is not param.leaf for p in self.params):
            self.params.append(param)

    # -- finish ----------------------------------------------------------------------------------

    def finish(self, source: Any = None) -> Function:
        states = tuple(
            StateInfo(
                s.leaf.attr("name"),
                s.leaf,
                s.initial,
                s.current if s.current is not None else s.leaf,
            )
            for s in self.states
        )
        return Function(
            name=self.name,
            kind=self.kind,
            inputs=tuple(self.inputs),
            outputs=tuple(self.outputs),
            axes=self.axes,
            header=self.header,
            input_names=tuple(self.input_names),
            params=tuple(self.params),
            states=states,
            losses=tuple(self.losses),
            claims=tuple(self.claims),
            defaults=self.defaults,
            names=dict(self.names),
            hints=dict(self.hints),
            spans=dict(self.spans),
            polymorphic=self.polymorphic,
            source=source,
            bindings=tuple(self.bindings),
        )

    def state(self, name: str, axes: tuple[str, ...], initial: Node, span: Span) -> StateName:
        self.serial += 1
        leaf = make("state", (), Type("seq", axes), name=name, serial=self.serial, of=self.name)
        made = StateName(leaf, axes, initial, span)
        self.states.append(made)
        return made


def position() -> Node:
    """`t`: the position of the token in its document."""
    return make("position", (), Type("seq", (), positional=True), which="t")


def static_binding(size: Size, kind: str, span: Span) -> Static:
    return Static(size, kind, span)


__all__ = ["SEQ", "Builder", "position", "static_binding"]
