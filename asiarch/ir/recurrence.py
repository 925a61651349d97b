"""From affine facts to a recurrence in normal form, its class, and the reads of its state.

    S_t = D * S_{t-1} + sum_r u_r (w_r' R_t) + sum_m k_m v_m'      R_t = S_{t-1}, or D * S_{t-1}

D is 1 (identity), a function of the head axes (scalar) or of the key axes (diagonal). The class is
data that the algebra gives; it does not change with how the equation was written. What has no such
form is `nonlinear` (or `elementwise`, `momentum`) and says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from asiarch.ir import polynomial as P
from asiarch.ir import rules
from asiarch.ir.domains.affine import Affine, Term, Value
from asiarch.ir.function import Function, StateInfo
from asiarch.ir.interpreter import Group, schedule
from asiarch.ir.node import Node, topological
from asiarch.ir.reads import closed, normal_reads


@dataclass(frozen=True, slots=True)
class Erase:
    """u (w' R): `decayed` says that R is D * S_{t-1}; `tied` that u = -k of the one write."""

    u: Node
    w: Node
    decayed: bool
    tied: bool


@dataclass(frozen=True, slots=True)
class Read:
    """`node` of the graph is q' S_t (post) or q' S_{t-1} (pre)."""

    node: Node
    q: Node
    pre: bool


@dataclass(frozen=True, slots=True)
class Recurrence:
    """One recurrent group. `kernel` is None when only a loop over tokens computes it; `note` says
    why.
    """

    states: tuple[StateInfo, ...]
    cls: str
    note: str = ""
    kernel: bool = False
    heads: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    decay: Node | None = None
    writes: tuple[tuple[Node, Node], ...] = ()
    erases: tuple[Erase, ...] = ()
    reads: tuple[Read, ...] = ()
    group: Group = field(default_factory=lambda: Group((), ()))
    gates: tuple[Node, ...] = ()


def recurrences(function: Function) -> list[Recurrence]:
    """The recurrent groups of a flat function, in order of evaluation."""
    function = normal_reads(function)
    groups = [s for s in schedule(function) if isinstance(s, Group)]
    memo = closed(groups)
    return [classify(function, g, memo) for g in groups]


def classify(function: Function, group: Group, memo: dict[Node, P.Poly]) -> Recurrence:
    leaves = frozenset(s.leaf for s in group.states)
    analysis = Affine(leaves, memo)
    values = analysis.group(group)
    updates = [values.get(s.update) for s in group.states]
    if any(u is None for u in updates):
        culprit = next((n for n in group.nodes if values.get(n) is None), None)
        what = f"`{culprit.op}` of a state" if culprit is not None else "too many terms"
        return Recurrence(
            group.states, "nonlinear", f"not affine in its state: {what}", group=group
        )
    if len(group.states) > 1:
        cls = "momentum" if len(group.states) == 2 else "nonlinear"
        note = "coupled states run token by token"
        return Recurrence(group.states, cls, note, group=group)
    state, update = next(iter(group.states)), next(iter(updates))
    assert update is not None
    return _Normal(function, group, state, analysis, values, update).result()


class _Normal:
    """The normal form of one affine state."""

    def __init__(
        self,
        function: Function,
        group: Group,
        state: StateInfo,
        analysis: Affine,
        values: dict[Node, Value | None],
        update: Value,
    ) -> None:
        self.function, self.group, self.state = function, group, state
        self.analysis, self.values = analysis, values
        self.decay: P.Poly = {}
        self.erase: list[tuple[Term, Fraction | float]] = []
        self.write: list[tuple[P.Factors, Fraction | float]] = []
        for term, coefficient in update.items():
            if term.leaf is None:
                self.write.append((term.scale, coefficient))
            elif not term.over:
                self.decay = P.add(self.decay, {term.scale: coefficient})
            else:
                self.erase.append((term, coefficient))

    def loop(self, cls: str, note: str) -> Recurrence:
        return Recurrence((self.state,), cls, note, group=self.group, gates=self.gates())

    def gates(self) -> tuple[Node, ...]:
        return (P.build(self.decay),) if self.decay else ()

    def result(self) -> Recurrence:
        axes = self.state.leaf.type.axes
        reads, problem = _reads(self.function, self.group, self.state, self.values, self.analysis)
        contracted = {t.over for t, _ in self.erase}
        if len(contracted) > 1:
            return self.loop("nonlinear", "erase terms contract different axes of the state")
        read_keys = {r[2] for r in reads if r[2]}
        keys = next(iter(contracted), None) or (
            next(iter(read_keys)) if len(read_keys) == 1 else ()
        )
        cls = self._class(keys)
        if not self.decay:
            return self.loop(cls, "the state does not carry over")
        if problem:
            return self.loop(cls, problem)
        if len({r[2] for r in reads}) > 1 or any(set(r[2]) != set(keys) for r in reads):
            return self.loop(cls, "the state is read along different axes")
        key_axes = tuple(a for a in axes if a in keys)
        heads, values = self._split(axes, key_axes, [r[1] for r in reads])
        if set(P.axes_of(_all(self.decay))) - set(heads) - set(key_axes):
            return self.loop("elementwise", "a decay along value axes runs token by token")
        return self._assemble(cls, heads, key_axes, values, reads)

    def _class(self, keys: tuple[str, ...]) -> str:
        decay_axes = set(P.axes_of(_all(self.decay)))
        if self.decay == {(): Fraction(1)}:
            base = "identity"
        elif not decay_axes & set(self._wide(keys)):
            base = "scalar"
        elif decay_axes & set(self._beyond(keys)):
            return "elementwise" if not self.erase else "nonlinear"
        else:
            base = "diagonal"
        rank = len({t.scale_vector() for t in map(_Erase, self.erase)}) if self.erase else 0
        return base if rank == 0 else f"{base}+rank1" if rank == 1 else f"{base}+rankN"

    def _wide(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        """Axes along which a decay is more than a number per head."""
        return tuple(keys) + self._beyond(keys)

    def _beyond(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        """Axes of the state that are neither keys nor shared by its key-side factors."""
        _, values = self._split(self.state.leaf.type.axes, tuple(keys), [])
        return values

    def _split(
        self, axes: tuple[str, ...], keys: tuple[str, ...], queries: list[Node]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Head axes (shared by key-side factors) and value axes (of the written values only)."""
        used: set[str] = {a for q in queries for a in q.type.axes}
        for term, _ in self.erase:
            used |= P.axes_of(term.weight)
            used |= P.axes_of(f for f in term.scale if set(f[0].type.axes) & set(keys))
        value_side: set[str] = set()
        for monomial, _ in self.write:
            for node, power in monomial:
                if set(node.type.axes) & set(keys):
                    used |= P.axes_of(((node, power),))
        scalars = set(P.axes_of(_all(self.decay)))
        for monomial, _ in self.write:
            for node, _ in monomial:
                own = set(node.type.axes)
                if not own & set(keys):
                    value_side |= own
        if keys and value_side - scalars - used:
            used |= scalars  # other axes carry the value, so a decay's axes are heads
        elif keys:
            used |= scalars - value_side
        values = tuple(a for a in axes if a not in keys and a not in used and a in value_side)
        if not keys and self.write:
            values = self._vector_values(axes, values, scalars)
        return tuple(a for a in axes if a not in keys and a not in values), values

    def _vector_values(
        self, axes: tuple[str, ...], values: tuple[str, ...], scalars: set[str]
    ) -> tuple[str, ...]:
        """A state that nothing contracts: axes that every factor has are heads, if its decay has
        them.
        """
        common = set(axes)
        for monomial, _ in self.write:
            for node, _ in monomial:
                if node.type.axes:
                    common &= set(node.type.axes)
        return tuple(a for a in values if not (a in common and a in scalars) or a not in scalars)

    # -- factors ---------------------------------------------------------------------------------

    def _assemble(
        self,
        cls: str,
        heads: tuple[str, ...],
        keys: tuple[str, ...],
        values: tuple[str, ...],
        reads: list[tuple[Node, Node, tuple[str, ...], bool]],
    ) -> Recurrence:
        if cls in ("elementwise", "nonlinear"):
            return self.loop(cls, "a decay per entry of the state runs token by token")
        pairs = self._writes(keys, values)
        if pairs is None:
            return self.loop(cls, "a write that is no outer product of a key and a value")
        erases = self._erases(keys, values)
        if erases is None:
            return self.loop(cls, "an erase term along value axes")
        if len(erases) > 1:
            return self.loop(cls, "several erase terms run token by token")
        if len(pairs) > 1:
            return self.loop(cls, "several writes a token run token by token")
        k, v, erase = self._tie(pairs, erases)
        decay = None if cls.startswith("identity") else P.build(self.decay)
        return Recurrence(
            (self.state,),
            cls,
            kernel=True,
            heads=heads,
            keys=keys,
            values=values,
            decay=decay,
            writes=((P.build(k), P.build(v)),) if k else (),
            erases=(erase,) if erase is not None else (),
            reads=tuple(Read(n, q, pre) for n, q, _, pre in reads),
            group=self.group,
            gates=self.gates(),
        )

    def _writes(
        self, keys: tuple[str, ...], values: tuple[str, ...]
    ) -> list[tuple[P.Poly, P.Poly]] | None:
        """Writes as key polynomial times value polynomial, merged where one side agrees."""
        by_key: dict[P.Factors, P.Poly] = {}
        for monomial, coefficient in self.write:
            k, v = _sides(monomial, keys, values)
            if set(P.axes_of(k)) & set(values) and keys:
                return None
            if any(
                set(n.type.axes) & set(keys) and set(n.type.axes) & set(values) for n, _ in monomial
            ):
                return None
            by_key[k] = P.add(by_key.get(k, {}), {v: coefficient})
        merged: list[tuple[P.Poly, P.Poly]] = []
        for k, poly in sorted(by_key.items(), key=lambda t: [(P.key(n), p) for n, p in t[0]]):
            lead = _leading(poly)
            poly = P.scale(poly, 1 / lead)
            for index, (left, right) in enumerate(merged):
                if right == poly:
                    merged[index] = (P.add(left, {k: lead}), right)
                    break
            else:
                merged.append(({k: lead}, poly))
        return merged

    def _erases(
        self, keys: tuple[str, ...], values: tuple[str, ...]
    ) -> list[tuple[P.Poly, P.Poly]] | None:
        """Erase terms as u polynomial times w polynomial, merged where one side agrees."""
        by_u: dict[P.Factors, P.Poly] = {}
        for term, coefficient in self.erase:
            if (P.axes_of(term.scale) | P.axes_of(term.weight)) & set(values):
                return None
            u = tuple(f for f in term.scale if set(f[0].type.axes) & set(keys))
            rest = P.factors(tuple(f for f in term.scale if f not in u), term.weight)
            by_u[u] = P.add(by_u.get(u, {}), {rest: coefficient})
        merged: list[tuple[P.Poly, P.Poly]] = []
        for u, poly in sorted(by_u.items(), key=lambda t: [(P.key(n), p) for n, p in t[0]]):
            lead = _leading(poly)
            poly = P.scale(poly, 1 / lead)
            for index, (left, right) in enumerate(merged):
                if right == poly:
                    merged[index] = (P.add(left, {u: lead}), right)
                    break
            else:
                merged.append(({u: lead}, poly))
        return merged

    def _tie(
        self, pairs: list[tuple[P.Poly, P.Poly]], erases: list[tuple[P.Poly, P.Poly]]
    ) -> tuple[P.Poly, P.Poly, Erase | None]:
        """Put numbers per head where the smallest kernel wants them: u = -k of the write if it can
        be.
        """
        k, v = pairs[0] if pairs else ({}, {})
        if not erases:
            return k, v, None
        u, w = erases[0]
        tied = False
        if k and set(k) == set(u) and len({u[m] / k[m] for m in u}) == 1:
            ratio = next(u[m] / k[m] for m in u)
            w = P.scale(w, -ratio)
            u = P.scale(k, -1)
            tied = True
            common = _common(v, w)
            if common:
                inverse: P.Poly = {tuple((n, -p) for n, p in common): Fraction(1)}
                k = P.mul(k, {common: Fraction(1)})
                u = P.mul(u, {common: Fraction(1)})
                v, w = P.mul(v, inverse), P.mul(w, inverse)
        w, decayed = self._undecay(w)
        return k, v, Erase(P.build(u), P.build(w), decayed, tied)

    def _undecay(self, w: P.Poly) -> tuple[P.Poly, bool]:
        """Does w read the decayed state? Then w = w0 * D, and w0 is what the kernel takes."""
        if self.decay == {(): Fraction(1)} or not w:
            return w, False
        first = next(iter(w))
        for lead, coefficient in self.decay.items():
            inverse = tuple((n, -p) for n, p in lead)
            candidate: P.Poly = {P.factors(first, inverse): w[first] / coefficient}
            atoms = {n for n, _ in lead}
            left = all(p > 0 for n, p in next(iter(candidate)) if n in atoms)
            if left and P.mul(candidate, self.decay) == w:
                return candidate, True
        return w, False


class _Erase:
    """The vector that an erase term writes along."""

    def __init__(self, pair: tuple[Term, Fraction | float]) -> None:
        self.term = pair[0]

    def scale_vector(self) -> P.Factors:
        keys = set(self.term.over)
        return tuple(f for f in self.term.scale if set(f[0].type.axes) & keys)


def _all(poly: P.Poly) -> list[tuple[Node, int]]:
    return [f for monomial in poly for f in monomial]


def _sides(
    monomial: P.Factors, keys: tuple[str, ...], values: tuple[str, ...]
) -> tuple[P.Factors, P.Factors]:
    """Key-side factors; everything else goes with the value."""
    k = tuple(f for f in monomial if set(f[0].type.axes) & set(keys))
    return k, tuple(f for f in monomial if f not in k)


def _leading(poly: P.Poly) -> Fraction | float:
    """The coefficient of the first monomial in normal order."""
    first = min(poly, key=lambda m: (len(m), [(P.key(n), p) for n, p in m]))
    return poly[first]


def _common(v: P.Poly, w: P.Poly) -> P.Factors:
    """Factors that divide every monomial of both, numerators and denominators apart."""
    shared: dict[Node, int] | None = None
    for monomial in [*v, *w]:
        powers = dict(monomial)
        if shared is None:
            shared = powers
            continue
        shared = {
            n: min(p, powers[n], key=abs)
            for n, p in shared.items()
            if n in powers and (p > 0) == (powers[n] > 0)
        }
    return P.factors(tuple((shared or {}).items()))


def _maps(query: Node, state: StateInfo) -> bool:
    """Is it a learnt map of the state to new axes? Then the state is read whole, mapped after."""
    return not query.type.stream and not set(query.type.axes) <= set(state.leaf.type.axes)


# -- reads -----------------------------------------------------------------------------------------


def _reads(
    function: Function,
    group: Group,
    state: StateInfo,
    values: dict[Node, Value | None],
    analysis: Affine,
) -> tuple[list[tuple[Node, Node, tuple[str, ...], bool]], str]:
    """(node, q, contracted axes, pre) for every use of the group outside of it, or why there is
    none.
    """
    inside = {*group.nodes, state.leaf}
    reads: list[tuple[Node, Node, tuple[str, ...], bool]] = []
    outputs = set(function.outputs) | set(function.losses)
    users = [n for n in topological(function.roots()) if n not in inside]
    for node in users:
        touched = [a for a in node.args if a in inside]
        if not touched:
            continue
        read = _read(node, touched, state, values)
        if read is None:
            return [], f"`{node.op}` reads the state as a whole"
        reads.append(read)
    for node in outputs & inside:
        if node in (state.update, state.leaf):
            reads.append((node, rules.number(1), (), node is state.leaf))
        else:
            return [], "a term of the update is a result"
    other = {s.update for s in function.states if s.leaf is not state.leaf} & inside
    if other:
        return [], "another state starts from a term of the update"
    unique: dict[Node, tuple[Node, Node, tuple[str, ...], bool]] = {r[0]: r for r in reads}
    return list(unique.values()), ""


def _read(
    node: Node, touched: list[Node], state: StateInfo, values: dict[Node, Value | None]
) -> tuple[Node, Node, tuple[str, ...], bool] | None:
    """A contraction of the state (or of a decayed one) with what does not depend on it."""
    if len(touched) != 1:
        return None
    target = touched[0]
    query = node.args[1] if node.op == "contract" and node.args[0] is target else node.args[0]
    if node.op == "contract" and not _maps(query, state):
        over = node.attr("over")
        if target is state.update:
            return node, query, tuple(sorted(over)), False
        value = values.get(target)
        if value is None or len(value) != 1:
            return None
        ((term, coefficient),) = value.items()
        if term.leaf is None or term.over:
            return None
        scale = P.build({term.scale: coefficient})
        if set(scale.type.axes) - set(over) - set(query.type.axes):
            return None
        return node, rules.pointwise("mul", query, scale), tuple(sorted(over)), True
    if target in (state.update, state.leaf):
        return target, rules.number(1), (), target is state.leaf
    value = values.get(target)
    if value is not None and len(value) == 1:
        ((term, coefficient),) = value.items()
        if term.leaf is not None and term.over:
            monomial = P.factors(term.weight, term.scale)
            return target, P.build({monomial: coefficient}), term.over, True
    return None
