"""Programs on disk: reading them, finding them in folders, writing results."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asiarch.commands.support.errors import CommandError

STDIN = "-"
SUFFIX = ".asi"
LARGEST = 1 << 20  # the parser's own limit is lower and has a diagnostic


@dataclass(frozen=True, slots=True)
class Input:
    """A program's text and the name that messages call it by. `path` is None for standard input."""

    name: str
    text: str
    path: Path | None


def read(name: str) -> Input:
    """One file, or standard input for `-`. Raises CommandError when it is missing or no text."""
    if name == STDIN:
        return Input("<stdin>", _decode(sys.stdin.buffer.read(LARGEST + 1), "<stdin>"), None)
    path = Path(name)
    try:
        if path.is_dir():
            raise CommandError(f"{name} is a folder; this command reads one file")
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise CommandError(_trouble(name, error)) from None
    return Input(name, _decode(content, name), path)


def read_all(names: Sequence[str]) -> list[Input]:
    """Files, and the programs in folders, each once and in order."""
    found: dict[str, None] = {}
    for name in names:
        for file in _programs(name):
            found[file] = None
    return [read(name) for name in found]


def write(path: str, text: str) -> None:
    """The text into a file, whose folder must exist."""
    try:
        Path(path).write_bytes(text.encode("utf-8"))
    except OSError as error:
        raise CommandError(_trouble(path, error)) from None


def check_writable(path: str) -> None:
    """Raises CommandError for a file that `write` could not write; writes nothing."""
    file, folder = Path(path), Path(path).parent
    if file.is_dir():
        raise CommandError(f"{path} is a folder: name a file in it")
    if not folder.is_dir():
        raise CommandError(f"no such folder: {folder}")
    if not os.access(file if file.exists() else folder, os.W_OK):
        raise CommandError(f"{path}: permission denied: name a file that may be written")


def make_folder(folder: Path, flag: str) -> None:
    """Makes a folder now that is written to after hours. Raises CommandError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"the folder {folder} cannot be made ({error.strerror}): name another with {flag}"
        ) from None
    if not os.access(folder, os.W_OK):
        raise CommandError(f"the folder {folder} may only be read: name another with {flag}")


def _programs(name: str) -> Iterator[str]:
    if name == STDIN or not Path(name).is_dir():
        yield name
        return
    found: list[str] = []
    for folder, folders, files in os.walk(name):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [os.path.join(folder, f) for f in files if f.endswith(SUFFIX)]
    if not found:
        raise CommandError(f"no {SUFFIX} file in the folder {name}")
    yield from sorted(found)


def _decode(content: bytes, name: str) -> str:
    if len(content) > LARGEST:
        raise CommandError(f"{name} is larger than 1 MiB, which no program is")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CommandError(
            f"{name} is not UTF-8 text: byte 0x{content[error.start]:02x} at offset {error.start} "
            f"(line {line})"
        ) from None


def _trouble(name: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        parent = Path(name).parent
        if not parent.is_dir():
            return f"no such folder: {parent}"
        near = _near(Path(name))
        return f"no such file: {name}" + (f" (did you mean {near}?)" if near else "")
    return f"{name}: {(error.strerror or str(error)).lower()}"


def _near(path: Path) -> str | None:
    from asiarch.language.names import suggest

    beside = [p.name for p in path.parent.iterdir() if p.suffix == SUFFIX]
    near = suggest(path.name, beside)
    return str(path.parent / near) if near else None
