"""What every backend emits: a text, its imports, the plans that it prints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from asiarch.codegen.attend import form
from asiarch.codegen.plan import Plan
from asiarch.ir.node import topological
from asiarch.ir.recurrence import Recurrence


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


def described(title: str, plans: Mapping[str, Plan]) -> str:
    """The docstring of a module: what it is, and the classes of its recurrences."""
    found = [f"{r.states[0].name}: {r.cls}" for p in plans.values() for r in p.recurrences]
    if not found:
        return f'"""{title}"""'
    return f'"""{title}\n\nRecurrences: {", ".join(dict.fromkeys(found))}.\n"""'


def imports(lines: Iterable[str], body: str, wanted: Mapping[str, str], library: str) -> str:
    """Imports that the text uses, in isort's order. wanted: a line, and what asks for it."""
    chosen = {line for line in lines if line != "from __future__ import annotations"}
    chosen |= {line for line, pattern in wanted.items() if re.search(pattern, body)}
    chosen = _merged(c for c in chosen if c != "from torch.nn import functional as F")

    def rank(line: str) -> tuple[int, str]:
        return (int(line.startswith("from")), line)

    standard = sorted((c for c in chosen if library not in c), key=rank)
    third = sorted((c for c in chosen if library in c), key=rank)
    groups = [["from __future__ import annotations"], standard, third]
    return "\n\n".join("\n".join(g) for g in groups if g)


def _merged(lines: Iterable[str]) -> set[str]:
    """One line for each module that names are taken from."""
    names: dict[str, set[str]] = {}
    for line in lines:
        module, _, taken = line.partition(" import ")
        names.setdefault(module, set()).update(taken.split(", ") if taken else ())
    return {f"{m} import {', '.join(sorted(n))}" if n else m for m, n in names.items()}
