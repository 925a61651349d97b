"""What must hold at every place where something is used: ranges that a callee requires, sizes that
are whole numbers, states that are read at an earlier token.
"""

from __future__ import annotations

from asiarch.analysis.flow import blocks
from asiarch.elaborate.program import Named
from asiarch.ir.domains.ranges import Required
from asiarch.ir.function import Function
from asiarch.ir.offsets import hull, upper
from asiarch.language.ast import Span
from asiarch.language.diagnostics import Diagnostic


def file_of(function: Function) -> str | None:
    return function.source.file if isinstance(function.source, Named) else None


def requires(function: Function) -> bool:
    """Does anything that it calls require ranges of its inputs?"""
    seen: set[int] = set()
    stack = [function]
    while stack:
        current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if current is not function and any(
            c.kind == "range" and c.data[0].op == "input" for c in current.claims
        ):
            return True
        stack += [f for _, f in current.children()]
    return False


def own(function: Function, required: Required) -> bool:
    """Is the call in this definition, or in one that is not checked by itself?"""
    inside = [callee.attr("function") for _, callee in required.path[:-1]]
    return all(f.polymorphic or file_of(f) != file_of(function) for f in inside)


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


def places(function: Function) -> list[Diagnostic]:
    """Sizes below 0 in calls, states read at a token where they have no value yet."""
    out: list[Diagnostic] = []
    file = file_of(function)
    for block in blocks(function):
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
