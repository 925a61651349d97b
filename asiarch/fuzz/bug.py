"""A planted bug: one hunk of a shipped file, applied to a copy of the package, never in place."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

MAPPED = ("kernels", "grammar")


class Moved(Exception):
    """The old text of a hunk does not stand exactly once in its file."""


@dataclass(frozen=True, slots=True)
class Bug:
    """`old` in `file` (below the package) becomes `new`. `kind`: the mechanism, in few words."""

    name: str
    kind: str
    file: str
    old: str
    new: str

    def __str__(self) -> str:
        return self.name

    def applied(self, text: str) -> str:
        """The file's text with the hunk. Raises Moved when it does not apply."""
        count = text.count(self.old)
        if count != 1 or self.old == self.new:
            raise Moved(f"{self.name}: {self.old!r} stands {count} times in {self.file}, not once")
        return text.replace(self.old, self.new)


def shipped(file: str) -> Path:
    """The place of a file of the package: `kernels/...` lies where that subpackage does."""
    first, _, rest = file.partition("/")
    if first in MAPPED:
        return Path(next(iter(import_module(f"asiarch.{first}").__path__))) / rest
    return Path(next(iter(import_module("asiarch").__path__))) / file


def plant(folder: Path, *bugs: Bug) -> Path:
    """A copy of the package in `folder/asiarch` with the hunks applied. Gives `folder`."""
    shutil.copytree(shipped(""), folder / "asiarch")
    for name in MAPPED:
        inner = folder / "asiarch" / name
        if not inner.exists():  # in a checkout they lie beside the package
            shutil.copytree(shipped(f"{name}/"), inner)
    for bug in bugs:
        path = folder / "asiarch" / bug.file
        path.write_text(bug.applied(path.read_text(encoding="utf-8")), encoding="utf-8")
    return folder
