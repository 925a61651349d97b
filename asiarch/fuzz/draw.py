"""The drawing of one definition: names in scope, lines written so far, and choices.

Choices come from a `random.Random` alone, so that a seed gives a program everywhere, and so that
hypothesis can shrink it by shrinking the choices: the first of a list is the simplest.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from asiarch.fuzz.policy import Policy
from asiarch.fuzz.term import Term, expanded, mapped, product, reduced

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to write an expression with given axes. `fits` says for which axes."""

    name: str
    weight: float
    make: Callable[[Draw, tuple[str, ...], int], Term]
    fits: Callable[[Draw, tuple[str, ...]], bool]


RULES: dict[str, Rule] = {}


def rule(
    name: str, weight: float = 1.0, fits: Callable[[Draw, tuple[str, ...]], bool] | None = None
) -> Callable[[Callable[[Draw, tuple[str, ...], int], Term]], Rule]:
    """Register a rule of expressions."""

    def register(make: Callable[[Draw, tuple[str, ...], int], Term]) -> Rule:
        RULES[name] = Rule(name, weight, make, fits or (lambda d, axes: True))
        return RULES[name]

    return register


@dataclass(frozen=True, slots=True)
class Signature:
    """A definition that can be called: formals and results as (mode, axes), names it needs.

    shared: may several calls share its weights? Those of a loop or a branch cannot be.
    """

    name: str
    formals: tuple[tuple[str, tuple[str, ...]], ...]
    results: tuple[tuple[str, ...], ...]
    needs: tuple[str, ...]
    shared: bool = False


@dataclass(slots=True)
class Draw:
    """`sizes`: every axis that may be named, with its number. `scope`: names that may be read.

    `states`: declared above, each with an equation. `uses`: `file.name` of the library.
    """

    rng: random.Random
    policy: Policy
    sizes: Mapping[str, int]
    scope: list[Term] = field(default_factory=list[Term])
    lines: list[str] = field(default_factory=list[str])
    callable: list[Signature] = field(default_factory=list[Signature])
    used: set[str] = field(default_factory=set[str])
    stacks: dict[str, int] = field(default_factory=dict[str, int])
    states: list[Term] = field(default_factory=list[Term])
    uses: set[str] = field(default_factory=set[str])
    inner: int = 0
    count: int = 0

    # -- choices -----------------------------------------------------------------------------------

    def some(self, items: Sequence[T]) -> T:
        return items[self.rng.randrange(len(items))]

    def chance(self, share: float) -> bool:
        """False is the simpler choice."""
        return self.rng.random() > 1 - share

    def between(self, low: int, high: int) -> int:
        return self.rng.randint(low, high)

    def weighted(self, names: Sequence[str], weights: Mapping[str, float]) -> str:
        """One of the names; the policy's weight of a name counts before the given one."""
        shares = [self.policy.weights.get(n, weights[n]) for n in names]
        at = self.rng.random() * sum(shares)
        for name, share in zip(names, shares, strict=True):
            at -= share
            if at < 0:
                return name
        return names[-1]

    def subset(self, axes: Sequence[str]) -> tuple[str, ...]:
        return tuple(a for a in axes if self.chance(0.5))

    def new_axis(self, axes: Sequence[str]) -> str | None:
        """An axis of the header that `axes` do not have."""
        free = [a for a in self.sizes if a not in axes]
        return self.some(free) if free else None

    def even(self) -> tuple[str, ...]:
        """Axes whose size is even by its form; none of a header is."""
        return ()

    # -- names and lines ---------------------------------------------------------------------------

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def write(self, line: str) -> None:
        self.lines.append("  " * self.inner + line)

    def bind(self, term: Term, stem: str = "v") -> Term:
        """An equation for the term; its name, from now on in scope."""
        if term.named:
            return term
        name = self.fresh(stem)
        self.write(f"{name} = {term.text}")
        found = Term(name, term.axes, term.seq, term.open, named=True)
        self.scope.append(found)
        return found

    @contextmanager
    def block(self, head: str) -> Generator[None]:
        """Statements within braces; names bound in them are gone below."""
        kept, states = list(self.scope), list(self.states)
        self.write(head + " {")
        self.inner += 1
        yield
        self.inner -= 1
        self.write("}")
        self.scope[:], self.states[:] = kept, states

    def param(self, axes: tuple[str, ...], initialiser: str | None = None) -> Term:
        name = self.fresh("p")
        shown = f"[{', '.join(axes)}]" if axes else ""
        self.write(f"param {name}{shown} ~ {initialiser or self.initialiser()}")
        found = Term(name, axes, seq=False, named=True)
        self.scope.append(found)
        return found

    def initialiser(self) -> str:
        return self.some(
            [
                "const(0.5)", "normal(0.5)", "uniform(-1, 1)", "log(uniform(1, 4))",
                "inverse_softplus(log_uniform(0.01, 0.5))", "2 * uniform(0, 1) - 1",
            ]
        )  # fmt: skip

    # -- values ------------------------------------------------------------------------------------

    def streams(self, axes: Sequence[str] | None = None) -> list[Term]:
        """Names of streams; with those axes."""
        found = [x for x in self.scope if x.seq]
        return found if axes is None else [x for x in found if set(x.axes) == set(axes)]

    def leaf(self, axes: tuple[str, ...], seq: bool = False) -> Term:
        """A name with those axes, or a stream brought to them. `seq`: a Tensor will not do."""
        near = [x for x in self.scope if set(x.axes) == set(axes) and (x.seq or not seq)]
        if near and not self.chance(0.25):
            return self.some(near)
        if not seq and self.chance(0.15):
            return self.param(axes)
        return self.adapted(self.some(self.streams()), axes)

    def adapted(self, x: Term, axes: tuple[str, ...]) -> Term:
        """A stream of any axes as one of the given axes."""
        if set(x.axes) == set(axes):
            return x
        gone = [a for a in x.axes if a not in axes]
        missing = [a for a in axes if a not in x.axes]
        if gone and missing:
            if self.chance(0.2):
                self.rng.shuffle(gone)
            return mapped(x, gone, missing)
        if gone:
            return reduced(self.some(["sum", "mean"]), gone, x)
        if x.axes and self.chance(0.7):
            return mapped(x, x.axes, axes)
        return expanded(missing, x)

    def expr(self, axes: tuple[str, ...], depth: int, seq: bool = False) -> Term:
        """An expression with those axes, in any order."""
        if depth <= 0:
            return self.leaf(axes, seq)
        fitting = [r for r in RULES.values() if r.fits(self, axes)]
        weights = {r.name: r.weight for r in fitting}
        name = self.weighted([r.name for r in fitting], weights)
        term = RULES[name].make(self, axes, depth - 1)
        return self.adapted(self.timed(term), axes) if seq and not term.seq else term

    def timed(self, term: Term) -> Term:
        """A Tensor made a stream."""
        if term.seq:
            return term
        gate = self.some(self.streams())
        scalar = reduced("mean", gate.axes, gate) if gate.axes else gate
        return product(term, scalar)

    def stream(self, axes: tuple[str, ...], depth: int) -> Term:
        """The name of a stream with those axes."""
        return self.bind(self.expr(axes, depth, seq=True))
