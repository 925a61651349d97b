"""Motifs: small typed pieces of an operator's graph, and how often what has them passes.

A motif is a node with what it is made of, up to two operands deep; a state is made of its update,
so motifs reach across a token. The count says what came along with success, not what caused it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np

from asiarch.ir.function import Function
from asiarch.ir.node import topological
from asiarch.search.screen import at_width
from asiarch.search.stats import cluster
from asiarch.search.stats.multiple import benjamini_hochberg
from asiarch.search.stats.special import Array, library, t_cdf, t_quantile

COMMUTATIVE = frozenset({"add", "mul", "min", "max", "and", "or", "contract"})
RADIUS = 2
Tree = tuple[Any, ...]


def graph(function: Function) -> Any:
    """The flat function as a networkx digraph: nodes 0, 1, ... with `label` (operator, stream or
    weight, number of axes), edges from a value to its user with the place of the operand (0 where
    their order means nothing), and from a state's update to the state (place -1).

    Draws and the sizes of initial values are left out: they are no part of what is computed.
    """
    nx: Any = library("networkx")
    made = nx.MultiDiGraph()
    states = {s.leaf: s.update for s in function.states}
    roots = [*function.outputs, *function.losses, *states.values()]
    number = {node: i for i, node in enumerate(topological(roots))}
    for node, i in number.items():
        kind = "number" if node.op in ("const", "size") else node.op
        side = "seq" if node.type.stream else "w"
        made.add_node(i, label=f"{kind}:{side}{len(node.type.axes)}")
    for node, i in number.items():
        for place, arg in enumerate(node.args):
            made.add_edge(number[arg], i, place=0 if node.op in COMMUTATIVE else place)
    for leaf, update in states.items():
        if leaf in number:
            made.add_edge(number[update], number[leaf], place=-1)
    return made


def motifs(function: Function, radius: int = RADIUS) -> Counter[str]:
    """How often each motif stands in the function, by canonical label; from radius 1 on: an
    operator alone is no motif.
    """
    made = graph(function)
    return Counter(label(made, node, r) for node in made for r in range(1, radius + 1)
                   if made.in_degree(node))  # fmt: skip


def motifs_of(text: str, op: str, sizes: Mapping[str, int]) -> Counter[str]:
    """Those of a program's op, at the width of the hosts. Raises SpecError, or ValueError for a
    size that nobody gives.
    """
    from asiarch.interface import elaborate
    from asiarch.ir.flatten import flatten

    return motifs(flatten(elaborate(text, op, at_width(sizes))))


def label(made: Any, node: int, radius: int) -> str:
    """The one spelling of a node with its operands to this depth: equal for isomorphic pieces.

    `mul(#1=silu(x), #1)`: what is used twice is named once. Of all orders of operands that mean the
    same the least spelling is taken.
    """
    return min(_spelled(made, tree) for tree in _orders(made, node, radius))


def _orders(made: Any, node: int, radius: int) -> list[Tree]:
    """Every tree (node, operands...) that the piece can be written as."""
    if radius == 0 or not made.in_degree(node):
        return [(node,)]
    edges = sorted((data["place"], source) for source, _, data in made.in_edges(node, data=True))
    below = [_orders(made, source, radius - 1) for _, source in edges]
    free = len(edges) > 1 and len({place for place, _ in edges}) == 1
    trees: list[Tree] = []
    for choice in product(*below):
        trees += [(node, *order) for order in (permutations(choice) if free else (choice,))]
    return trees


def _spelled(made: Any, tree: Tree) -> str:
    count = Counter(_nodes(tree))
    names: dict[int, str] = {}

    def write(t: Tree) -> str:
        node: int = t[0]
        if node in names:
            return names[node]
        lead = ""
        if count[node] > 1:
            names[node] = f"#{len(names) + 1}"
            lead = f"{names[node]}="
        inner = ", ".join(write(sub) for sub in t[1:])
        return f"{lead}{made.nodes[node]['label']}" + (f"({inner})" if inner else "")

    return write(tree)


def _nodes(tree: Tree) -> Iterable[int]:
    yield tree[0]
    for sub in tree[1:]:
        yield from _nodes(sub)


def features(
    counts: Sequence[Mapping[str, int]], lineages: Sequence[object], least: int = cluster.LEAST
) -> tuple[Array, list[str]]:
    """0 or 1 for each design and motif [n, k], and the motifs: those that at least `least` lineages
    have and as many lack. Motifs that always come together are one column, under the shortest
    spelling: no model can tell them apart.
    """
    columns: dict[bytes, str] = {}
    groups = cluster.numbers(lineages)
    for name in sorted({m for c in counts for m in c}, key=lambda m: (len(m), m)):
        has = np.array([c.get(name, 0) > 0 for c in counts])
        if min(len(set(groups[has])), len(set(groups[~has]))) >= least:
            columns.setdefault(has.tobytes(), name)
    made = [np.frombuffer(key, dtype=bool).astype(float) for key in columns]
    return np.array(made).reshape(len(made), len(counts)).T, list(columns.values())


@dataclass(frozen=True, slots=True)
class Lift:
    """P(pass with the motif) over P(pass without), with an interval over lineages; `adjusted`: two-
    sided, by Benjamini and Hochberg over all motifs asked; `lineages`: those with it or those
    without, whichever are fewer.
    """

    motif: str
    lift: float
    low: float
    high: float
    adjusted: float
    lineages: int
    designs: int


def lifts(
    counts: Sequence[Mapping[str, int]],
    passed: Sequence[bool],
    lineages: Sequence[object],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    least: int = cluster.LEAST,
) -> list[Lift]:
    """Of every motif that at least `least` lineages have and as many lack, the clearest first.

    Children inherit motifs and quality alike, so lineages are resampled, not children.
    """
    names = sorted({m for c in counts for m in c})
    has = np.array([[c.get(m, 0) > 0 for m in names] for c in counts], dtype=float)
    ok = np.asarray(passed, dtype=float)
    found: list[tuple[str, float, float, int, int]] = []
    for i, name in enumerate(names):
        f = has[:, i]
        rows = np.stack([f * ok, f, (1 - f) * ok, 1 - f], axis=1)
        totals = cluster.sums(rows, lineages)
        families = int(min((totals[:, 1] > 0).sum(), (totals[:, 3] > 0).sum()))
        if families >= least:
            e = cluster.estimate(totals, _log_lift, rng, level=level, families=families)
            found.append((name, e.value, e.error, families, int(f.sum())))
    return _adjusted(found, level)


def _adjusted(found: list[tuple[str, float, float, int, int]], level: float) -> list[Lift]:
    if not found:
        return []
    value, error = (np.array([f[i] for f in found]) for i in (1, 2))
    df = np.array([f[3] - 1 for f in found], dtype=float)
    t = np.abs(value) / np.where(error > 0, error, np.inf)
    adjusted = benjamini_hochberg(2 * t_cdf(-t, df))
    reach = t_quantile((1 + level) / 2, df) * error
    made = [
        Lift(name, float(np.exp(v)), float(np.exp(v - r)), float(np.exp(v + r)), float(q), n, d)
        for (name, v, _, n, d), r, q in zip(found, reach, adjusted, strict=True)
    ]
    return sorted(made, key=lambda m: (m.adjusted, -m.lift, m.motif))


def _log_lift(totals: Array) -> Array:
    """With half a design more in each cell (Haldane), so that nothing is infinite."""
    a, n, b, m = (totals[..., i] for i in range(4))
    return np.log((a + 0.5) / (n + 1)) - np.log((b + 0.5) / (m + 1))
