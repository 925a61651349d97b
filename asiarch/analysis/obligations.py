"""What must hold at every place where something is used: ranges that a callee requires, sizes that
are whole numbers, states that are made of earlier tokens only.
"""

from __future__ import annotations

from collections.abc import Iterator

from asiarch.analysis.flow import blocks
from asiarch.elaborate.program import Named
from asiarch.ir.domains.grade import Grade, Grades, Reads
from asiarch.ir.domains.ranges import Required
from asiarch.ir.function import Function
from asiarch.ir.interpreter import Frame, Group, schedule
from asiarch.ir.offsets import hull, upper
from asiarch.language.ast import Span
from asiarch.language.diagnostics import Diagnostic


def file_of(function: Function) -> str | None:
    return function.source.file if isinstance(function.source, Named) else None


def own(function: Function, required: Required) -> bool:
    """Is the call in this definition, or in one that is not checked by itself?"""
    inside = [callee.attr("function") for _, callee in required.path[:-1]]
    return all(f.polymorphic or file_of(f) != file_of(function) for f in inside)


def requires(function: Function) -> bool:
    """Does anything that it calls, at any depth, claim the range of an input?"""
    if "requires" not in function.memo:
        function.memo["requires"] = any(
            _claims_inputs(child) or requires(child) for _, child in function.children()
        )
    return function.memo["requires"]


def _claims_inputs(function: Function) -> bool:
    return any(c.kind == "range" and c.data[0].op == "input" for c in function.claims)


def unmet(function: Function, required: Required) -> Diagnostic:
    holder, node = required.path[0]
    return Diagnostic(
        "E0408",
        f"`{required.callee.name}` requires `{required.claim.text}`, but here it is in "
        f"{required.found}",
        holder.spans.get(node) or Span(0, 0),
        help="bound it: `sigmoid`, `exp(-softplus(...))`, `clamp`",
        file=file_of(function),
    )


def owned(function: Function) -> Iterator[Function]:
    """The blocks of a definition and of those of any type in its file, which only calls check."""
    seen: set[int] = set()
    stack = [function]
    while stack:
        current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        for block in blocks(current):
            yield block
            for node, callee in block.children():
                inside = node.op == "call" and callee.polymorphic
                if inside and file_of(callee) == file_of(function):
                    stack.append(callee)


def cycles(function: Function, grades: Grades) -> list[Diagnostic]:
    """States that would need their own value of the same token or of a later one."""
    out: list[Diagnostic] = []
    for block in owned(function):
        if not block.states:
            continue
        for group in schedule(block):
            if isinstance(group, Group):
                out += _cycle(function, block, group, grades)
    return out


def _cycle(function: Function, block: Function, group: Group, grades: Grades) -> list[Diagnostic]:
    """Every way from a state before a token to a state after it must not look ahead."""
    inside = {*group.nodes, *(s.leaf for s in group.states)}
    frame = Frame(block, grades)
    grades.begin(frame)
    frame.values = {a: Grade() for n in group.nodes for a in n.args if a not in inside}
    for state in group.states:
        frame.values[state.leaf] = Grade(((state.leaf, Reads(0, 0)),))
    for node in group.nodes:
        frame.values[node] = frame.evaluate(node)
    out: list[Diagnostic] = []
    for state in group.states:
        found = frame.values.get(state.update, Grade())
        if found.span[1] <= 0 and not found.whole:
            continue
        ahead = next((r.cause for _, r in found.reads if r.cause in block.spans), state.update)
        span = block.spans.get(ahead or state.update) or block.spans.get(state.update)
        out.append(
            Diagnostic(
                "E0302",
                f"the state `{state.name}` would need its own value at the same token or later",
                span or Span(0, 0),
                help=f"what `{state.name}` is made of reads it at `[t-1]` or earlier",
                file=file_of(function),
            )
        )
    return out


def places(function: Function) -> list[Diagnostic]:
    """Sizes below 0 in calls, states read at a token where they have no value yet."""
    out: list[Diagnostic] = []
    file = file_of(function)
    for block in owned(function):
        for node in block.nodes():
            span = block.spans.get(node)
            if span is None:
                continue
            if node.op == "call":
                for name, size in node.attr("sizes"):
                    if upper(size) < 0:
                        message = f"{name} = {size} is no size: sizes are whole numbers"
                        out.append(Diagnostic("E0502", message, span, file=file))
            if node.op == "attend":
                body: Function = node.attr("body")
                early = [n for n in body.inputs if n.attr("state") and n.attr("which") == "j"]
                if early and not hull(body.outputs[0]).strict:
                    name = body.input_names[body.inputs.index(early[0])]
                    variable = node.attr("variable")
                    read = body.spans.get(early[0], span)
                    out.append(
                        Diagnostic(
                            "E0302",
                            f"`{name}[{variable}]` is read at {variable} = t, where it has no "
                            f"value yet",
                            read,
                            help=f"admit earlier tokens only: `{variable} < t`",
                            file=file,
                        )
                    )
    return out
