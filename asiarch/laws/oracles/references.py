"""Where other people's references are found. None is a requirement: what is missing is `Absent`.

Files are loaded by their path where importing their package would import every Triton kernel. A
module that such a file imports can be given in its stead.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import sys
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

INSTALL = "make oracles"


class Absent(Exception):
    """The package of a reference is not installed."""


@dataclass(frozen=True, slots=True)
class Reference:
    """`function` of `where`, a file beginning with its package's folder or a module's name.

    `package` is what is installed. `given`: modules that the file imports, by name; values are
    files too, or the names that they define.
    """

    package: str
    where: str
    function: str
    given: Mapping[str, str | Mapping[str, Any]] = field(
        default_factory=dict[str, str | Mapping[str, Any]]
    )

    def load(self) -> Any:
        """The function, without wrappers that would call a kernel in its stead. Raises Absent."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self.where.endswith(".py"):
                found: Any = _file(self.where, self.given)
            else:
                found = _module(self.where, self.package)
        found = getattr(found, self.function)
        return found if isinstance(found, type) else inspect.unwrap(found)

    @property
    def version(self) -> str:
        """The package's version, or `absent`."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return "absent"


def fla(file: str, function: str, **given: str | Mapping[str, Any]) -> Reference:
    """A function of a file below `fla/ops`."""
    return Reference("fla-core", f"fla/ops/{file}", function, given)


def mamba(file: str, function: str, **given: str | Mapping[str, Any]) -> Reference:
    """A function of a file below `mamba_ssm`."""
    return Reference("mamba-ssm", f"mamba_ssm/{file}", function, given)


def transformers(model: str, function: str) -> Reference:
    """A function of a model's file."""
    return Reference("transformers", f"transformers.models.{model}.modeling_{model}", function)


@cache
def root(package: str) -> Path | None:
    """The folder that holds an importable package's folder, found without running it."""
    spec = importlib.util.find_spec(package)
    folders = (spec and spec.submodule_search_locations) or ()
    return next((Path(folder).parent for folder in folders), None)


def _path(file: str) -> Path:
    package = file.partition("/")[0]
    above = root(package)
    if above is None or not (above / file).exists():
        raise Absent(f"{package} is not installed, or has no {file} ({INSTALL})")
    return above / file


def _file(file: str, given: Mapping[str, str | Mapping[str, Any]]) -> ModuleType:
    path = _path(file)
    name = file.removesuffix(".py").replace("/", ".")
    module = ModuleType(name)
    module.__package__ = name.rpartition(".")[0]
    with _in_place(given):
        exec(compile(path.read_text("utf-8"), str(path), "exec"), module.__dict__)
    return module


@contextmanager
def _in_place(given: Mapping[str, str | Mapping[str, Any]]) -> Generator[None]:
    """The given modules as if they were imported, with empty packages above them."""
    before = dict(sys.modules)
    try:
        for name, content in given.items():
            for above in _parts(name)[:-1]:
                if above not in given:
                    sys.modules[above] = ModuleType(above)
                sys.modules[above].__path__ = []
            sys.modules[name] = _given(name, content)
        yield
    finally:
        for name in {p for n in given for p in _parts(n)}:
            if name in before:
                sys.modules[name] = before[name]
            else:
                sys.modules.pop(name, None)


def _parts(name: str) -> list[str]:
    """a.b.c and what it lies in: a, a.b."""
    parts = name.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


def _given(name: str, content: str | Mapping[str, Any]) -> ModuleType:
    if isinstance(content, str):
        return _file(content, {})
    module = ModuleType(name)
    module.__dict__.update(content)
    return module


def _module(name: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise Absent(f"{package} is not installed: {error} ({INSTALL})") from None
