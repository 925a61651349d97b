"""The `where` list as data; `asiarch.ledger` proves or refutes it."""

from __future__ import annotations

from fractions import Fraction

from asiarch.elaborate.builder import Builder
from asiarch.elaborate.expression import static_size, strip
from asiarch.elaborate.scope import Quiet, Value
from asiarch.ir.function import ClaimInfo
from asiarch.ir.size import Size, binary
from asiarch.language import ast
from asiarch.language.names import suggest

_WORDS = ("causal", "stable", "lookahead", "work", "state", "params")


def lookahead_of(claims: tuple[ast.Claim, ...]) -> int:
    """k of a claim `lookahead(k)`, read before the body is."""
    for claim in claims:
        e = strip(claim.value)
        if isinstance(e, ast.Call) and e.name.id == "lookahead" and len(e.arguments) == 1:
            argument = strip(e.arguments[0].value)
            if isinstance(argument, ast.Number) and isinstance(argument.value, int):
                return argument.value
    return 0


def elaborate_claims(b: Builder, claims: tuple[ast.Claim, ...]) -> None:
    for claim in claims:
        try:
            b.claims.append(_claim(b, claim))
        except Quiet:
            continue
        except OverflowError as error:
            b.report("E0502", f"this grows too large: {error}", claim.span)


def _claim(b: Builder, claim: ast.Claim) -> ClaimInfo:
    text = b.elaborator.text(b.file)[claim.span.start : claim.span.end]
    text = " ".join(text.split())
    e = strip(claim.value)
    if claim.interval is not None:
        return _range(b, claim, e, text)
    if isinstance(e, ast.Name) and e.id in ("causal", "stable"):
        return ClaimInfo(e.id, text, None, claim.span)
    if isinstance(e, ast.Call) and e.name.id == "lookahead":
        return ClaimInfo("lookahead", text, lookahead_of((claim,)), claim.span)
    if isinstance(e, ast.Compare) and e.ops == ("<=",):
        left = strip(e.operands[0])
        if isinstance(left, ast.Name) and left.id in ("work", "state", "params"):
            return ClaimInfo(left.id, text, _bound(b, e.operands[1], left.id), claim.span)
    near = suggest(e.id, _WORDS) if isinstance(e, ast.Name) else None
    b.fail(
        "E0401",
        f"`{text}` is no claim that can be proved",
        claim.span,
        help=f"did you mean `{near}`?"
        if near
        else "claims are causal, lookahead(k), stable, "
        "work <= O(...), state <= O(...), params <= n, x in (a, b]",
    )


def _range(b: Builder, claim: ast.Claim, e: ast.Expr, text: str) -> ClaimInfo:
    assert claim.interval is not None
    if not isinstance(e, ast.Name):
        b.fail("E0401", "a range is claimed of a name: `a in (0, 1]`", claim.span)
    found = b.lookup(e.id, e.span)
    if not isinstance(found, Value):
        b.fail("E0401", f"`{e.id}` is no stream of this definition", e.span)
    low = _number(b, claim.interval.low)
    high = _number(b, claim.interval.high)
    data = (found.node, low, high, claim.interval.left_open, claim.interval.right_open)
    return ClaimInfo("range", text, data, claim.span)


def _number(b: Builder, e: ast.Expr) -> float:
    inner = strip(e)
    sign = 1
    if isinstance(inner, ast.Unary) and inner.op == "-":
        sign, inner = -1, strip(inner.operand)
    if isinstance(inner, ast.Name) and inner.id == "inf":
        return sign * float("inf")
    size = static_size(b, e, "the end of a range")
    if size.constant is None:
        b.fail("E0401", "the end of a range is a number", e.span)
    return float(size.constant)


def _bound(b: Builder, e: ast.Expr, what: str) -> Size:
    inner = strip(e)
    if isinstance(inner, ast.Call) and inner.name.id == "O" and len(inner.arguments) == 1:
        return growth(b, inner.arguments[0].value)
    if what == "params":
        return static_size(b, e, "the bound")
    b.fail("E0401", f"`{what}` is bounded by `O(...)`", e.span, help=f"write `{what} <= O(T)`")


def growth(b: Builder, e: ast.Expr) -> Size:
    """A size in which T may stand, and log(T) as an opaque symbol."""
    inner = strip(e)
    match inner:
        case ast.Name(id="T"):
            return Size.symbol("T")
        case ast.Binary() if inner.op in "+-*/^":
            return binary(inner.op, growth(b, inner.left), growth(b, inner.right))
        case ast.Number():
            return Size.of(Fraction(inner.text))
        case _:
            return static_size(b, e, "a bound")
