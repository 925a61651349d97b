"""Calls: of a primitive by its own rule, of a definition by binding its header names.

A header name is bound by, in this order: the call's brackets, the inputs' axes, its default, the
caller's name of the same spelling. Two axes never unify because their sizes agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from asiarch.elaborate import share
from asiarch.elaborate.builder import Builder
from asiarch.elaborate.scope import Quiet, Shared, Static
from asiarch.elaborate.site import CallSite, call_path, spread
from asiarch.ir import rules
from asiarch.ir.function import Function
from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Primitive, Problem, registry
from asiarch.ir.size import Size
from asiarch.ir.types import Type
from asiarch.language import ast
from asiarch.language.names import suggest


@cache
def words() -> dict[str, Primitive]:
    """Primitives that a program can call, by the word that calls them."""
    return {p.symbol if p.symbol.isidentifier() else n: p for n, p in registry().items() if p.build}


def elaborate_call(b: Builder, call: ast.Call | ast.Pipe) -> list[Node]:
    """The results of a call, as nodes of the caller."""
    from asiarch.elaborate.expression import value

    path = call_path(b, call)
    shared = share.find(b, call.name.id)
    if shared is not None:
        call = share.written(b, call, shared, call.name.id)
    name = call.name.id
    written = [a.value for a in call.arguments]
    if isinstance(call, ast.Pipe):
        written.insert(0, call.value)
    definition = b.elaborator.definition(b.file, name)
    if definition is None and name not in words():
        _unknown(b, call.name)
    if definition is not None and any(a.name for a in call.arguments):
        written = _by_name(b, call, written, definition.syntax)
    args = [value(b, e) for e in written]
    places = tuple(e.span for e in written)
    try:
        if definition is None:
            return [_primitive(b, call, args, shared)]
        return call_definition(b, call, definition, args, path, shared)
    except Problem as problem:
        b.problem(problem, ast.Span(call.name.span.start, call.span.end), places)


def _primitive(
    b: Builder, call: ast.Call | ast.Pipe, args: Sequence[Node], shared: Shared | None
) -> Node:
    build = words()[call.name.id].build
    assert build is not None
    if shared is not None:
        return build(share.SharedSite(b, call, args, shared))
    return build(CallSite(b, call, args))


def known_operator(b: Builder, name: ast.Name) -> None:
    """Refuse what is no operator."""
    if b.elaborator.definition(b.file, name.id) is None and name.id not in words():
        _unknown(b, name)


def _unknown(b: Builder, called: ast.Name) -> None:
    name = called.id
    if b.elaborator.broken(b.file, name):
        raise Quiet
    if b.scope.find(name) is not None:
        b.fail("E0105", f"`{name}` is a value, not an operator", called.span,
               help="a product is written `*`, a contraction `@`")  # fmt: skip
    if b.elaborator.full:
        raise Quiet
    near = suggest(name, [*words(), *b.elaborator.definition_names(b.file)])
    from asiarch.language.diagnostics import Fix

    b.fail(
        "E0105",
        f"there is no operator `{name}`",
        called.span,
        help=f"did you mean `{near}`?"
        if near
        else "`asiarch ops` lists them; `use file.name` imports one",
        fix=Fix(called.span, near) if near else None,
    )


def _by_name(
    b: Builder, call: ast.Call | ast.Pipe, written: list[ast.Expr], syntax: ast.Definition
) -> list[ast.Expr]:
    formals = [f.name.id for f in syntax.formals]
    offset = len(written) - len(call.arguments)
    slots: dict[str, ast.Expr] = dict(zip(formals, written[:offset], strict=False))
    for index, argument in enumerate(call.arguments):
        key = argument.name or (formals[offset + index] if offset + index < len(formals) else "")
        if key not in formals or key in slots:
            b.fail("E0208", f"`{syntax.name.id}` takes {', '.join(formals)}", argument.span)
        slots[key] = argument.value
    missing = [f for f in formals if f not in slots]
    if missing:
        b.fail("E0208", f"`{syntax.name.id}` lacks {', '.join(missing)}", call.span)
    return [slots[f] for f in formals]


@dataclass(slots=True)
class Bound:
    """Header names bound so far: a size each, and the caller's axis where there is one."""

    sizes: dict[str, Size] = field(default_factory=dict[str, Size])
    axes: dict[str, str] = field(default_factory=dict[str, str])
    by: dict[str, str] = field(default_factory=dict[str, str])
    spreads: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def bind(self, name: str, size: Size, axis: str | None, by: str) -> None:
        self.sizes[name] = size
        self.by[name] = by
        if axis is not None:
            self.axes[name] = axis


