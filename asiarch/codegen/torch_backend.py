"""The torch backend: a self-contained module text, and the module that it defines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module

from asiarch.codegen.attend import form
from asiarch.codegen.forward import Kernels
from asiarch.codegen.fused import HELPERS
from asiarch.codegen.plan import Plan, make_plan
from asiarch.codegen.spelling import TorchSpelling
from asiarch.codegen.torch_module import ModuleWriter
from asiarch.codegen.writer import Names, class_name
from asiarch.ir.function import Function
from asiarch.ir.node import Node, topological
from asiarch.ir.recurrence import Recurrence

HEADER = '''"""{title}

{classes}
"""'''


@dataclass(slots=True)
class Emitted:
    """`source` defines `entry`; `plans` by class name."""

    source: str
    entry: str
    plans: dict[str, Plan] = field(default_factory=dict[str, Plan])

    def attends(self) -> list[tuple[str, dict[str, str]]]:
        """Every `attend` by class and name, and the form that it takes."""
        found: list[tuple[str, dict[str, str]]] = []
        for cls, plan in self.plans.items():
            flat = plan.function
            nodes = [n for n in topological(flat.roots()) if n.op == "attend"]
            found += [(f"{cls}.{flat.hints.get(n, 'o')}", form(n.attr("body"))) for n in nodes]
        return found

    def recurrences(self) -> list[tuple[str, Recurrence]]:
        return [(c, r) for c, p in self.plans.items() for r in p.recurrences]


@dataclass(slots=True)
class _Emitter:
    chunk: int | None
    bare: bool
    kernels: Kernels = field(default_factory=Kernels)
    names: Names = field(default_factory=Names)
    classes: dict[int, tuple[Function, str]] = field(
        default_factory=dict[int, "tuple[Function, str]"]
    )
    texts: list[str] = field(default_factory=list[str])
    plans: dict[str, Plan] = field(default_factory=dict[str, Plan])
    helpers: set[str] = field(default_factory=set[str])

    def class_of(self, function: Function) -> str:
        """The class of a function, written once, after the classes it uses."""
        known = self.classes.get(id(function))
        if known is not None:
            return known[1]
        wish = "Block" if function.kind == "loop" else class_name(function.name)
        name = self.names.fresh(wish)
        self.classes[id(function)] = (function, name)
        plan = make_plan(function, self.chunk, loops=self.bare)
        writer = ModuleWriter(plan, name, self.kernels, self.class_of, TorchSpelling(), self.bare)
        text = writer.write()
        self.helpers |= writer.expr.helpers | self.kernels.helpers
        self.texts.append(text)
        self.plans[name] = plan
        return name


def emit(function: Function, chunk: int | None = None, *, bare: bool = False) -> Emitted:
    """The module text of a concrete function."""
    from asiarch import __version__

    load = import_module("asiarch.kernels.load")
    gather: Callable[..., tuple[list[str], str]] = load.gather

    emitter = _Emitter(chunk, bare)
    emitter.names.taken |= {"Any", "F", "Group", "Tensor", *load.classes()}
    entry = emitter.class_of(function)
    imports, kernels = gather(emitter.kernels.files) if emitter.kernels.files else ([], "")
    helpers = [HELPERS[h].rstrip() for h in HELPERS if h in emitter.helpers]
    title = f"`{function.name}` as a torch module, by asiarch {__version__}."
    classes = "" if bare else _classes(emitter.plans)
    title = f"{title[:-1]}: the forward pass alone." if bare else title
    head = HEADER.format(title=title, classes=classes) if classes else f'"""{title}"""'
    body = "\n\n\n".join([*([kernels.strip()] if kernels.strip() else []), *helpers,
                          *(t.strip() for t in emitter.texts)])  # fmt: skip
    source = f"{head}\n\n{_imports(imports, body)}\n\n\n{body}\n"
    return Emitted(source, entry, emitter.plans)


def _classes(plans: dict[str, Plan]) -> str:
    found = [f"{r.states[0].name}: {r.cls}" for p in plans.values() for r in p.recurrences]
    return f"Recurrences: {', '.join(dict.fromkeys(found))}." if found else ""


def _imports(lines: list[str], body: str) -> str:
    """Imports that the text uses, in isort's order."""
    wanted = {
        "from typing import Any": r"\bAny\b",
        "from functools import partial": r"\bpartial\(",
        "import torch": r"\btorch\.",
        "import torch.nn.functional as F": r"\bF\.",
        "from torch import Tensor": r"\bTensor\b",
        "from torch import nn": r"\bnn\.",
    }
    chosen = {line for line in lines if line != "from __future__ import annotations"}
    chosen |= {line for line, pattern in wanted.items() if re.search(pattern, body)}
    chosen = _merged(c for c in chosen if c != "from torch.nn import functional as F")

    def rank(line: str) -> tuple[int, int, str]:
        third = "torch" in line
        return (int(third), int(line.startswith("from")), line)

    standard = sorted((c for c in chosen if "torch" not in c), key=rank)
    third = sorted((c for c in chosen if "torch" in c), key=rank)
    groups = [["from __future__ import annotations"], standard, third]
    return "\n\n".join("\n".join(g) for g in groups if g)


def _merged(lines: Iterable[str]) -> set[str]:
    """One line for each module that names are taken from."""
    names: dict[str, set[str]] = {}
    for line in lines:
        module, _, taken = line.partition(" import ")
        names.setdefault(module, set()).update(taken.split(", ") if taken else ())
    return {f"{m} import {', '.join(sorted(n))}" if n else m for m, n in names.items()}


__all__ = ["Emitted", "Node", "emit"]
