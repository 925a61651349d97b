"""`attend j where C { ... }` to one node that holds the body as a function of (t, j).

Inside, every stream says whose token it is: `q[t]`, `k[j]`. The body's inputs are those reads, in
order; the node's operands are the streams and Tensors read. `low` and `high` bound j - t (see
`ir/offsets.py`).
"""

from __future__ import annotations

from typing import Any, NoReturn

from asiarch.elaborate.builder import Builder
from asiarch.elaborate.scope import Scope, StateName, Static, Value
from asiarch.ir import rules
from asiarch.ir.function import Function
from asiarch.ir.node import Node, make
from asiarch.ir.primitive import Problem
from asiarch.ir.types import Type
from asiarch.language import ast
from asiarch.language.names import suggest

WEIGHTS = ("softmax", "sigmoid", "relu2", "linear", "stickbreaking", "none")
_FIELDS = ("score", "value", "weight", "sink", "keep")


def elaborate_attend(b: Builder, e: ast.Attend) -> Node:
    fields = _fields(b, e)
    inner = AttendBuilder.of(b, e.variable.id)
    condition = inner.expression(e.condition)
    if not condition.type.positional:
        b.fail(
            "E0220",
            "the condition of `attend` may use t, j, sizes and loop variables only",
            e.condition.span,
            help="what depends on values belongs in `score:` or `keep:`",
        )
    if condition.type.axes or not condition.type.boolean:
        b.fail(
            "E0220", "the condition of `attend` is a comparison of t, j and sizes", e.condition.span
        )
    score = inner.expression(fields["score"])
    value = inner.expression(fields["value"])
    _mentions_j(b, e, inner, fields)
    weight = _weight(b, fields)
    sink = inner.expression(fields["sink"]) if "sink" in fields else None
    keep, count, block = _keep(b, inner, fields)
    outputs = [condition, score, value] + [n for n in (sink, keep) if n is not None]
    axes = tuple(a for a in score.type.axes if a not in value.type.axes) + value.type.axes
    body = Function(
        name=f"{b.name}.attend",
        kind="attend",
        inputs=tuple(inner.inputs),
        outputs=tuple(outputs),
        axes=b.axes,
        header=b.header,
        input_names=tuple(inner.input_names),
        spans=dict(inner.spans),
        source=e,
    )
    if sink is not None and not set(sink.type.axes) <= set(score.type.axes):
        b.fail("E0203", f"the sink has {rules.show(sink.type.axes)}, the score "
               f"{rules.show(score.type.axes)}", fields["sink"].span)  # fmt: skip
    if keep is not None and not set(keep.type.axes) <= set(score.type.axes):
        b.fail("E0203", f"`keep:` has {rules.show(keep.type.axes)}, the score "
               f"{rules.show(score.type.axes)}", fields["keep"].span)  # fmt: skip
    if sink is not None and weight != "softmax":
        b.fail("E0221", f"`sink:` stands beside the weights of a softmax; `{weight}` has none",
               fields["sink"].span)  # fmt: skip
    return make(
        "attend",
        inner.captures,
        Type("seq", axes),
        body=body,
        weight=weight,
        sink=sink is not None,
        keep=count,
        block=block,
        variable=e.variable.id,
    )


def _fields(b: Builder, e: ast.Attend) -> dict[str, ast.Expr]:
    fields: dict[str, ast.Expr] = {}
    for field in e.fields:
        name = field.name.id
        if name not in _FIELDS:
            near = suggest(name, _FIELDS)
            b.fail(
                "E0221",
                f"`attend` has no field `{name}`",
                field.name.span,
                help=f"did you mean `{near}`?" if near else f"it has {', '.join(_FIELDS)}",
            )
        if name in fields:
            b.fail("E0221", f"`{name}:` is given twice", field.span)
        fields[name] = field.value
    for name in ("score", "value"):
        if name not in fields:
            b.fail("E0221", f"`attend` lacks `{name}:`", e.span)
    return fields


def _weight(b: Builder, fields: dict[str, ast.Expr]) -> str:
    if "weight" not in fields:
        return "softmax"
    e = fields["weight"]
    if not isinstance(e, ast.Name) or e.id not in WEIGHTS:
        near = suggest(e.id, WEIGHTS) if isinstance(e, ast.Name) else None
        b.fail("E0221", f"`weight:` is one of {', '.join(WEIGHTS)}", e.span,
               help=f"did you mean `{near}`?" if near else None)  # fmt: skip
    return "none" if e.id == "linear" else e.id


def _keep(
    b: Builder, inner: AttendBuilder, fields: dict[str, ast.Expr]
) -> tuple[Node | None, Any, Any]:
    if "keep" not in fields:
        return None, None, None
    e = fields["keep"]
    if not isinstance(e, ast.Call) or e.name.id != "top" or len(e.arguments) != 1 or not e.brackets:
        b.fail("E0221", "`keep:` is `top[n](e)` or `top[n, block = b](e)`", e.span)
    from asiarch.elaborate.expression import static_size

    count = block = None
    for slot in e.brackets.slots:
        size = static_size(b, b.single(slot), "a number of tokens")
        if slot.name not in (None, "block") or (size.integer is not None and size.integer < 1):
            b.fail(
                "E0221", "`top` takes a number of tokens, at least 1, and `block = b`", slot.span
            )
        if slot.name == "block":
            block = size
        else:
            count = size
    if count is None or len(e.brackets.slots) > 1 + (block is not None):
        b.fail("E0221", "`keep:` is `top[n](e)` or `top[n, block = b](e)`", e.span)
    return inner.expression(e.arguments[0].value), count, block


