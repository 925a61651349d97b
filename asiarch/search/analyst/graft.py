"""Grafts: a winner's component put into operators that lack it.

A component that helps only where it grew is a fact about its host; one that helps on at least three
hosts is a mechanism. What a component needs (its parameters, the equations it reads) moves with it,
down to the input; what needs more than the input stays, and that is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asiarch.analysis.report import check_tree
from asiarch.fuzz import tree
from asiarch.language import ast
from asiarch.language.parser import parse
from asiarch.search.analyst.components import Component, bare, components
from asiarch.search.analyst.delete import alone, holds

HOSTS = 3
UNARY = ("conv", "norm", "activation", "position")


class NoGraft(ValueError):
    """The component cannot be moved there; the message says why."""


@dataclass(frozen=True, slots=True)
class Graft:
    """`text`: the host's file with the component in its op."""

    component: Component
    host: str
    text: str


def grafts(
    text: str, component: Component, hosts: Mapping[str, tuple[str, str]]
) -> tuple[list[Graft], dict[str, str]]:
    """On every host that takes it: `hosts` by name, each (file text, op). Also why the others do
    not. Fewer than three grafts are no evidence of a mechanism.
    """
    made: list[Graft] = []
    refused: dict[str, str] = {}
    for name, (file, op) in hosts.items():
        try:
            made.append(Graft(component, name, grafted(text, component, file, op)))
        except NoGraft as error:
            refused[name] = str(error)
    return made, refused


def grafted(text: str, component: Component, file: str, op: str) -> str:
    """The host's text with the component. Raises NoGraft."""
    donor = _definition(text, component.where)
    file = alone(file, op)
    host = _definition(file, op)
    own = [c for c in components(file, host) if c.kind == component.kind]
    if component.kind in UNARY:
        new = _unary(text, donor, component, file, host)
    elif any(c.kind == "decay" for c in own):
        raise NoGraft("the host has a decay of its own")
    elif component.kind in ("gate", "decay"):
        new = _factor(text, donor, component, file, host)
    elif component.kind == "erase":
        if own:
            raise NoGraft("the host erases already")
        new = _erase(file, host)
    else:
        raise NoGraft(f"a {component.kind} has no place in another operator")
    before = check_tree(parse(file), witnesses=False)
    if not holds(new, before):
        raise NoGraft("the host does not check with it")
    return new


def _definition(text: str, name: str) -> ast.Definition:
    return next(d for d in parse(text).program.definitions if d.name.id == name)


# -- functions of one value: where the donor has them, under the same name


def _unary(
    text: str, donor: ast.Definition, component: Component, file: str, host: ast.Definition
) -> str:
    wanted = _calls(text, donor, component)
    new = file
    places = sorted(_values(host).items(), key=lambda item: -item[1].span.start)
    for name, value in places:
        for call in wanted.get(name, ()):
            if re.search(rf"\b{re.escape(call.split('[')[0])}\b", tree.piece(file, value)):
                raise NoGraft(f"the host's {name} has a {call.split('[')[0]} of its own")
            shown = f"({tree.piece(file, value)}) |> {call}"
            new = new[: value.span.start] + shown + new[value.span.end :]
    if new == file:
        raise NoGraft(f"the host has no {', '.join(wanted) or 'value'} to put it on")
    return new


def _calls(text: str, donor: ast.Definition, component: Component) -> dict[str, list[str]]:
    """Names of the donor's equations, and the calls in them that the component is."""
    found: dict[str, list[str]] = {}
    for name, value in _values(donor).items():
        for swap in component.swaps:
            if value.span.start <= swap.start and swap.end <= value.span.end:
                node = next(n for n in tree.nodes(value)
                            if isinstance(n, ast.Call | ast.Pipe)
                            and (n.span.start, n.span.end) == (swap.start, swap.end))  # fmt: skip
                end = node.brackets.span.end if node.brackets else node.name.span.end
                found.setdefault(name, []).append(text[node.name.span.start : end])
    return found


def _values(definition: ast.Definition) -> dict[str, Any]:
    """Equations of one name, the states' apart."""
    nodes = list(tree.nodes(definition))
    states = {n.name.id for n in nodes if isinstance(n, ast.State)}
    return {
        n.targets[0].id: n.value
        for n in nodes
        if isinstance(n, ast.Equation) and len(n.targets) == 1 and n.targets[0].id not in states
    }


# -- factors: a gate of the write or of the result, a decay


def _factor(
    text: str, donor: ast.Definition, component: Component, file: str, host: ast.Definition
) -> str:
    swap = component.swaps[0]
    if component.what.startswith("all "):
        raise NoGraft("several factors at once have no one place")
    if component.kind == "gate" and not _outside(donor, swap.start, swap.end):
        raise NoGraft("it stands inside of another component")
    factor = _other(text, donor, swap.start, swap.end, swap.first)
    carried, expression = _carried(text, donor, factor, host, file)
    states = {n.name.id for n in tree.nodes(host) if isinstance(n, ast.State)}
    new = file
    if component.kind == "decay":
        for e in reversed(_before(host, states)):
            shown = f"({expression} * {tree.piece(file, e)})"
            new = new[: e.span.start] + shown + new[e.span.end :]
    else:
        e = _gated(host, states, _writes(donor, swap.start))
        shown = f"({tree.piece(file, e)}) * {expression}"
        new = new[: e.span.start] + shown + new[e.span.end :]
    if new == file:
        raise NoGraft("the host has no state to decay")
    at = host.body[0].span.start
    return new[:at] + "".join(f"{line}\n  " for line in carried) + new[at:]


