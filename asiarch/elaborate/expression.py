"""Expressions to nodes: operators, time indices, picks, calls. One diagnostic, then the statement
stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import NoReturn

from asiarch.elaborate import attend as attend_rules
from asiarch.elaborate.builder import Builder, position
from asiarch.elaborate.call import elaborate_call
from asiarch.elaborate.scope import Quiet, StateName, Static
from asiarch.ir import rules
from asiarch.ir.node import Node
from asiarch.ir.primitive import Problem
from asiarch.ir.primitives.delay import delay
from asiarch.ir.primitives.gather import gather
from asiarch.ir.primitives.pick import pick
from asiarch.ir.size import Size
from asiarch.language import ast
from asiarch.language.diagnostics import Fix, Label

_BINARY = {"+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod", "^": "pow",
           "and": "and", "or": "or"}  # fmt: skip
_COMPARE = {"<": ("less", False), "<=": ("less_equal", False), ">": ("less", True),
            ">=": ("less_equal", True), "==": ("equal", False),
            "!=": ("not_equal", False)}  # fmt: skip


@lru_cache(maxsize=4096)
def _number(text: str) -> Fraction:
    return Fraction(text)


def value(b: Builder, e: ast.Expr) -> Node:
    """The node of an expression, its place remembered."""
    node = _value(b, e)
    b.spans.setdefault(node, e.span)
    return node


def _value(b: Builder, e: ast.Expr) -> Node:
    match e:
        case ast.Number():
            return rules.number(_number(e.text) if len(e.text) <= 40 else Fraction(e.value))
        case ast.Paren():
            return value(b, e.inner)
        case ast.Name():
            return _name(b, e)
        case ast.Unary():
            return _unary(b, e)
        case ast.Binary():
            return _binary(b, e)
        case ast.Compare():
            return _compare(b, e)
        case ast.Call() | ast.Pipe():
            return one(b, elaborate_call(b, e), e.span)
        case ast.Index():
            return _index(b, e)
        case ast.Attend():
            return attend_rules.elaborate_attend(b, e)
        case ast.Bad():
            raise Quiet
        case ast.Prime():
            b.fail(
                "E0111",
                f"`{e.id}'` is not of the language",
                e.span,
                help=f"`{e.id}` is the value now, `{e.id}[t-1]` the value before",
                fix=Fix(e.span, e.id),
            )


def one(b: Builder, results: Sequence[Node], span: ast.Span) -> Node:
    if len(results) != 1:
        b.fail(
            "E0213",
            f"this call gives {len(results)} results, one is wanted here",
            span,
            help="bind them first: `y, z = f(x)`",
        )
    return results[0]


def _name(b: Builder, e: ast.Name) -> Node:
    if e.id == "t" and b.scope.find("t") is None:
        return position()
    if b.scope.find(e.id) is None and e.id in b.axes and e.id not in b.header:
        return rules.number(b.axes[e.id])
    if e.id in b.alias and b.scope.find(e.id) is None:
        return rules.number(b.axes[b.alias[e.id]])
    found = b.lookup(e.id, e.span)
    if isinstance(found, Static):
        return rules.number(found.size)
    if isinstance(found, StateName):
        if found.current is None:
            b.fail(
                "E0110",
                f"state `{e.id}` is read above its equation",
                e.span,
                help=f"write `{e.id}[t-1]` for the value before this token",
                fix=Fix(e.span, f"{e.id}[t-1]"),
                secondary=(Label(found.span, "declared here"),),
            )
        return found.current
    return found.node  # type: ignore[union-attr]


def _unary(b: Builder, e: ast.Unary) -> Node:
    inner = value(b, e.operand)
    try:
        if e.op == "not":
            return rules.pointwise("not", inner)
        return rules.pointwise("sub", rules.number(0), inner)
    except Problem as problem:
        b.problem(problem, e.span, (e.operand.span,))


def strip(e: ast.Expr) -> ast.Expr:
    while isinstance(e, ast.Paren):
        e = e.inner
    return e


def _binary(b: Builder, e: ast.Binary) -> Node:
    spine = [e]
    while isinstance(spine[-1].left, ast.Binary):
        spine.append(spine[-1].left)
    left = value(b, spine[-1].left)
    for node in reversed(spine):
        right = value(b, node.right)
        if node.op in ("*", "/"):
            _guard_contraction(b, node, right)
        try:
            left = (
                rules.at(left, right)
                if node.op == "@"
                else rules.pointwise(_BINARY[node.op], left, right)
            )
        except Problem as problem:
            _binary_problem(b, node, problem, left, right)
        b.spans.setdefault(left, node.span)
    return left


def _binary_problem(
    b: Builder, e: ast.Binary, problem: Problem, left: Node, right: Node
) -> NoReturn:
    """The complaint at the operator, with the type of either side."""
    if problem.argument is not None:
        b.problem(problem, e.span, (e.left.span, e.right.span))
    help = problem.help
    if help == "swap the sides":
        text = b.elaborator.text(b.file)
        one, two = (text[s.start : s.end] for s in (e.left.span, e.right.span))
        help = f"swap the sides: `{two} {e.op} {one}`"
    labels = (Label(e.left.span, str(left.type)), Label(e.right.span, str(right.type)))
    b.fail(problem.code, problem.message, e.op_span, help=help, secondary=labels)


def _guard_contraction(b: Builder, e: ast.Binary, right: Node) -> None:
    """`a @ b * c` without parentheses is an error when c has the contracted axis."""
    left = e.left
    if not (isinstance(left, ast.Binary) and left.op == "@"):
        return
    first = value(b, left.left)
    contracted = first.type.last
    if contracted is not None and contracted in right.type.axes:
        text = b.elaborator.text(b.file)
        a, m, c = (text[s.start : s.end] for s in (left.left.span, left.right.span, e.right.span))
        b.fail(
            "E0214",
            f"`{e.op}` after `@`: this reads ({a} @ {m}) {e.op} {c}, and {c} has the contracted "
            f"axis "
            f"{contracted}",
            e.span,
            help=f"write `{a} @ ({m} {e.op} {c})` or `({a} @ {m}) {e.op} {c}`",
        )


def _compare(b: Builder, e: ast.Compare) -> Node:
    operands = [value(b, o) for o in e.operands]
    out: Node | None = None
    for index, op in enumerate(e.ops):
        name, swapped = _COMPARE[op]
        pair = (operands[index + 1], operands[index]) if swapped else operands[index : index + 2]
        try:
            term = rules.pointwise(name, *pair)
            first = operands[index].type.axes
            if swapped and set(first) == set(term.type.axes):
                term = rules.order(term, first)  # `a > b` has the axes of a, as `a < b`
            out = term if out is None else rules.pointwise("and", out, term)
        except Problem as problem:
            b.problem(problem, e.span, tuple(o.span for o in e.operands))
    assert out is not None
    return out


# -- indices ---------------------------------------------------------------------------------------


def _index(b: Builder, e: ast.Index) -> Node:
    inside = attend_rules.read_inside(b, e)
    if inside is not None:
        return inside
    slots = e.brackets.slots
    if e.brackets.arrow is not None or e.brackets.each or len(slots) != 1:
        if len(slots) > 1 and all(s.name is not None for s in slots):
            return _picks(b, e)
        b.fail("E0215", "an index is `x[t-1]`, `x[P = n]` or `E[vocab = s]`", e.brackets.span)
    slot = slots[0]
    if slot.name is not None:
        return _pick(b, value(b, e.base), slot, e)
    inner = b.single(slot)
    steps = time_steps(b, inner)
    if steps is None:
        return _positional(b, e, inner)
    return _delayed(b, e, steps)


def _picks(b: Builder, e: ast.Index) -> Node:
    node = value(b, e.base)
    for slot in e.brackets.slots:
        node = _pick(b, node, slot, e)
    return node


def _pick(b: Builder, base: Node, slot: ast.Slot, e: ast.Index) -> Node:
    assert slot.name is not None
    chosen = value(b, b.single(slot))
    axis = b.axis(slot.name)
    try:
        size = rules.static(chosen)
        if size is not None:
            return pick(base, axis, size, b.axis_size(axis))
        return gather(base, axis, chosen)
    except Problem as problem:
        b.problem(problem, e.span, (e.base.span,))


def _positional(b: Builder, e: ast.Index, slot: ast.Expr) -> Node:
    """`k[n]`: the n-th of the one axis that the loop's bound sizes; else the slip is named."""
    base = value(b, e.base)
    inner = strip(slot)
    if isinstance(inner, ast.Name):
        found = b.scope.find(inner.id)
        if found is None and b.outer is not None:
            found = b.lookup(inner.id, inner.span)
        if isinstance(found, Static):
            return _loop_pick(b, base, found, e)
    size = rules.static(value(b, slot))
    if size is not None and len(base.type.axes) == 1:
        try:
            axis = base.type.axes[0]
            return pick(base, axis, size, b.axis_size(axis))
        except Problem as problem:
            b.problem(problem, e.span)
    b.fail(
        "E0215",
        "an index is `x[t-1]` (time), `x[P = n]` (a pick) or `E[vocab = s]` (rows)",
        e.brackets.span,
        help="`x[j]` is for streams inside `attend j`" if isinstance(inner, ast.Name) else None,
    )


