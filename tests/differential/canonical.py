"""The plan of a function's recurrences as text in which names, axes' names and the order of terms
do not show."""

from __future__ import annotations

from asiarch.ir import polynomial as P
from asiarch.ir.function import Function
from asiarch.ir.node import Node, topological
from asiarch.ir.recurrence import Factor, Recurrence, recurrences


def canonical(function: Function) -> str:
    """One line for each recurrence of a flat function: its class, factors and reads."""
    return "\n".join(sorted(_Text(function).of(r) for r in recurrences(function)))


class _Text:
    def __init__(self, function: Function) -> None:
        order: dict[str, None] = {}
        for leaf in [*function.inputs, *(p.leaf for p in function.params)]:
            order |= dict.fromkeys(leaf.type.axes)
        self.axes = {a: f"axis{i}" for i, a in enumerate(order)}

    def of(self, r: Recurrence) -> str:
        factors = [self.factor(f) for f in r.factors] if r.coupled is None else self.coupled(r)
        reads = sorted(
            f"{x.side} of {x.state}: {self.poly(x.q, free=True)}{' pre' * x.pre}" for x in r.reads
        )
        sides = [sorted(self.axis(a) for a in s) for s in (r.heads, r.keys, r.values)]
        kind = "kernel" if r.kernel else "loop"
        return f"{r.cls} {kind} {sides} {factors} read {reads}"

    def factor(self, factor: Factor) -> str:
        writes = sorted(f"{self.poly(k)} (x) {self.poly(v)}" for k, v in factor.writes)
        erases = sorted(
            f"{self.poly(e.u)} (x) {self.poly(e.w)}{' decayed' * e.decayed}{' tied' * e.tied}"
            for e in factor.erases
        )
        decay = "1" if factor.decay is None else self.poly(factor.decay)
        return f"decay {decay} write {writes} erase {erases}"

    def coupled(self, r: Recurrence) -> list[str]:
        assert r.coupled is not None
        matrix = [[self.maybe(n) for n in line] for line in r.coupled.matrix]
        rows = sorted(
            f"{[self.maybe(k) for k in row.keys]} (x) {self.maybe(row.value)} - "
            f"{self.maybe(row.read)} of {row.source}"
            for row in r.coupled.rows
        )
        return [f"matrix {matrix}", *rows]

    def maybe(self, node: Node | None) -> str:
        return "0" if node is None else self.poly(node)

    def axis(self, name: str) -> str:
        return self.axes.get(name, name)

    def poly(self, node: Node, free: bool = False) -> str:
        """A sum of products in normal order; free: but for a number, which may as well stand
        beside what is read with it."""
        form = P.expand(node, {})
        unit = next(iter(form.values())) if free and len(form) == 1 else 1
        terms = [
            f"{float(c / unit):g}" + "".join(sorted(f" {self.atom(n)}^{p}" for n, p in monomial))
            for monomial, c in form.items()
        ]
        return "(" + " + ".join(sorted(terms)) + ")"

    def atom(self, node: Node) -> str:
        texts: dict[Node, str] = {}
        for n in topological([node]):
            hidden = [k for k, _ in n.attrs if k in ("name", "of", "serial")]
            attrs = [
                (k, tuple(map(self.axis, v)) if k in ("over", "new", "parts") else v)
                for k, v in n.attrs
                if k not in hidden
            ]
            kind = sorted(map(self.axis, n.type.axes))
            texts[n] = f"{n.op}{attrs}{kind}({', '.join(texts[a] for a in n.args)})"
        return texts[node]
