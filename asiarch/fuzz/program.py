"""A drawn program: an `.asi` file whose first lines say how to run it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_HEAD = re.compile(r"^# run: (\w+)((?: \w+ = \d+,?)*)(?: chunk (\d+))?$", re.M)


@dataclass(frozen=True, slots=True)
class Program:
    """`op` is the definition to run, at `sizes`, in blocks of `chunk` tokens."""

    text: str
    op: str
    sizes: tuple[tuple[str, int], ...] = ()
    chunk: int = 4

    @property
    def file(self) -> str:
        """The text with the line that `read` finds."""
        shown = "".join(f" {k} = {v}" for k, v in self.sizes)
        return f"# run: {self.op}{shown} chunk {self.chunk}\n{self.text}"

    @property
    def named_sizes(self) -> Mapping[str, int]:
        return dict(self.sizes)


def read(text: str) -> Program:
    """The program of a file. Raises ValueError when no line says how to run it."""
    found = _HEAD.search(text)
    if found is None:
        raise ValueError("no line `# run: NAME D = 4 ... chunk 4` says which definition to run")
    sizes = tuple((k, int(v)) for k, v in re.findall(r"(\w+) = (\d+)", found[2]))
    return Program(text[: found.start()] + text[found.end() + 1 :], found[1], sizes,
                   int(found[3] or 4))  # fmt: skip
