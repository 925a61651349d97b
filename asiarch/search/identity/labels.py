"""A canonical text of forms: numbers by place instead of names, so that renaming changes nothing.

Forms, parameters, states and axes are coloured by what they are made of and by what uses them, in
rounds; then a walk from the results numbers them, the sides of a sum or a product in order of
colour. Equal texts are equal programs, always: colours order the walk and decide nothing else.
What no round tells apart is mostly symmetric; where it is not, one design may get two texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast
from zlib import crc32

from asiarch.ir.size import Size, opaque_parts
from asiarch.search.identity.forms import SUM, Axis, Form, Monomial, kids_of
from asiarch.search.identity.normalise import SYMMETRIC, Found, Normaliser

ROUNDS = 3
"""At most so many; fewer where every parameter and state has a colour of its own."""
MASK = (1 << 61) - 1
MODEL = "D"
LEAVES = frozenset({"param", "state"})
NAMED = LEAVES | {"name"}
"""What looks alike by itself: told apart by what uses it."""


@lru_cache(maxsize=4096)
def _word(text: str) -> int:
    return crc32(text.encode())


@lru_cache(maxsize=4096, typed=True)
def _number(value: Any) -> int:
    return hash(value)


@dataclass(slots=True)
class Note:
    """What of a form is the same in every definition; it is never changed.

    `terms` of a sum: a number for the coefficient, and the monomial. `over`: attributes that are
    one set of axes. `plain` and `text` are the colour and the text of attributes that name no axis
    and no size, None where there are others.
    """

    op: str
    attrs: tuple[Any, ...]
    sum: bool
    leaf: bool
    named: bool
    symmetric: bool
    word: int
    kids: tuple[int, ...]
    axes: frozenset[str]
    terms: tuple[tuple[int, Monomial], ...]
    over: frozenset[str] | None
    plain: int | None
    text: str | None


def _note(form: Form) -> Note:
    op, attrs = form.op, form.attrs
    plain = text = over = None
    if op in LEAVES:
        plain = 0
    elif op == "sum":
        (over,) = attrs
    elif op != "name" and all(map(_is_plain, attrs)):
        plain = hash(tuple([_colour(a) for a in attrs])) if attrs else 0
        text = " ".join([_text(a) for a in attrs])
    terms = tuple([(c if type(c) is int else _number(c), m) for m, c in form.terms])
    return Note(op, attrs, op == SUM, op in LEAVES, op in NAMED, op in SYMMETRIC, _word(op),
                tuple(kids_of(form)), form.axes, terms, over, plain, text)  # fmt: skip


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, cast("tuple[Any, ...]", value)))
    return value is None or type(value) in (str, bool, int, float)


def _colour(value: Any) -> int:
    """Of a plain attribute."""
    if isinstance(value, tuple):
        return hash(tuple([_colour(v) for v in cast("tuple[Any, ...]", value)]))
    return _word(str(value)) if value is None or isinstance(value, str) else hash(value)


def _text(value: Any) -> str:
    """Of a plain attribute."""
    if isinstance(value, tuple):
        return "(" + " ".join([_text(v) for v in cast("tuple[Any, ...]", value)]) + ")"
    return value if isinstance(value, str) else repr(value)


class Labels:
    """One definition: `text()` is what it is."""

    def __init__(self, made: Normaliser, outputs: Sequence[int], found: Found) -> None:
        self.made, self.outputs, self.found = made, tuple(outputs), found
        self.items = made.forms.items
        self.notes: dict[int, Note] = made.forms.notes
        self.order = self._reachable()
        self.terms: dict[int, list[int]] = {}
        self.axis: dict[str, int] = {}
        self.colour: dict[int, int] = {}
        self.context: dict[int, int] = {}

    def _reachable(self) -> list[int]:
        """Kids before what uses them: a form is numbered after its kids. States come with what they
        start at and become.
        """
        done: set[int] = set()
        items, notes, states = self.items, self.notes, self.found.states
        waiting = [*self.outputs, *self.found.losses]
        while waiting:
            n = waiting.pop()
            if n in done:
                continue
            done.add(n)
            note = notes.get(n)
            if note is None:
                note = notes[n] = _note(items[n])
            waiting += note.kids
            if n in states:
                waiting += states[n]
        return sorted(done)

    # -- colours -----------------------------------------------------------------------------------

    def colours(self) -> None:
        notes = self.notes
        for axis in set[str]().union(*{notes[n].axes for n in self.order}):
            self.axis[axis] = self._size(self.made.axes.get(axis))
        leaves = [n for n in self.order if notes[n].leaf]
        for turn in range(ROUNDS):
            if turn:
                self._up(self.order)
            else:
                self._start()
            self._down()
            use: dict[str, int] = {}
            for n in leaves:
                mine = hash((self.colour[n], self.context[n]))
                for axis in notes[n].axes:
                    use[axis] = use.get(axis, 0) + mine & MASK
            for axis, colour in self.axis.items():
                self.axis[axis] = hash((colour, use.get(axis, 0)))
            if len({(self.colour[n], self.context[n]) for n in leaves}) == len(leaves):
                break
        self._up(self.order)

    def _start(self) -> None:
        """The first colours, which the forms and the sizes of their axes give: kept with those."""
        first, fresh = self.made.first, [n for n in self.order if n not in self.made.first]
        self.colour = {n: first[n][0] for n in self.order if n in first}
        self.terms = {n: first[n][1] for n in self.order if n in first}
        self._up(fresh)
        first.update({n: (self.colour[n], self.terms.get(n, ())) for n in fresh})

    def _size(self, size: Size | None) -> int:
        """Of a size: its number, or the shape of its polynomial; names are not looked at, the
        model's width apart.
        """
        if size is None:
            return 1
        value = size.constant
        if value is not None:
            return hash(value)
        terms = (
            (hash(c), *sorted((power, name == MODEL) for name, power in m)) for m, c in size.terms
        )
        return hash(tuple(sorted(hash(t) for t in terms)))

    def _up(self, order: Sequence[int]) -> None:
        colour, context, notes = self.colour, self.context, self.notes
        sums: dict[frozenset[str], int] = {}
        self.known: dict[Any, int] = {}
        for n in order:
            note = notes[n]
            if note.sum:
                terms = self.terms[n] = self._terms(note)
                colour[n] = hash((7, *(terms if len(terms) == 1 else sorted(terms))))
                continue
            kids = [colour[k] for k in note.kids]
            own = 0
            if note.symmetric:
                kids.sort()
            elif note.named:
                own = context.get(n, 0)
            axes = sums.get(note.axes)
            if axes is None:
                axes = sums[note.axes] = self._axes(note.axes)
            attrs = note.plain
            if attrs is None:
                over = note.over
                attrs = self._attrs(note) if over is None else hash((self._axes(over),))
            colour[n] = hash((note.word, attrs, axes, own, *kids))

    def _terms(self, note: Note) -> list[int]:
        colour = self.colour
        out: list[int] = []
        for number, monomial in note.terms:
            if len(monomial) == 1:
                ((atom, power),) = monomial
                out.append(hash((number, (colour[atom], power))))
            else:
                out.append(hash((number, *sorted([(colour[a], p) for a, p in monomial]))))
        return out

    def _axes(self, axes: frozenset[str]) -> int:
        return sum([self.axis.get(a, 1) for a in axes]) & MASK

    def _attrs(self, note: Note) -> int:
        if note.op == "name":
            return self._size(Size.symbol(note.attrs[0]))
        known = self.known
        for attr in note.attrs:
            if attr not in known:
                known[attr] = self._attr(attr)
        return hash(tuple([known[a] for a in note.attrs]))

    def _attr(self, value: Any) -> int:
        if isinstance(value, Axis):
            return self.axis.get(value) or _word(value)
        if isinstance(value, Size):
            return self._size(value)
        if isinstance(value, frozenset):
            return self._axes(cast("frozenset[str]", value))
        if isinstance(value, tuple):
            return hash(tuple([self._attr(v) for v in cast("tuple[Any, ...]", value)]))
        return _colour(value)

    def _down(self) -> None:
        """What uses a form, and how."""
        colour, notes, before = self.colour, self.notes, self.context
        context = dict.fromkeys(self.order, 0)
        for place, n in enumerate(self.outputs):
            context[n] += hash((3, place))
        for n in self.found.losses:
            context[n] += 5
        for leaf, (initial, update) in self.found.states.items():
            if leaf in context:
                state = hash((colour[leaf], before.get(leaf, 0)))
                context[initial] += hash((11, state))
                context[update] += hash((13, state))
        for n in reversed(self.order):
            note = notes[n]
            if not note.kids:
                continue
            mine = hash((colour[n], context[n] & MASK))
            if note.sum:
                for (_, m), known in zip(note.terms, self.terms[n], strict=True):
                    term = hash((mine, known))
                    for a, p in m:
                        context[a] += hash((term, p))
            elif note.symmetric:
                use = hash((mine, -1))
                for k in note.kids:
                    context[k] += use
            else:
                for place, k in enumerate(note.kids):
                    context[k] += hash((mine, place))
        self.context = {n: c & MASK for n, c in context.items()}

    # -- text --------------------------------------------------------------------------------------

    def text(self) -> tuple[str, tuple[str, ...]]:
        """The text, and paths of the parameters in the order of their numbers."""
        self.colours()
        walk = Walk(self)
        return walk.text(), tuple(self.items[n].attrs[0] for n in walk.params)


class Walk:
    """Numbers in order of a walk from the results."""

    def __init__(self, labels: Labels) -> None:
        self.l, self.notes = labels, labels.notes
        self.number: dict[int, int] = {}
        self.axes: dict[str, int] = {}
        self.names: dict[str, int] = {}
        self.ordered: dict[int, Sequence[int]] = {}
        self.terms: dict[int, list[Any]] = {}
        self.lines: list[str] = []
        self.states: list[int] = []
        self.params: list[int] = []
        self.sets: dict[frozenset[str], str] = {}
        self.sizes: dict[Size, str] = {}
        self.attrs: dict[tuple[Any, ...], str] = {}

    def text(self) -> str:
        made = self.l.made
        ends = [self._visit(n) for n in self.l.outputs]
        losses = sorted(self.l.found.losses, key=lambda n: self.l.colour[n])
        ends.append(-1)
        ends += [self._visit(n) for n in losses]
        done = 0
        while done < len(self.states):
            leaf = self.states[done]
            initial, update = self.l.found.states[leaf]
            self.lines.append(f"s{done} {self._visit(initial)} {self._visit(update)}")
            done += 1
        axes = [f"{i} {self._size(made.axes.get(a))}" for a, i in list(self.axes.items())]
        return "\n".join([*self.lines, *axes, str(ends)])

    def _visit(self, root: int) -> int:
        stack = [root]
        number, ordered = self.number, self.ordered
        while stack:
            n = stack[-1]
            if n in number:
                stack.pop()
                continue
            if n not in ordered:
                waiting = [k for k in self._order(n) if k not in number]
                if waiting:
                    waiting.reverse()
                    stack += waiting
                    continue
            stack.pop()
            line = self._line(n)
            number[n] = len(number)
            self.lines.append(line)
        return number[root]

    def _order(self, n: int) -> Sequence[int]:
        """The order of the sides of a form, decided when the walk comes to it."""
        note, order = self.notes[n], self.notes[n].kids
        if note.sum:
            terms = [(c, self._factors(m)) for m, c in self.l.items[n].terms]
            if len(terms) > 1:
                terms.sort(key=self._place)
            self.terms[n] = terms
            order = [a for _, factors in terms for a, _ in factors]
        elif note.symmetric:
            colour = self.l.colour
            order = sorted(order, key=lambda k: (colour[k], self.number.get(k, -1)))
        self.ordered[n] = order
        return order

    def _place(self, term: Any) -> Any:
        c, factors = term
        colour, known = self.l.colour, self.number
        return (len(factors), float(c), [(colour[a], p) for a, p in factors],
                [known.get(a, -1) for a, _ in factors])  # fmt: skip

    def _factors(self, m: Any) -> Any:
        if len(m) < 2:
            return m
        colour, known = self.l.colour, self.number
        if len(m) == 2 and colour[m[0][0]] != colour[m[1][0]]:
            return m if colour[m[0][0]] < colour[m[1][0]] else m[::-1]
        return sorted(m, key=lambda f: (colour[f[0]], f[1], known.get(f[0], -1)))

    def _line(self, n: int) -> str:
        note, number = self.notes[n], self.number
        if note.sum:
            terms = [
                f"{c}*{number[factors[0][0]]}^{factors[0][1]}"
                if len(factors) == 1
                else f"{c}*" + "*".join([f"{number[a]}^{p}" for a, p in factors])
                for c, factors in self.terms[n]
            ]
            return "+" + " ".join(terms)
        kids = ",".join([str(number[k]) for k in self.ordered[n]])
        attrs = note.text
        if attrs is None:
            attrs = self._set(note.over) if note.over is not None else self._attrs(n, note)
        axes = self.sets.get(note.axes)
        return f"{note.op}({kids})[{attrs}]{self._set(note.axes) if axes is None else axes}"

    def _attrs(self, n: int, note: Note) -> str:
        if note.op == "state":
            self.states.append(n)
            return str(len(self.states) - 1)
        if note.op == "param":
            self.params.append(n)
            return str(len(self.params) - 1)
        if note.op == "name":
            return self._name(note.attrs[0])
        return " ".join([self._known(a) for a in note.attrs])

    def _known(self, value: Any) -> str:
        """Of an attribute that may have stood at another form: what it names keeps its number."""
        key = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else ()
        if len(key) != 2 or not isinstance(key[1], Axis | Size | tuple):
            return self._attr(value)
        if key not in self.attrs:
            self.attrs[key] = self._attr(key)
        return self.attrs[key]

    def _attr(self, value: Any) -> str:
        if isinstance(value, Axis):
            return self._axis(value) if value in self.l.made.axes else str(value)
        if isinstance(value, Size):
            return self._size(value)
        if isinstance(value, frozenset):
            return self._set(cast("frozenset[str]", value))
        if isinstance(value, tuple):
            return "(" + " ".join([self._attr(v) for v in cast("tuple[Any, ...]", value)]) + ")"
        return _text(value)

    def _set(self, axes: frozenset[str]) -> str:
        """Numbers of axes, which they keep. Those that no colour tells apart go by name: in an
        order of their own they would be numbered otherwise in another process.
        """
        found = self.sets.get(axes)
        if found is None:
            fresh = [(self.l.axis.get(a, 0), a) for a in axes if a not in self.axes]
            for _, a in sorted(fresh):
                self._axis(a)
            numbers = sorted([self.axes[a] for a in axes])
            found = self.sets[axes] = "{" + ",".join(map(str, numbers)) + "}"
        return found

    def _axis(self, name: str) -> str:
        return str(self.axes.setdefault(name, len(self.axes)))

    def _size(self, size: Size | None) -> str:
        """A size over numbers of axes and of names instead of the names."""
        if size is None:
            return "?"
        if size not in self.sizes:
            self.sizes[size] = self._sized(size)
        return self.sizes[size]

    def _sized(self, size: Size) -> str:
        parts: list[str] = []
        for m, c in sorted(size.terms, key=lambda t: (t[1], [p for _, p in t[0]])):
            factors = sorted(f"{self._name(name)}^{power}" for name, power in m)
            parts.append(f"{c}" + "".join(f"*{f}" for f in factors))
        return "+".join(parts)

    def _name(self, name: str) -> str:
        parts = opaque_parts(Size.symbol(name))
        if parts is not None:
            return f"({self._size(parts[1])} {parts[0]} {self._size(parts[2])})"
        if name == MODEL:
            return name
        if self.l.made.axes.get(name) == Size.symbol(name):
            return f"a{self._axis(name)}"
        return f"n{self.names.setdefault(name, len(self.names))}"
