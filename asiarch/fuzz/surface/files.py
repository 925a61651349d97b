"""Where an operator's definition is: in its file, by `use` beside it, then in the library."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from asiarch.language import ast
from asiarch.language.parser import parse

PRELUDE = "<library>/prelude.asi"


class Files:
    """Programs by the name of their file, read when first needed."""

    def __init__(self, name: str, program: ast.Program) -> None:
        self.programs: dict[str, ast.Program] = {name: program}

    def find(self, file: str, name: str) -> tuple[str, ast.Definition] | None:
        """The file and the definition that `name` means in a file; None for a primitive."""
        program = self._program(file)
        for definition in program.definitions:
            if definition.name.id == name:
                return file, definition
        for use in program.uses:
            if use.path[-1].id == name:
                other = self._used(file, ".".join(p.id for p in use.path[:-1]))
                return self.find(other, name)
        return None if file == PRELUDE else self.find(PRELUDE, name)

    def _used(self, file: str, name: str) -> str:
        beside = Path(file).parent / f"{name}.asi"
        if file and not file.startswith("<") and beside.is_file():
            return str(beside)
        return f"<library>/{name}.asi"

    def _program(self, file: str) -> ast.Program:
        if file not in self.programs:
            if file.startswith("<library>/"):
                root = resources.files("asiarch.library")
                text = root.joinpath(file.removeprefix("<library>/")).read_text(encoding="utf-8")
            else:
                text = Path(file).read_text(encoding="utf-8")
            self.programs[file] = parse(text, file).program
        return self.programs[file]
