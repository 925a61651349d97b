"""The LALR automaton: tokens in, values out, without recursion. Knows no language.

It can be asked what it would accept, fed with nonterminals, and popped: recovery needs all three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from asiarch.language.actions import ACTIONS, DEEPER, Action
from asiarch.language.lexer import END, Token
from asiarch.language.limits import DEPTH
from asiarch.language.tables import Rule, Tables

# Called with the rule's action, its values and the result, which it may replace.
Finish = Callable[[str, list[Any], Any, int], Any]


@dataclass(frozen=True, slots=True)
class _Step:
    """A rule prepared. One value `passes` through as it is; lists have no action."""

    length: int
    origin: str
    name: str
    action: Action | None
    passes: bool
    spliced: bool
    deeper: int

    @classmethod
    def of(cls, rule: Rule) -> _Step:
        listed = rule.origin.startswith("__")
        name = rule.action or ""
        action = None if listed or not name else ACTIONS[name]
        spliced = any(s.startswith("__") for s in rule.symbols)
        passes = action is None and not listed
        deeper = int(name in DEEPER)
        return cls(len(rule.symbols), rule.origin, name, action, passes, spliced, deeper)


@cache
def _prepared(tables: Tables) -> tuple[list[_Step], dict[tuple[int, int, str], int]]:
    """The steps of the rules, and room to remember where values slide to."""
    return [_Step.of(rule) for rule in tables.rules], {}


class Automaton:
    """`values[i]` belongs to `stack[i + 1]`; `depths[i]` is how deep that value's tree is."""

    def __init__(self, tables: Tables, finish: Finish) -> None:
        self.tables, self.finish = tables, finish
        self.states = tables.states
        self.steps, self.slides = _prepared(tables)
        self.stack: list[int] = [tables.start]
        self.values: list[Any] = []
        self.depths: list[int] = []

    @property
    def row(self) -> dict[str, int]:
        return self.states[self.stack[-1]]

    def feed(self, token: Token, kind: str) -> bool:
        """Take the token as `kind`; False if it cannot stand here."""
        states, stack, values = self.states, self.stack, self.values
        while True:
            action = states[stack[-1]].get(kind)
            if action is None:
                return kind == END and stack[-1] == self.tables.end
            if action >= 0:
                stack.append(action)
                values.append(token)
                self.depths.append(0)
                return True
            step = self.steps[~action]
            if step.passes:
                key = (stack[-2], action, kind)
                if key not in self.slides:
                    self.slides[key] = self._slide(*key)
                stack[-1] = self.slides[key]
            else:
                self._reduce(step)

    def _slide(self, below: int, action: int, kind: str) -> int:
        """Where a value ends up that passes through rules of one symbol, from `~action` on."""
        while True:
            state = self.states[below][self.steps[~action].origin]
            found = self.states[state].get(kind)
            if found is None or found >= 0 or not self.steps[~found].passes:
                return state
            action = found

    def _reduce(self, step: _Step) -> None:
        stack, values, depths, length = self.stack, self.values, self.depths, step.length
        kids: list[Any] = []
        depth = 0
        if length:
            kids = values[-length:]
            depth = max(depths[-length:])
            del values[-length:], depths[-length:], stack[-length:]
        if step.spliced:
            kids = _splice(kids)
        value: Any = kids
        if step.action is not None:
            depth += step.deeper
            value = self.finish(step.name, kids, step.action(kids), depth)
            depth = depth if depth <= DEPTH else 0
        stack.append(self.states[stack[-1]][step.origin])
        values.append(value)
        depths.append(depth)

    # -- for recovery ------------------------------------------------------------------------------

    def settle(self, kind: str) -> None:
        """Reduce what is complete, as far as the terminal `kind` would; it is not taken."""
        if not Probe(self).feed(kind):
            return
        while (action := self.row[kind]) < 0:
            step = self.steps[~action]
            if step.passes:
                self.stack.pop()
                self.stack.append(self.row[step.origin])
            else:
                self._reduce(step)

    def push(self, symbol: str, value: Any) -> None:
        """Put a terminal or nonterminal that can stand here, with its value."""
        self.stack.append(self.row[symbol])
        self.values.append(value)
        self.depths.append(0)

    def cut(self, count: int) -> list[Any]:
        """Keep `count` values, return the rest."""
        rest = self.values[count:]
        del self.values[count:], self.depths[count:], self.stack[count + 1 :]
        return rest

    def accepts(self) -> set[str]:
        """The terminals that can stand here."""
        terminals = [*self.tables.literals.values(), *self.tables.patterns, END]
        return {kind for kind in terminals if kind in self.row and Probe(self).feed(kind)}


class Probe:
    """A run ahead of an automaton that leaves it as it is, and copies nothing of its stack."""

    def __init__(self, machine: Automaton) -> None:
        self.machine = machine
        self.kept = len(machine.stack)
        self.top: list[int] = []

    @property
    def row(self) -> dict[str, int]:
        state = self.top[-1] if self.top else self.machine.stack[self.kept - 1]
        return self.machine.states[state]

    def feed(self, kind: str) -> bool:
        while True:
            action = self.row.get(kind)
            if action is None:
                return kind == END and self._at_end()
            if action >= 0:
                self.top.append(action)
                return True
            step = self.machine.steps[~action]
            extra = step.length - len(self.top)
            if step.length:
                del self.top[-step.length :]
            if extra > 0:
                self.kept -= extra
            self.top.append(self.row[step.origin])

    def _at_end(self) -> bool:
        state = self.top[-1] if self.top else self.machine.stack[self.kept - 1]
        return state == self.machine.tables.end

    def feed_all(self, kinds: Iterable[str]) -> bool:
        return all(self.feed(kind) for kind in kinds)


def _splice(kids: list[Any]) -> list[Any]:
    """Lists among the values in place; one at the front grows: building it is linear."""
    listed = isinstance(kids[0], list)
    out: list[Any] = kids[0] if listed else []
    for kid in kids[1:] if listed else kids:
        if isinstance(kid, list):
            out += cast("list[Any]", kid)
        else:
            out.append(kid)
    return out
