"""The syntax tree: what the grammar says, nothing resolved.

Every node carries a `Span` of character offsets into its source. Parentheses and pipes are kept, so
that the formatter can print what was written. Names, sizes and types are decided by
`asiarch.ir.elaborate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of character offsets `[start, end)`."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        return Span(min(self.start, other.start), max(self.end, other.end))


# -- expressions -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    span: Span
    text: str
    value: int | float


@dataclass(frozen=True, slots=True)
class Name:
    span: Span
    id: str


@dataclass(frozen=True, slots=True)
class Paren:
    span: Span
    inner: Expr


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `not x`; `op` is "-" or "not"."""

    span: Span
    op: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary:
    """`op` is one of + - * / % @ ^ and or. `op_span` is the operator's own place."""

    span: Span
    op: str
    left: Expr
    right: Expr
    op_span: Span


@dataclass(frozen=True, slots=True)
class Compare:
    """A chain `a < b <= c`: n operators, n + 1 operands."""

    span: Span
    ops: tuple[str, ...]
    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """`C...` where an axis is expected: a header's list of axes (library definitions only)."""

    span: Span
    id: str


@dataclass(frozen=True, slots=True)
class Slot:
    """One entry of a bracket: `e`, or `name = e`."""

    span: Span
    name: str | None
    value: Expr | Spread


@dataclass(frozen=True, slots=True)
class Brackets:
    """`[slots -> arrow, each names]`. `arrow` is None without `->`, `each` may be empty."""

    span: Span
    slots: tuple[Slot, ...]
    arrow: tuple[Slot, ...] | None = None
    each: tuple[Name | Spread, ...] = ()


@dataclass(frozen=True, slots=True)
class Argument:
    """One entry of a call: `e`, or `name = e`."""

    span: Span
    name: str | None
    value: Expr


@dataclass(frozen=True, slots=True)
class Call:
    """`f[brackets](arguments)`."""

    span: Span
    name: Name
    brackets: Brackets | None
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Pipe:
    """`value |> f[brackets](arguments)`: the value is put before the arguments."""

    span: Span
    value: Expr
    name: Name
    brackets: Brackets | None
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """`base[brackets]` not followed by `(`: a time index, a pick, a row pick, `x[j]`."""

    span: Span
    base: Expr
    brackets: Brackets


@dataclass(frozen=True, slots=True)
class Field:
    """One `name: expr` of an attend block."""

    span: Span
    name: Name
    value: Expr


@dataclass(frozen=True, slots=True)
class Attend:
    """`attend j where condition { fields }`."""

    span: Span
    variable: Name
    condition: Expr
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Prime:
    """`S'`: not of the language; kept so that the error can say what to write."""

    span: Span
    id: str


@dataclass(frozen=True, slots=True)
class Bad:
    """Stands for a value that could not be read; its error is reported already."""

    span: Span


Expr: TypeAlias = (
    Number | Name | Paren | Unary | Binary | Compare | Call | Pipe | Index | Attend | Prime | Bad
)


# -- statements ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Param:
    """`param name[axes] ~ initialiser`."""

    span: Span
    name: Name
    axes: tuple[Name | Spread, ...]
    initialiser: Expr


@dataclass(frozen=True, slots=True)
class State:
    """`state name[axes] = initial`."""

    span: Span
    name: Name
    axes: tuple[Name | Spread, ...]
    initial: Expr | None


@dataclass(frozen=True, slots=True)
class Share:
    """`share name = op[brackets]`."""

    span: Span
    name: Name
    op: Name
    brackets: Brackets | None


@dataclass(frozen=True, slots=True)
class Equation:
    """`targets = value`."""

    span: Span
    targets: tuple[Name | Prime, ...]
    value: Expr


@dataclass(frozen=True, slots=True)
class Return:
    span: Span
    values: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Loss:
    span: Span
    value: Expr


@dataclass(frozen=True, slots=True)
class For:
    """`for variable in bound { body }`."""

    span: Span
    variable: Name
    bound: Expr
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class If:
    """`if condition { then } else { otherwise }`; `else if` is an `otherwise` of one `If`."""

    span: Span
    condition: Expr
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


Statement: TypeAlias = Param | State | Share | Equation | Return | Loss | For | If


# -- definitions -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HeaderAxis:
    """`D`, `K = D / H`, or (library only) `C...`; `each E...` is bound by `each` in a call."""

    span: Span
    name: Name
    default: Expr | None = None
    spread: bool = False
    each: bool = False


@dataclass(frozen=True, slots=True)
class TypeExpr:
    """`Seq[A, B]`, `Tensor[A]`, `Token`. `axes` is None where no bracket was written.

    As a result of a library definition, a bare formal's name: "the same type as `x`".
    """

    span: Span
    name: Name
    axes: tuple[Name | Spread, ...] | None


@dataclass(frozen=True, slots=True)
class Formal:
    """`x: Seq[D]`; `type` is None for a formal of any type (library only)."""

    span: Span
    name: Name
    type: TypeExpr | None


@dataclass(frozen=True, slots=True)
class Interval:
    """`(low, high]` and its kin; `left_open` and `right_open` say which ends are out."""

    span: Span
    low: Expr
    high: Expr
    left_open: bool
    right_open: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """`value` alone (`causal`, `work <= O(T)`), or `value in interval`."""

    span: Span
    value: Expr
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """`use file.name`: `path` has one name or more."""

    span: Span
    path: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """An `op` or a `model`. A model has no formals (its input is `tokens`) and no result types."""

    span: Span
    kind: str  # "op" | "model"
    name: Name
    header: tuple[HeaderAxis, ...]
    formals: tuple[Formal, ...]
    results: tuple[TypeExpr, ...]
    claims: tuple[Claim, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A file: its `use` lines and definitions, in order of the text."""

    span: Span
    items: tuple[Use | Definition, ...]

    @property
    def definitions(self) -> tuple[Definition, ...]:
        return tuple(i for i in self.items if isinstance(i, Definition))

    @property
    def uses(self) -> tuple[Use, ...]:
        return tuple(i for i in self.items if isinstance(i, Use))