def _mentions_j(
    b: Builder, e: ast.Attend, inner: AttendBuilder, fields: dict[str, ast.Expr]
) -> None:
    """If the score (the value) reads a stream, j must occur in it."""
    from asiarch.elaborate.walk import expressions

    for name in ("score", "value"):
        occurs = any(
            isinstance(x, ast.Name) and x.id == e.variable.id for x in expressions(fields[name])
        )
        streams = any(isinstance(x, ast.Index) for x in expressions(fields[name]))
        if streams and not occurs:
            b.fail(
                "E0222",
                f"`{name}:` reads streams but never at {e.variable.id}",
                fields[name].span,
                help=f"write `x[{e.variable.id}]` for the attended token's value",
            )


class AttendBuilder:
    """A builder whose streams are read at t or at j. It owns no states and no parameters."""

    def __init__(self, inner: Builder, variable: str) -> None:
        self.builder, self.variable = inner, variable

    @staticmethod
    def of(outer: Builder, variable: str) -> AttendBuilder:
        inner = _Inner(
            elaborator=outer.elaborator,
            name=f"{outer.name}.attend",
            kind="attend",
            file=outer.file,
            axes=outer.axes,
            header=outer.header,
            defaults=outer.defaults,
            alias=outer.alias,
            spreads=outer.spreads,
            outer=outer,
            outer_scope=outer.scope,
            labels=outer.labels,
            target=outer.target,
        )
        inner.variable = variable
        inner.reads = {}
        return AttendBuilder(inner, variable)

    @property
    def inputs(self) -> list[Node]:
        return self.builder.inputs

    @property
    def input_names(self) -> list[str]:
        return self.builder.input_names

    @property
    def captures(self) -> list[Node]:
        return self.builder.captures

    @property
    def spans(self) -> dict[Node, ast.Span]:
        return self.builder.spans

    def expression(self, e: ast.Expr) -> Node:
        from asiarch.elaborate.expression import value

        return value(self.builder, e)


class _Inner(Builder):
    """Overrides what names mean inside `attend`."""

    variable: str
    reads: dict[tuple[Node, str], Node]

    def lookup(self, name: str, span: ast.Span) -> Any:
        if name == self.variable:
            return Value(
                make("position", (), Type("seq", (), positional=True), which="j"), "position", span
            )
        assert self.outer is not None
        saved, self.outer.scope = self.outer.scope, self.outer_scope or Scope()
        try:
            found = self.outer.lookup(name, span)
        finally:
            self.outer.scope = saved
        if isinstance(found, Static):
            return found
        if not isinstance(found, Value):
            self._bare(name, span)
        if found.node.type.stream and not found.node.type.positional:
            self._bare(name, span)
        return Value(self.capture(found.node, name), found.kind, found.span)

    def _bare(self, name: str, span: ast.Span) -> NoReturn:
        self.fail(
            "E0223",
            f"inside `attend` a stream says whose token it is: is this `{name}[t]` or "
            f"`{name}[{self.variable}]`?",
            span,
            help=f"`{name}[t]` is the attending token's value, `{name}[{self.variable}]` the "
            f"attended one's",
        )

    def read(self, base: ast.Expr, where: str, span: ast.Span) -> Node:
        """`x[t]`, `x[j]`: an input of the body, read from the stream x at that token."""
        assert self.outer is not None
        if not isinstance(base, ast.Name):
            self.fail(
                "E0224",
                "inside `attend` only names are read at a token",
                base.span,
                help="bind the expression to a name above the block",
            )
        saved, self.outer.scope = self.outer.scope, self.outer_scope or Scope()
        try:
            found = self.outer.lookup(base.id, base.span)
        finally:
            self.outer.scope = saved
        if isinstance(found, StateName):
            node = found.leaf if found.current is None else found.current
            state = found.current is None
        elif isinstance(found, Value):
            node, state = found.node, False
        else:
            self.fail("E0224", f"`{base.id}` is a number, not a stream", base.span)
        if not node.type.stream:
            self.fail(
                "E0207",
                f"`{base.id}` is a Tensor: it does not change with the token",
                span,
                help=f"write `{base.id}` without an index",
            )
        key = (node, where)
        if key not in self.reads:
            leaf = make(
                "at", (), Type("seq", node.type.axes), which=where, index=len(self.inputs),
                state=state, of=self.name,
            )  # fmt: skip
            self.inputs.append(leaf)
            self.input_names.append(base.id)
            self.captures.append(node)
            self.reads[key] = leaf
        return self.reads[key]


def read_inside(b: Builder, e: ast.Index) -> Node | None:
    """The read `x[t]` or `x[j]` of an attend body; None outside of one, or when it is a pick."""
    if not isinstance(b, _Inner):
        return None
    slots = e.brackets.slots
    if len(slots) != 1 or slots[0].name is not None or e.brackets.arrow is not None:
        return None
    inner = slots[0].value
    while isinstance(inner, ast.Paren):
        inner = inner.inner
    if isinstance(inner, ast.Name) and inner.id in ("t", b.variable):
        return b.read(e.base, "t" if inner.id == "t" else "j", e.span)
    if isinstance(inner, ast.Binary):
        b.fail(
            "E0224",
            f"inside `attend` a stream is read at `t` or at `{b.variable}`, nothing else",
            e.span,
            help="delay it above the block: `y = x[t-1]`, then `y[t]`",
        )
    return None


__all__ = ["WEIGHTS", "AttendBuilder", "Problem", "elaborate_attend", "read_inside"]
