"""Writing Python: indentation, lines, and names that do not collide."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from asiarch.codegen.pasted import is_pasted

WIDTH = 100


@dataclass(slots=True)
class Writer:
    """Lines at the current indentation; `block` nests."""

    lines: list[str] = field(default_factory=list[str])
    depth: int = 0

    def line(self, text: str = "") -> None:
        """One statement; broken at its brackets when it is too long."""
        indent = "    " * self.depth
        for piece in broken(text, self.room) if text else [""]:
            self.lines.append(f"{indent}{piece}" if piece else "")

    @contextmanager
    def block(self, head: str) -> Generator[None]:
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
        if base[0].isdigit() or _is_known(base):
            base = f"{base}_" if not base[0].isdigit() else f"x{base}"
        name, count = base, 2
        while name in self.taken:
            name, count = f"{base}_{count}", count + 1
        self.taken.add(name)
        return name


def _is_known(name: str) -> bool:
    return keyword.iskeyword(name) or hasattr(builtins, name) or is_pasted(name)


def wrapped(head: str, items: list[str], tail: str, room: int) -> list[str]:
    """`head item, item tail` on one line, or one item a line."""
    flat = f"{head}{', '.join(items)}{tail}"
    if len(flat) <= room:
        return [flat]
    return [head, *(f"    {item}," for item in items), tail]


def member(path: str) -> str:
    """What `self` holds under a path: numbers are keys (`self.n["0"].q`)."""
    parts = (f'["{p}"]' if p.isdigit() else f".{p}" for p in path.split("."))
    return f"self{''.join(parts)}"


def class_name(name: str) -> str:
    """gated_delta_net -> GatedDeltaNet."""
    return "".join(p[:1].upper() + p[1:] for p in re.split(r"[^0-9A-Za-z]+|_", name) if p)


def broken(text: str, room: int) -> list[str]:
    """A statement in lines of at most `room`: its widest bracket opens, its items one level in."""
    if len(text) <= room:
        return [text]
    found = _widest(text)
    if found is None:
        return [text]
    start, end = found
    items = _items(text[start + 1 : end])
    if not items or (len(items) == 1 and len(items[0]) > room + 40):
        return [text]
    inner = ", ".join(items)
    comma = "," if len(items) > 1 or text[start + 1 : end].rstrip().endswith(",") else ""
    if len(inner) <= room - 4:
        body = [f"    {inner}{comma if len(items) == 1 else ''}"]  # a tuple of one keeps its comma
    else:
        body = list[str]()
        for item in items:
            lines = broken(f"{item}{comma}", room - 4)
            body += [f"    {line}" for line in lines]
    return [text[: start + 1], *body, *broken(text[end:], room)]


def _widest(text: str) -> tuple[int, int] | None:
    """The outermost bracket with the longest content."""
    best: tuple[int, int] | None = None
    stack: list[int] = []
    for place, char in _code(text):
        if char in "([{":
            stack.append(place)
        elif char in ")]}" and stack:
            start = stack.pop()
            if not stack and char == ")" and (best is None or place - start > best[1] - best[0]):
                best = (start, place)
    return best if best is not None and best[1] - best[0] > 8 else None


def _items(text: str) -> list[str]:
    """Split at the commas of the outermost level."""
    parts: list[str] = []
    depth, start = 0, 0
    for place, char in _code(text):
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    last = text[start:].strip()
    return [*parts, last] if last else parts


def _code(text: str) -> Iterator[tuple[int, str]]:
    """Characters outside of string literals."""
    quote = ""
    for place, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        else:
            yield place, char