def call_definition(
    b: Builder,
    call: ast.Call | ast.Pipe,
    definition: object,
    args: Sequence[Node],
    path: str,
    shared: Shared | None,
) -> list[Node]:
    """`path`: of the call's parameters and states."""
    from asiarch.elaborate.program import Named

    assert isinstance(definition, Named)
    syntax = definition.syntax
    if syntax.kind == "model":
        raise Problem("E0105", f"`{syntax.name.id}` is a model; only operators are called")
    if b.kind == "attend":
        raise Problem("E0225", "a definition with streams cannot be called inside `attend`")
    if len(args) != len(syntax.formals):
        takes = ", ".join(f.name.id for f in syntax.formals)
        raise Problem(
            "E0208",
            f"`{syntax.name.id}` takes {len(syntax.formals)} values ({takes}), got {len(args)}",
        )
    bound = Bound()
    _explicit(b, call, syntax, bound)
    ordered = [
        _bind_argument(b, f, a, i, bound)
        for i, (f, a) in enumerate(zip(syntax.formals, args, strict=True))
    ]
    _remaining(b, call, syntax, bound)
    place = ast.Span(call.name.span.start, call.span.end)
    b.elaborator.calling = place
    mark = len(b.elaborator.diagnostics)
    function = b.elaborator.instance(definition, bound, [a.type for a in ordered], b)
    if function is None:
        _blame(b, syntax.name.id, mark, place)
        raise Quiet
    _note_bindings(b, call, bound)
    sizes = tuple(sorted((n, s) for n, s in _call_sizes(b, function, bound).items()))
    kinds = tuple(_result_type(b, function, bound, ordered, o) for o in function.outputs)
    if shared is not None:
        function, ordered = share.with_weights(b, shared, function, ordered, kinds, dict(sizes))
    node = make(
        "call",
        ordered,
        Type("tensor"),
        function=function,
        path=path,
        sizes=sizes,
        results=kinds,
    )
    b.spans.setdefault(node, call.span)
    return [make("result", (node,), kind, index=i) for i, kind in enumerate(kinds)]


def _blame(b: Builder, name: str, mark: int, place: ast.Span) -> None:
    """What goes wrong inside of a library definition is said of the call."""
    found = b.elaborator.diagnostics
    for index in range(mark, len(found)):
        if (found[index].file or "").startswith("<") and found[index].file != b.file:
            message = f"in `{name}`: {found[index].message}"
            found[index] = replace(found[index], message=message, span=place, file=b.file,
                                   label="", secondary=(), fix=None)  # fmt: skip


def _explicit(b: Builder, call: ast.Call | ast.Pipe, syntax: ast.Definition, bound: Bound) -> None:
    """Names that the call's brackets bind: positional in order of the header, or by name."""
    site = CallSite(b, call, ())
    slots = list(call.brackets.slots) if call.brackets else []
    if call.brackets is not None and call.brackets.arrow is not None:
        raise Problem("E0209", f"`{syntax.name.id}` takes no `->` in its brackets")
    positional = [s for s in slots if s.name is None]
    header = [h for h in syntax.header if not h.each]
    for entry in header:
        if entry.spread:
            taken: list[str] = []
            while positional:
                value = positional.pop(0).value
                if isinstance(value, ast.Spread):
                    taken += spread(b, value)
                elif isinstance(value, ast.Name):
                    taken.append(b.axis(value.id))
                else:
                    raise Problem("E0209", f"`{syntax.name.id}` wants axes in its brackets")
            bound.spreads[entry.name.id] = tuple(taken)
        elif positional:
            _bind_slot(b, entry.name.id, positional.pop(0), bound)
    if positional:
        raise Problem("E0209", f"`{syntax.name.id}` has {len(header)} names in its header")
    known = {h.name.id for h in header}
    for slot in slots:
        if slot.name is None:
            continue
        if slot.name not in known:
            near = suggest(slot.name, list(known))
            raise Problem(
                "E0106",
                f"`{syntax.name.id}` has no `{slot.name}` in its header",
                help=f"did you mean `{near}`?"
                if near
                else f"it has {', '.join(sorted(known)) or 'none'}",
            )
        _bind_slot(b, slot.name, slot, bound)
    for entry in syntax.header:
        if entry.each:
            bound.spreads[entry.name.id] = site.each()


def _bind_slot(b: Builder, name: str, slot: ast.Slot, bound: Bound) -> None:
    from asiarch.elaborate.expression import static_size

    value = b.single(slot)
    if (
        isinstance(value, ast.Name)
        and b.axis(value.id) in b.axes
        and not isinstance(b.scope.find(value.id), Static)
    ):
        axis = b.axis(value.id)
        bound.bind(name, b.axes[axis], axis, "the call")
    elif isinstance(value, ast.Name) and value.id in b.header and value.id in b.axes:
        bound.bind(name, b.axes[value.id], value.id, "the call")
    else:
        bound.bind(name, static_size(b, value, f"`{name}`"), None, "the call")


