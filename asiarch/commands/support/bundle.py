"""A program with the files that it uses, so that a checkpoint can be read where they are not."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from asiarch.commands.support.files import SUFFIX, Input

NAME = "program.asi"


def bundle(given: Input) -> dict[str, str]:
    """The texts of the files that a program's `use` lines bring in, by their place beside it."""
    from asiarch.elaborate.program import Elaborator
    from asiarch.language.parser import parse

    elaborator = Elaborator()
    elaborator.load(parse(given.text, given.name), given.name)
    folder = Path(given.name).parent
    found: dict[str, str] = {}
    for label, result in elaborator.files.items():
        if label != given.name and not label.startswith("<"):
            found[Path(os.path.relpath(label, folder)).as_posix()] = result.source.text
    return dict(sorted(found.items()))


@contextmanager
def unbundled(text: str, files: Mapping[str, str]) -> Generator[str]:
    """A filename for the program, beside which its files lie for a while."""
    with TemporaryDirectory(prefix="asiarch-") as folder:
        root = Path(folder).resolve()
        name = NAME if NAME not in files else f"main_{NAME}"
        for relative, content in {**files, name: text}.items():
            path = (root / relative).resolve()
            # A checkpoint is data: it names no place outside and no file of another kind.
            if root not in path.parents or path.suffix != SUFFIX:
                raise ValueError(f"the checkpoint names a file outside of its program: {relative}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode("utf-8"))
        yield str(root / name)
