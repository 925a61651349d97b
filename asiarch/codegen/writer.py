"""Writing Python: indentation, lines, and names that do not collide."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

WIDTH = 100


@dataclass(slots=True)
class Writer:
    """Lines at the current indentation; `block` nests."""

    lines: list[str] = field(default_factory=list[str])
    depth: int = 0

    def line(self, text: str = "") -> None:
        self.lines.append(f"{'    ' * self.depth}{text}" if text else "")

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        self.line(head)
        self.depth += 1
        yield
        self.depth -= 1

    @property
    def room(self) -> int:
        return WIDTH - 4 * self.depth

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


@dataclass(slots=True)
class Names:
    """Fresh Python identifiers."""

    taken: set[str] = field(default_factory=set[str])

    def fresh(self, wish: str) -> str:
        """`wish` made an identifier, with a number when it is taken."""
        base = re.sub(r"\W", "_", wish) or "x"
        if base[0].isdigit() or keyword.iskeyword(base) or hasattr(builtins, base):
            base = f"{base}_" if not base[0].isdigit() else f"x{base}"
        name, count = base, 2
        while name in self.taken:
            name, count = f"{base}_{count}", count + 1
        self.taken.add(name)
        return name


def wrapped(head: str, items: list[str], tail: str, room: int) -> list[str]:
    """`head item, item tail` on one line, or one item a line."""
    flat = f"{head}{', '.join(items)}{tail}"
    if len(flat) <= room:
        return [flat]
    return [head, *(f"    {item}," for item in items), tail]


def class_name(name: str) -> str:
    """gated_delta_net -> GatedDeltaNet."""
    return "".join(p[:1].upper() + p[1:] for p in re.split(r"[^0-9A-Za-z]+|_", name) if p)