def _bind_argument(b: Builder, formal: ast.Formal, arg: Node, index: int, bound: Bound) -> Node:
    """Bind the formal's axes to the argument's, and put the argument in the formal's order."""
    if formal.type is None:
        return arg
    kind = formal.type.name.id
    _check_mode(formal, arg, kind, index)
    if kind == "Token":
        if arg.type.vocab is not None and "vocab" not in bound.sizes:
            bound.bind("vocab", b.axis_size(arg.type.vocab), arg.type.vocab, "the tokens")
        return arg
    entries = formal.type.axes or ()
    if len(entries) == 1 and isinstance(entries[0], ast.Spread):
        bound.spreads[entries[0].id] = arg.type.axes
        return arg
    wanted = [e.id for e in entries]
    left = list(arg.type.axes)
    pairs: dict[str, str] = {}
    for name in wanted:
        target = bound.axes.get(name, name)
        if target in left:
            pairs[name] = target
            left.remove(target)
    open_names = [n for n in wanted if n not in pairs]
    if len(open_names) == 1 and len(left) == 1:
        pairs[open_names[0]] = left.pop()
        open_names = []
    if open_names or left:
        raise Problem(
            "E0217",
            f"`{formal.name.id}` wants {rules.show(wanted)}, got {rules.show(arg.type.axes)}",
            help="axes are matched by name; `rename[A -> B](x)`, or say `B = A` in the brackets",
            argument=index,
        )
    for name, axis in pairs.items():
        _bind_axis(b, name, axis, index, bound)
    return rules.order(arg, tuple(pairs[n] for n in wanted))


def _check_mode(formal: ast.Formal, arg: Node, kind: str, index: int) -> None:
    wants_tensor, wants_token = kind == "Tensor", kind == "Token"
    if wants_token != (arg.type.mode == "token"):
        raise Problem("E0218", f"`{formal.name.id}` wants {kind}, got {arg.type}", argument=index)
    if wants_tensor and arg.type.stream:
        raise Problem(
            "E0218",
            f"`{formal.name.id}` wants a Tensor, got a stream: its value changes with the token",
            argument=index,
        )


def _bind_axis(b: Builder, name: str, axis: str, index: int, bound: Bound) -> None:
    size = b.axis_size(axis)
    if name not in bound.sizes:
        bound.bind(name, size, axis, "the inputs")
        return
    difference = b.resolved(bound.sizes[name]) - b.resolved(size)
    if difference.constant is not None and difference.constant != 0:
        raise Problem(
            "E0505",
            f"{name} is {bound.sizes[name]} by {bound.by[name]}, but axis {axis} has size {size}",
            argument=index,
        )
    bound.axes.setdefault(name, axis)
    if bound.axes[name] != axis:
        raise Problem(
            "E0217",
            f"{name} cannot be both {bound.axes[name]} and {axis}",
            argument=index,
        )


def _remaining(b: Builder, call: ast.Call | ast.Pipe, syntax: ast.Definition, bound: Bound) -> None:
    """Defaults, then the caller's names."""
    for entry in syntax.header:
        name = entry.name.id
        if entry.spread or entry.each or name in bound.sizes:
            continue
        if entry.default is not None:
            size = b.elaborator.default_size(b, syntax, entry, bound.sizes)
            bound.bind(name, size, None, "its default")
            continue
        found = b.scope.find(name)
        if found is None and b.outer is not None and name not in b.axes:
            found = b.lookup(name, call.span) if name in b.visible() else None
        if name in b.axes:
            bound.bind(name, b.axes[name], name, "the caller's name")
        elif isinstance(found, Static):
            bound.bind(name, found.size, None, "the caller's name")
        else:
            raise Problem(
                "E0501",
                f"the size of `{name}` of `{syntax.name.id}` is not known here",
                help=f"write `{syntax.name.id}[{name} = ...](...)`",
            )


def _call_sizes(b: Builder, function: Function, bound: Bound) -> dict[str, Size]:
    """What the callee's symbols stand for in the caller."""
    out: dict[str, Size] = {}
    symbols: set[str] = set()
    for size in function.axes.values():
        symbols |= size.symbols()
    for size in function.header.values():
        symbols |= size.symbols()
    for name in symbols:
        if name in bound.sizes:
            out[name] = bound.sizes[name]
        elif name in b.axes:
            out[name] = b.axes[name]
    return out


def _result_type(
    b: Builder, function: Function, bound: Bound, args: Sequence[Node], output: Node
) -> Type:
    """A result's type in the caller's axes."""
    axes: list[str] = []
    for axis in output.type.axes:
        if axis in bound.axes:
            axes.append(bound.axes[axis])
            continue
        if function.polymorphic and axis in b.axes:
            axes.append(axis)
            continue
        size = bound.sizes.get(axis)
        if size is None:
            size = function.axes[axis].substitute(_call_sizes(b, function, bound))
        b.define_axis(axis, size)
        axes.append(axis)
    if len(set(axes)) != len(axes):
        raise Problem(
            "E0217", f"a result of `{function.name}` would have an axis twice: {rules.show(axes)}"
        )
    return Type(
        output.type.mode,
        tuple(axes),
        open=output.type.open,
        positional=output.type.positional and all(a.type.positional for a in args),
        boolean=output.type.boolean,
    )


def _note_bindings(b: Builder, call: ast.Call | ast.Pipe, bound: Bound) -> None:
    for name, size in bound.sizes.items():
        b.bindings.append(
            (f"{call.name.id}.{name}", bound.by[name], str(bound.axes.get(name, size)))
        )
