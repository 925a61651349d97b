"""`FILE.py:Name` or `package.module:Name` on the command line: the object that it names.

Loading a file executes it. Whatever it prints goes to standard error, and whatever it raises is
told with the file's own line.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from asiarch.commands.support.errors import CommandError
from asiarch.language.names import suggest

T = TypeVar("T")


def split(target: str) -> tuple[str, str]:
    """The file or module, and the name in it ("" where there is none)."""
    place, colon, name = target.rpartition(":")
    if not colon or "/" in name or "\\" in name or name.endswith(".py"):
        return target, ""
    return place, name


def load(place: str) -> ModuleType:
    """Import a file by its path or a module by its dotted name. Raises CommandError."""
    if place.endswith(".py") or "/" in place or Path(place).exists():
        return _file(Path(place))
    sys.path.insert(0, str(Path.cwd()))
    with telling(f"importing {place}"):
        try:
            return importlib.import_module(place)
        except ModuleNotFoundError as error:
            if error.name and (place == error.name or place.startswith(error.name + ".")):
                raise CommandError(
                    f"no module named {error.name}; a file is named with its .py: "
                    f"{place.replace('.', '/')}.py:Name"
                ) from None
            raise
    raise AssertionError


def _file(path: Path) -> ModuleType:
    if path.is_dir():
        raise CommandError(f"{path} is a folder; name a file and a class: {path}/model.py:Name")
    if not path.is_file():
        raise CommandError(f"no such file: {path}{_beside(path)}")
    root, name = _package(path.resolve())
    sys.path.insert(0, str(root))
    with telling(f"running {path}"):
        if "." in name:
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and pickles look their module up
        spec.loader.exec_module(module)
        return module


def _package(path: Path) -> tuple[Path, str]:
    """The folder to import from and the dotted name: a file of a package has relative imports."""
    parts, folder = [path.stem], path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    if len(parts) == 1 and path.stem in sys.modules:
        return folder, f"audited_{path.stem}"
    return folder, ".".join(p for p in parts if p != "__init__")


def _beside(path: Path) -> str:
    if not path.parent.is_dir():
        return f" (there is no folder {path.parent})"
    near = suggest(path.name, [p.name for p in path.parent.glob("*.py")])
    return f" (did you mean {path.parent / near}?)" if near else ""


def find(module: ModuleType, place: str, name: str) -> Any:
    """The object of that name, or the only torch module class of the file. Raises CommandError."""
    if not name:
        return _only(module, place)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            near = suggest(part, [str(n) for n in dir(found) if not n.startswith("_")])
            hint = f"did you mean `{near}`?" if near else _offers(module)
            raise CommandError(f"{place} has no `{name}`; {hint}")
        found = getattr(found, part)
    return found


def _only(module: ModuleType, place: str) -> Any:
    classes = candidates(module)
    if len(classes) == 1:
        return getattr(module, classes[0])
    raise CommandError(f"say which: {place}:NAME; {_offers(module)}")


def candidates(module: ModuleType) -> list[str]:
    """Names of the torch modules that a file defines: classes and instances."""
    from torch import nn

    def own(value: Any) -> bool:
        if inspect.isclass(value):
            return issubclass(value, nn.Module) and value.__module__ == module.__name__
        return isinstance(value, nn.Module)

    return [name for name, value in vars(module).items() if own(value)]


def _offers(module: ModuleType) -> str:
    names = candidates(module)
    return f"it has {', '.join(names)}" if names else "it defines no torch module"


@contextmanager
def telling(what: str) -> Generator[None]:
    """Run a stranger's code: its prints go to standard error, its exceptions become one line."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except CommandError:
        raise
    except (Exception, SystemExit) as error:
        raise CommandError(f"{what} raised {explained(error)}") from None


def told(what: str, work: Callable[[], T]) -> T:
    """The result of a stranger's code, see `telling`."""
    with telling(what):
        return work()
    raise AssertionError


def explained(error: BaseException) -> str:
    """An exception in one line, with the last line of source outside of torch."""
    said = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {said[0][:300]}" if said else type(error).__name__
    if isinstance(error, SyntaxError) and error.lineno:
        name = Path(error.filename or "").name
        return f"{type(error).__name__}: {error.msg} ({name} line {error.lineno})"
    frames = [
        f
        for f in traceback.extract_tb(error.__traceback__)
        if not any(f"{s}{part}{s}" in f.filename for part in ("torch", "asiarch") for s in "/\\")
        and not f.filename.startswith("<")
    ]
    if not frames:
        return text
    return f"{text} ({Path(frames[-1].filename).name} line {frames[-1].lineno}: {frames[-1].line})"