def _loop_pick(b: Builder, base: Node, found: Static, e: ast.Index) -> Node:
    candidates = [a for a in base.type.axes if b.elaborator.loop_axis(b, found, a)]
    if len(candidates) != 1:
        b.fail(
            "E0216",
            f"which axis of {rules.show(base.type.axes)} does this pick?",
            e.span,
            help="say it: `x[P = n]`",
        )
    try:
        return pick(base, candidates[0], found.size, b.axis_size(candidates[0]))
    except Problem as problem:
        b.problem(problem, e.span)


def time_steps(b: Builder, e: ast.Expr) -> int | None:
    """k for `t-k`, -k for `t+k`, 0 for `t`; None when it is no time index."""
    e = strip(e)
    if isinstance(e, ast.Name) and e.id == "t":
        return 0
    if not isinstance(e, ast.Binary) or e.op not in "+-":
        return None
    left = strip(e.left)
    if not (isinstance(left, ast.Name) and left.id == "t"):
        return None
    size = rules.static(value(b, e.right))
    steps = size.integer if size is not None else None
    if steps is None:
        b.fail(
            "E0506",
            "a delay is a number of tokens known before running",
            e.right.span,
            help="use a literal, or compile with sizes that fix it",
        )
    if abs(steps) > 2**31:
        b.fail("E0506", f"a delay of {steps} tokens is out of bounds", e.right.span)
    return steps if e.op == "-" else -steps


