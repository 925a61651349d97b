"""The normal form of one state: which axes are heads, keys and values, and what reads what.

Keys are the axes that erase terms contract. Without erase terms they are those that reads contract,
or, where the decay stands on the other side, those of the decay: the same state transposed, read
along its values. Where neither side holds the decay it is elementwise, and the states are scanned.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from asiarch.ir import polynomial as P
from asiarch.ir.coupled import result as coupled_result
from asiarch.ir.domains.affine import Value
from asiarch.ir.forms import Form, erase_pairs, erases_values, tied, undecayed, write_pairs
from asiarch.ir.function import Function, StateInfo
from asiarch.ir.interpreter import Group
from asiarch.ir.node import Node
from asiarch.ir.recurrence import Erase, Factor, Read, Recurrence
from asiarch.ir.sides import Axes, Sides, atoms, decay_axes, split_axes
from asiarch.ir.uses import Use, uses

ONE: P.Poly = {(): Fraction(1)}


class Normal:
    def __init__(
        self,
        function: Function,
        group: Group,
        state: StateInfo,
        values: dict[Node, Value | None],
        forms: list[Form],
    ) -> None:
        self.group, self.state, self.forms = group, state, forms
        self.axes = state.leaf.type.axes
        self.uses, self.problem = uses(function, group, values)
        self.decay_axes = decay_axes(forms)
        self.monomials = [m for f in forms for m, _ in f.write]
        self.erasing = any(f.erase for f in forms)

    def result(self) -> Recurrence:
        contracted = {c for f in self.forms for c in f.contracted}
        if len(contracted) > 1:
            return self._loop("nonlinear", "erase terms contract different axes of the state")
        if contracted:
            sides = self._sides(self._ordered(next(iter(contracted))))
            return self._erasing(sides)
        for keys, transposed in self._candidates():
            sides = self._sides(keys, transposed)
            if not keys or not self._holds(sides) or self._dense(sides, transposed):
                continue
            if all(self._side(u, sides) for u in self.uses):
                return self._assemble(self._class(sides), sides)
        return self._scan()

    # -- sides -----------------------------------------------------------------------------------

    def _candidates(self) -> list[tuple[Axes, bool]]:
        """Key axes to try: those that reads contract, then the other side of each."""
        read = sorted({self._ordered(u.over) for u in self.uses if u.over}, key=self._place)
        other: list[tuple[Axes, bool]] = []
        for over in read:
            along = {a for n, _ in atoms(self.monomials) if set(n.type.axes) & set(over)
                     for a in n.type.axes}  # fmt: skip
            other.append((tuple(a for a in self.axes if a not in along | set(over)), True))
        return [*((r, False) for r in read), *other]

    def _place(self, axes: Axes) -> list[int]:
        return [self.axes.index(a) if a in self.axes else len(self.axes) for a in axes]

    def _ordered(self, axes: Iterable[str]) -> Axes:
        wanted = set(axes)
        return tuple(a for a in self.axes if a in wanted) + tuple(sorted(wanted - set(self.axes)))

    def _sides(self, keys: Axes, transposed: bool = False) -> Sides:
        return split_axes(self.axes, keys, self.forms, self.uses, transposed)

    def _holds(self, sides: Sides) -> bool:
        """Do the decay and the writes fit the sides?"""
        if self.decay_axes - set(sides.heads) - set(sides.keys):
            return False
        return all(write_pairs(f, sides.keys, sides.values) is not None for f in self.forms)

    def _dense(self, sides: Sides, transposed: bool) -> bool:
        """Does a write vary along axes that no query has, and along no values? It is no outer
        product, and a scan is cheaper than scores for each of its entries.
        """
        asked = {a for u in self.uses for a in u.q.type.axes}
        return not transposed and not sides.values and bool(set(sides.heads) - asked)

    def _side(self, use: Use, sides: Sides) -> str:
        """Along which side a use reads; "" where no kernel of these sides gives it."""
        if not use.over:
            return "whole"
        if set(use.over) == set(sides.keys):
            return "keys"
        return "values" if set(use.over) == set(sides.values) else ""

    def _class(self, sides: Sides) -> str:
        if all(f.decay == ONE for f in self.forms):
            base = "identity"
        elif not self.decay_axes - set(sides.heads):
            base = "scalar"
        elif not self.decay_axes - set(sides.heads) - set(sides.keys):
            base = "diagonal"
        else:
            return "nonlinear" if self.erasing else "elementwise"
        rank = sum(len(erase_pairs(f, sides.keys)) for f in self.forms)
        return base if rank == 0 else f"{base}+rank1" if rank == 1 else f"{base}+rankN"

    # -- results ---------------------------------------------------------------------------------

    def _loop(self, cls: str, note: str) -> Recurrence:
        return Recurrence((self.state,), cls, note, group=self.group, gates=self._gates())

    def _gates(self) -> tuple[Node, ...]:
        return tuple(P.build(f.decay) for f in self.forms)

    def _erasing(self, sides: Sides) -> Recurrence:
        """States with erase terms: keys are given, other reads go by the solved terms."""
        cls = self._class(sides)
        if self.decay_axes - set(sides.heads) - set(sides.keys):
            return self._loop(cls, "a decay along value axes beside an erase term")
        if any(erases_values(f, sides.values) for f in self.forms):
            return self._loop(cls, "an erase term along value axes")
        if not self._holds(sides):
            return self._loop(cls, "a write that is no outer product of a key and a value")
        if all(len(erase_pairs(f, sides.keys)) <= 1 for f in self.forms):
            return self._assemble(cls, sides)
        if len(self.forms) > 1 or self.problem:
            return self._loop(cls, self.problem or "a factor of several erase terms")
        if any(self._side(u, sides) != "keys" for u in self.uses):
            return self._loop(
                cls, "beside several erase terms a state is read along its keys alone"
            )
        return coupled_result(self.group, cls, self.forms, sides, self.uses)

    def _scan(self) -> Recurrence:
        """Without erase terms every state can be scanned; what reads it contracts what it gets."""
        read = {self._ordered(u.over) for u in self.uses}
        keys = next(iter(read)) if len(read) == 1 else ()
        sides = self._sides(keys)
        pairs = write_pairs(self.forms[0], keys, sides.values) if keys else None
        if pairs is not None and len(pairs) == 1 and not self.problem and len(self.forms) == 1:
            return self._assemble("elementwise", sides)
        self.uses = list({u.target: u.whole() for u in self.uses}.values())
        cls = self._class(sides)
        if not keys and self.decay_axes:
            cls = "scalar" if set(self.axes) - self.decay_axes else "elementwise"
        return self._assemble(cls, Sides((), (), self.axes))

    def _assemble(self, cls: str, sides: Sides) -> Recurrence:
        if self.problem:
            return self._loop(cls, self.problem)
        reads: list[Read] = []
        for use in self.uses:
            match self._side(use, sides):
                case "keys" as side if sides.keys:
                    reads.append(Read(use.node, use.q, use.pre, side))
                case "values" as side:
                    reads.append(Read(use.node, use.q, use.pre, side))
                case _:
                    whole = use.whole()
                    reads.append(Read(whole.node, whole.q, use.pre, "whole"))
        factors = [_factor(f, sides) for f in self.forms]
        if len(factors) > 1 and any(r.side != "keys" for r in reads):
            return self._loop(cls, "a product of several factors is read along its keys alone")
        first = factors[0]
        return Recurrence(
            (self.state,),
            cls,
            kernel=True,
            heads=sides.heads,
            keys=sides.keys,
            values=sides.values,
            decay=first.decay,
            writes=first.writes,
            erases=first.erases,
            more=tuple(factors[1:]),
            reads=tuple({r.node: r for r in reads}.values()),
            group=self.group,
            gates=self._gates(),
        )


def _factor(form: Form, sides: Sides) -> Factor:
    """Sides multiplied out; the write that shares its direction with the erase term leads."""
    pairs = write_pairs(form, sides.keys, sides.values) or []
    erases: list[Erase] = []
    for erase in erase_pairs(form, sides.keys):
        u, w = erase
        shared = False
        for index, pair in enumerate(pairs):
            found = tied(pair, erase)
            if found is not None:
                lead, (u, w) = found
                pairs = [lead, *pairs[:index], *pairs[index + 1 :]]
                shared = True
                break
        w, decayed = undecayed(w, form.decay)
        erases.append(Erase(P.build(u), P.build(w), decayed, shared))
    writes = tuple((P.build(k), P.build(v)) for k, v in pairs)
    decay = None if form.decay == ONE else P.build(form.decay)
    return Factor(decay, writes, tuple(erases))
