"""Where other people's references are found. None is a requirement: what is missing is `Absent`.

flash-linear-attention's files are loaded by their path, because importing the package imports every
Triton kernel. A module that such a file imports can be given in its stead.
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
    """`function` of `where`, a file below `fla/ops` or a module's name, in a `package`.

    A dot in `function` is an attribute of a class. `given`: modules that `where` imports, by name;
    values are files below `fla/ops`, or the names that they define.
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
        for part in self.function.split("."):
            found = getattr(found, part)
        return found if isinstance(found, type) else inspect.unwrap(found)

    @property
    def path(self) -> str:
        """The file as a reader finds it."""
        return f"fla/ops/{self.where}" if self.where.endswith(".py") else self.where

    @property
    def version(self) -> str:
        """The package's version, or `absent`."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return "absent"


def fla(file: str, function: str, **given: str | Mapping[str, Any]) -> Reference:
    """A function of a file below `fla/ops`."""
    return Reference("fla-core", file, function, given)


def transformers(model: str, function: str) -> Reference:
    """A function of a model's file."""
    return Reference("transformers", f"transformers.models.{model}.modeling_{model}", function)


@cache
def _roots() -> tuple[Path, ...]:
    """The folders of the package `fla`, found without running it."""
    spec = importlib.util.find_spec("fla")
    return tuple(Path(p) / "ops" for p in (spec and spec.submodule_search_locations) or ())


def _path(file: str) -> Path:
    for root in _roots():
        if (root / file).exists():
            return root / file
    raise Absent(f"fla-core is not installed, or has no {file} ({INSTALL})")


def _file(file: str, given: Mapping[str, str | Mapping[str, Any]]) -> ModuleType:
    path = _path(file)
    name = "fla.ops." + file.removesuffix(".py").replace("/", ".")
    module = ModuleType(name)
    module.__package__ = name.rpartition(".")[0]
    with _in_place(given):
        exec(compile(path.read_text("utf-8"), str(path), "exec"), module.__dict__)
    return module


@contextmanager
def _in_place(given: Mapping[str, str | Mapping[str, Any]]) -> Generator[None]:
    """The given modules as if they were imported, with empty packages above them."""
    modules: dict[str, ModuleType] = {}
    for name, content in given.items():
        parts = name.split(".")
        for depth in range(1, len(parts)):
            above = ".".join(parts[:depth])
            modules.setdefault(above, ModuleType(above)).__path__ = []
        module = _file(content, {}) if isinstance(content, str) else ModuleType(name)
        if not isinstance(content, str):
            module.__dict__.update(content)
        modules[name] = module
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old


def _module(name: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise Absent(f"{package} is not installed: {error} ({INSTALL})") from None