def _delayed(b: Builder, e: ast.Index, steps: int) -> Node:
    base = strip(e.base)
    if isinstance(base, ast.Name):
        found = b.scope.find(base.id)
        if found is None and b.outer is not None and base.id != "t":
            found = b.lookup(base.id, base.span)
        if isinstance(found, StateName):
            return _state_read(b, e, found, steps)
    node = value(b, e.base)
    if steps < 0 and not b.in_loss and -steps > b.lookahead:
        b.fail(
            "E0302",
            f"`[t+{-steps}]` reads the future",
            e.span,
            help=f"claim `lookahead({-steps})`, or read it inside a `loss`",
        )
    try:
        return delay(node, steps)
    except Problem as problem:
        b.problem(problem, e.span)


def _state_read(b: Builder, e: ast.Index, found: StateName, steps: int) -> Node:
    if steps < 0:
        b.fail("E0302", "a state cannot be read ahead of its token", e.span)
    if steps == 0:
        assert isinstance(e.base, ast.Name)
        return _name(b, e.base)
    return found.leaf if steps == 1 else _deep_state(b, e, found, steps)


def _deep_state(b: Builder, e: ast.Index, found: StateName, steps: int) -> Node:
    """`S[t-k]`, k > 1, as a chain of states that remember: the initial value for t < k.

    The chain stands where its state stands: a body that reads an outer one captures its end.
    """
    if steps > 64:
        b.fail("E0506", f"`[t-{steps}]` of a state keeps {steps} copies of it; at most 64", e.span)
    before = b.captured_from(found.leaf)
    if before is not None:
        assert b.outer is not None
        outer = StateName(before, found.axes, found.initial, found.span)
        return b.capture(_deep_state(b.outer, e, outer, steps), f"{_state_name(before)}[t-{steps}]")
    leaf, name = found.leaf, _state_name(found.leaf)
    for extra in range(2, steps + 1):
        remembers = f"{name}.{extra}"
        known = next((s for s in b.states if s.leaf.attr("name") == remembers), None)
        if known is None:
            known = b.state(remembers, found.axes, found.initial, e.span)
            known.current = leaf
        leaf = known.leaf
    return leaf


def _state_name(leaf: Node) -> str:
    """Of a state's leaf, or of the input that stands for one of an enclosing function."""
    return leaf.attr("name").removesuffix("[t-1]")


# -- static ----------------------------------------------------------------------------------------


def static_size(b: Builder, e: ast.Expr, what: str) -> Size:
    """An expression that must be known before running, as a size."""
    inner = strip(e)
    if isinstance(inner, ast.Call) and inner.name.id == "round":
        return _round(b, inner)
    if isinstance(inner, ast.Name):
        axis = b.axis(inner.id)
        if axis in b.axes and b.scope.find(inner.id) is None:
            return b.axes[axis]
    if isinstance(inner, ast.Binary) and inner.op in "+-*/%^":
        from asiarch.ir.size import binary

        left, right = static_size(b, inner.left, what), static_size(b, inner.right, what)
        try:
            return binary(inner.op, left, right)
        except (ZeroDivisionError, OverflowError) as error:
            b.fail("E0502", f"{what}: {error}", e.span)
    node = value(b, e)
    size = rules.static(node)
    if size is None:
        if node.type.axes or node.type.stream:
            b.fail(
                "E0507",
                f"{what} must be a number known before running, this is {node.type}",
                e.span,
            )
        known = rules.constant(node)
        if known is not None:
            return Size.of(Fraction(known).limit_denominator(10**9))
        b.fail("E0507", f"{what} must be a size: made of names, integers, + - * / % ^", e.span)
    return size


def _round(b: Builder, e: ast.Call) -> Size:
    from asiarch.ir.size import binary

    if len(e.arguments) != 2:
        b.fail("E0208", "`round(x, m)` rounds x to a multiple of m", e.span)
    x = static_size(b, e.arguments[0].value, "a size")
    m = static_size(b, e.arguments[1].value, "a size")
    if m.constant == 0:
        b.fail("E0502", "`round` to a multiple of 0", e.span)
    return binary("round", x, m)