def _other(text: str, donor: ast.Definition, start: int, end: int, kept: int) -> Any:
    """The operand of the product at [start, end) that the deletion takes away."""
    product = next(n for n in tree.nodes(donor)
                   if isinstance(n, ast.Binary) and (n.span.start, n.span.end) == (start, end))  # fmt: skip # noqa: E501
    return product.right if product.left.span.start == kept else product.left


def _carried(
    text: str, donor: ast.Definition, e: Any, host: ast.Definition, file: str
) -> tuple[list[str], str]:
    """Statements that the expression needs, and itself, with names that are new in the host."""
    statements = {name: s for s in donor.body for name in _bound(s)}
    needed: dict[str, Any] = {}
    waiting = [e]
    formals = {f.name.id for f in donor.formals}
    while waiting:
        for node in tree.nodes(waiting.pop()):
            if not isinstance(node, ast.Name) or node.id in needed:
                continue
            statement = statements.get(node.id)
            if isinstance(statement, ast.State):
                raise NoGraft(f"it reads the donor's state {node.id}")
            if statement is not None:
                needed[node.id] = statement
                waiting.append(statement)
    used = {n.id for s in [e, *needed.values()] for n in tree.nodes(s) if isinstance(n, ast.Name)}
    _same_inputs(donor, host, used & formals)
    header = {h.name.id for h in donor.header}
    if missing := sorted((used & header) - {h.name.id for h in host.header}):
        raise NoGraft(f"the host has no size {', '.join(missing)}")
    taken = set(re.findall(r"\w+", file))
    names = {n: _fresh(n, taken) for n in needed}
    order = sorted({id(s): s for s in needed.values()}.values(), key=lambda s: s.span.start)
    return [_renamed(tree.piece(text, s), names) for s in order], _renamed(_tight(text, e), names)


def _same_inputs(donor: ast.Definition, host: ast.Definition, used: set[str]) -> None:
    theirs = {f.name.id for f in host.formals}
    if len(donor.formals) != 1 or not used <= theirs:
        raise NoGraft(f"it needs {', '.join(sorted(used)) or 'inputs'} of the donor's inside")


def _bound(statement: Any) -> list[str]:
    match statement:
        case ast.Equation():
            return [t.id for t in statement.targets]
        case ast.Param() | ast.State() | ast.Share():
            return [statement.name.id]
        case _:
            return []


def _fresh(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"{name}g"
    return name


def _renamed(text: str, names: Mapping[str, str]) -> str:
    return re.sub(r"\b[A-Za-z_]\w*\b", lambda m: names.get(m[0], m[0]), text)


def _tight(text: str, e: Any) -> str:
    piece = tree.piece(text, bare(e))
    return piece if isinstance(bare(e), ast.Name | ast.Call | ast.Number) else f"({piece})"


def _writes(donor: ast.Definition, at: int) -> bool:
    """Does the place stand in the update of a state?"""
    states = {n.name.id for n in tree.nodes(donor) if isinstance(n, ast.State)}
    return any(
        isinstance(s, ast.Equation)
        and s.span.start <= at < s.span.end
        and any(t.id in states for t in s.targets)
        for s in tree.nodes(donor)
    )


def _outside(donor: ast.Definition, start: int, end: int) -> bool:
    """Does the factor gate what is written, what is returned, or a whole equation?"""
    for s in tree.nodes(donor):
        if isinstance(s, ast.Return) and s.span.start <= start < s.span.end:
            return True
        if isinstance(s, ast.Equation):
            value = bare(s.value)
            if (value.span.start, value.span.end) == (start, end):
                return True
    return _writes(donor, start)


def _before(host: ast.Definition, states: set[str]) -> list[Any]:
    """`S[t-1]` in updates, in order of the text."""
    return sorted(
        (
            n
            for s in tree.nodes(host)
            if isinstance(s, ast.Equation) and any(t.id in states for t in s.targets)
            for n in tree.nodes(s.value)
            if isinstance(n, ast.Index) and isinstance(n.base, ast.Name) and n.base.id in states
        ),
        key=lambda n: n.span.start,
    )


def _gated(host: ast.Definition, states: set[str], write: bool) -> Any:
    """What the host writes, or what it maps back to the width of the stream."""
    if write:
        for s in tree.nodes(host):
            if isinstance(s, ast.Equation) and any(t.id in states for t in s.targets):
                value = bare(s.value)
                if isinstance(value, ast.Binary) and value.op == "+":
                    return value.right
        raise NoGraft("the host writes no sum")
    for s in host.body:
        if isinstance(s, ast.Return):
            value = bare(s.values[0])
            if isinstance(value, ast.Call) and value.name.id == "linear":
                return value.arguments[0].value
    raise NoGraft("the host's result is no map of anything")


# -- the erase term of the delta rule


def _erase(file: str, host: ast.Definition) -> str:
    """`k * v` becomes `k * (v - k @ S[t-1])` in the write of a matrix state."""
    nodes = list(tree.nodes(host))
    states = {n.name.id: n.axes for n in nodes if isinstance(n, ast.State)}
    for s in nodes:
        if not isinstance(s, ast.Equation) or not isinstance(s.targets[0], ast.Name):
            continue
        state = s.targets[0].id
        if len(states.get(state, ())) < 2:
            continue
        value = bare(s.value)
        written = bare(value.right) if isinstance(value, ast.Binary) and value.op == "+" else None
        if isinstance(written, ast.Binary) and written.op == "*":
            key, stored = bare(written.left), bare(written.right)
            key = bare(key.right) if isinstance(key, ast.Binary) and key.op == "*" else key
            if isinstance(key, ast.Name) and isinstance(stored, ast.Name):
                old = f"({stored.id} - {key.id} @ {state}[t-1])"
                return file[: stored.span.start] + old + file[stored.span.end :]
    raise NoGraft("the host writes no product of a key and a value")
