"""Deletions: a winner without one of its components, everything else as it was.

Each is a whole program that checks and is causal; what does not check without the component is not
deletable and is left out. Parameters are matched and runs paired by whoever trains them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asiarch.analysis.report import Report, check_tree
from asiarch.fuzz import tree
from asiarch.language import ast
from asiarch.language.parser import parse
from asiarch.search.analyst.components import NEUTRAL, Component, components, swapped


@dataclass(frozen=True, slots=True)
class Deletion:
    """`text` is the file without the component: the same definitions, dead statements gone."""

    component: Component
    op: str
    text: str

    @property
    def label(self) -> str:
        c = self.component
        return f"{c.where}: {c.kind} `{c.what}` to {NEUTRAL[c.kind]}"


def deletions(text: str, op: str, filename: str = "<text>") -> list[Deletion]:
    """Every deletion of the op and of what it calls in its file, each with those alone. Raises
    ValueError where there is no such op or it does not check.
    """
    text = alone(text, op)
    before = parse(text, filename)
    report = check_tree(before, filename, witnesses=False)
    if not report.ok or op not in report.ops:
        raise ValueError(f"`{op}` does not check, so nothing can be taken out of it")
    found: list[Deletion] = []
    seen = {text}
    for definition in reachable(before.program, op):
        for component in components(text, definition):
            made = deleted(text, component)
            if made is not None and made not in seen and holds(made, report, filename):
                seen.add(made)
                found.append(Deletion(component, op, made))
    return found


def alone(text: str, op: str) -> str:
    """The file without definitions that the op does not need, its `use` lines kept."""
    program = parse(text).program
    kept = {d.span.start for d in reachable(program, op)}
    items = [i for i in program.items if isinstance(i, ast.Use) or i.span.start in kept]
    return "\n\n".join(tree.piece(text, i) for i in items) + "\n"


def reachable(program: ast.Program, op: str) -> list[ast.Definition]:
    """The definition and those of its file that it calls, directly or not."""
    known = {d.name.id: d for d in program.definitions}
    if op not in known:
        raise ValueError(f"there is no `{op}`; the file defines {', '.join(known)}")
    order, waiting = dict[str, ast.Definition](), [op]
    while waiting:
        name = waiting.pop()
        if name in known and name not in order:
            order[name] = known[name]
            waiting += [n.id for n in tree.nodes(known[name]) if isinstance(n, ast.Name)]
    return list(order.values())


def deleted(text: str, component: Component) -> str | None:
    """The text with the component's swaps made; what nothing reads any more is gone, and so are
    claims but causality. None where it cannot be read.
    """
    return cleaned(swapped(text, component.swaps), component.where)


def cleaned(text: str, where: str) -> str | None:
    """Without statements of the definition `where` that nothing reads, and with no claim of the
    file but causality. None where the text cannot be read.
    """
    text = _unclaimed(text)
    while True:
        result = parse(text)
        if any(d.severity == "error" for d in result.diagnostics):
            return None
        definition = next(d for d in result.program.definitions if d.name.id == where)
        dead = _dead(definition)
        if dead is None:
            return text
        text = _without(text, dead)


def _unclaimed(text: str) -> str:
    """A component's absence may well break `stable` or a range; only causality is asked again."""
    for definition in reversed(parse(text).program.definitions):
        spans = [c.span for c in definition.claims]
        if spans:
            kept = [tree.piece(text, c) for c in definition.claims if _causal(c)]
            start = text.rfind("where", 0, spans[0].start) if not kept else spans[0].start
            text = text[:start] + ", ".join(kept) + text[spans[-1].end :]
    return text


def _causal(claim: ast.Claim) -> bool:
    return claim.interval is None and isinstance(claim.value, ast.Name) and claim.value.id == "causal"  # fmt: skip # noqa: E501


def _dead(definition: ast.Definition) -> Any | None:
    """A statement whose names no other statement reads."""
    statements = [n for n in tree.nodes(definition) if isinstance(n, tree.STATEMENTS)]
    for statement in statements:
        names = _bound(statement)
        own = [s for s in statements if set(_bound(s)) & set(names)]
        reads = {
            n.id
            for s in statements
            if s not in own and not isinstance(s, ast.For | ast.If)
            for root in _read(s)
            for n in tree.nodes(root)
            if isinstance(n, ast.Name)
        }
        if names and not set(names) & reads:
            return statement
    return None


def _bound(statement: Any) -> list[str]:
    match statement:
        case ast.Equation():
            return [t.id for t in statement.targets]
        case ast.Param() | ast.State() | ast.Share():
            return [statement.name.id]
        case _:
            return []


def _read(statement: Any) -> list[Any]:
    match statement:
        case ast.Equation() | ast.Loss():
            return [statement.value]
        case ast.Return():
            return list(statement.values)
        case ast.Param():
            return [statement.initialiser]
        case ast.State():
            return [] if statement.initial is None else [statement.initial]
        case ast.Share():
            return [] if statement.brackets is None else [statement.brackets]
        case _:
            return []


def _without(text: str, statement: Any) -> str:
    """The text without the statement and the line that it alone stood on."""
    start, end = statement.span.start, statement.span.end
    before, after = text.rfind("\n", 0, start), text.find("\n", end)
    alone = not text[before + 1 : start].strip() and after >= 0 and not text[end:after].strip()
    return text[: before + 1] + text[after + 1 :] if alone else text[:start] + text[end:]


def holds(text: str, before: Report, filename: str = "<text>") -> bool:
    """Does it check, with the same definitions, and everything causal that was?"""
    report = check_tree(parse(text, filename), filename, witnesses=False)
    if not report.ok or set(report.ops) != set(before.ops):
        return False
    return all(report.ops[n].causal for n, o in before.ops.items() if o.causal)
