"""Text as bytes: where it comes from, what is held out, and which bytes a step sees.

A corpus is a set of training bytes and held-out texts, split by file, named by a content hash.
A batch depends on the seed and the step alone, so a resumed run sees what an uninterrupted one
would. Knows nothing of models.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch

from asiarch.train.errors import DataError

VOCABULARY = 256
HELD_OUT_SHARE = 0.05
SMALLEST = 4096
LARGEST = 1 << 30


@dataclass(frozen=True, slots=True)
class Text:
    """One file: its name within the corpus and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Corpus:
    """Bytes to train on, texts held out, and the hash of both with their names."""

    name: str
    train: torch.Tensor
    held_out: tuple[Text, ...]
    files: int
    digest: str

    @property
    def held_out_bytes(self) -> int:
        return sum(len(text.content) for text in self.held_out)

    def describe(self) -> str:
        return (
            f"{self.name}: {self.train.numel():,} bytes to train on, {self.held_out_bytes:,} held "
            f"out ({len(self.held_out)} of {self.files} files), blake2b {self.digest}"
        )


def load(path: str | Path | None = None) -> Corpus:
    """The text of a file or of a folder, or the standard library's sources when none is named.

    Raises `DataError` for text that is missing, unreadable or shorter than 4 KiB.
    """
    if path is None:
        return standard_library()
    path = Path(path)
    if not path.exists():
        raise DataError(f"no such file or folder: {path}")
    texts = _folder(path) if path.is_dir() else [Text(path.name, _read(path))]
    return corpus(str(path), texts)


def standard_library() -> Corpus:
    """A pinned list of this Python's own source files. The hash tells one Python from another."""
    listing = (resources.files("asiarch.train") / "stdlib_files.txt").read_text("utf-8")
    names = [line for line in listing.splitlines() if line and not line.startswith("#")]
    root = Path(os.__file__).parent
    texts = [Text(name, _read(root / name)) for name in names if (root / name).is_file()]
    if len(texts) < 0.9 * len(names):
        raise DataError(
            f"{root} has {len(texts)} of the {len(names)} source files that the default text is "
            "made of (is this Python without sources?); name a text with --data"
        )
    version = ".".join(map(str, sys.version_info[:3]))
    return corpus(f"Python {version} standard library", texts)


def corpus(name: str, texts: Iterable[Text]) -> Corpus:
    """Splits texts into training bytes and held-out files; a single text loses its tail instead.

    Files are held out in the order of the hash of their names until 5 % of the bytes are: a file
    added or removed moves few others across.
    """
    kept = sorted((text for text in texts if text.content), key=lambda text: text.name)
    total = sum(len(text.content) for text in kept)
    if total < SMALLEST:
        raise DataError(
            f"{name} has {total} bytes of text; training needs at least {SMALLEST}"
            if total
            else f"{name} has no text in it"
        )
    digest = hashlib.blake2b(digest_size=16)
    for text in kept:
        digest.update(f"{text.name}\0{len(text.content)}\0".encode() + text.content)
    train, held_out = _split(kept, total)
    joined = b"\n".join(text.content for text in train)
    return Corpus(name, as_tensor(joined), tuple(held_out), len(kept), digest.hexdigest())


def as_tensor(content: bytes) -> torch.Tensor:
    """Bytes as a uint8 tensor `[length]`, a copy."""
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def batch(
    train: torch.Tensor, *, seed: int, step: int, size: int, time: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and next ids, both int64 `[size, time]`, drawn by (seed, step) alone."""
    key = hashlib.blake2b(f"batch {seed} {step}".encode(), digest_size=8).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(key, "little") >> 1)
    starts = torch.randint(0, train.numel() - time, (size,), generator=generator)
    windows = train[starts[:, None] + torch.arange(time + 1)].long()
    return windows[:, :-1], windows[:, 1:]


def windows(texts: Iterable[Text], time: int, most_bytes: int) -> torch.Tensor:
    """Held-out windows, int64 `[count, time + 1]`: each byte but a window's first is predicted.

    They tile the texts, and when that is more than `most_bytes` they are thinned out evenly, so
    that every model, n-grams included, predicts the same bytes from the same context.
    """
    tiles: list[torch.Tensor] = []
    for text in texts:
        content = as_tensor(text.content)
        whole = (content.numel() - 1) // time
        if whole > 0:
            tiles.append(content[: whole * time + 1].unfold(0, time + 1, time))
    if not tiles:
        raise DataError(f"no held-out text is longer than {time} bytes; use a shorter --time")
    return thinned(torch.cat(tiles), most_bytes).long()


def thinned(windows: torch.Tensor, most_bytes: int) -> torch.Tensor:
    """Evenly spaced ones of windows `[count, time + 1]`, predicting `most_bytes`; at least one."""
    most = max(1, most_bytes // (windows.shape[1] - 1))
    if len(windows) <= most:
        return windows
    return windows[torch.linspace(0, len(windows) - 1, most).round().long()]


def _split(texts: list[Text], total: int) -> tuple[list[Text], list[Text]]:
    goal = HELD_OUT_SHARE * total
    if len(texts) >= 2:
        held_out: list[Text] = []
        for text in sorted(texts, key=_rank):
            size = sum(len(other.content) for other in held_out)
            if size >= goal:
                break
            # A file that would take more than a quarter of the text stays in training.
            if size + len(text.content) <= 0.25 * total:
                held_out.append(text)
        if held_out:
            names = {text.name for text in held_out}
            held_out.sort(key=lambda text: text.name)
            return [text for text in texts if text.name not in names], held_out
    # One text, or one that dwarfs the rest: the tail of the longest is held out.
    longest = max(texts, key=lambda text: len(text.content))
    cut = len(longest.content) - max(int(goal), SMALLEST // 8)
    others = [text for text in texts if text is not longest]
    return (
        [*others, Text(longest.name, longest.content[:cut])],
        [Text(f"{longest.name} (tail)", longest.content[cut:])],
    )


def _rank(text: Text) -> bytes:
    return hashlib.blake2b(text.name.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def _folder(root: Path) -> list[Text]:
    texts: list[Text] = []
    size = 0
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__")))
        for name in sorted(name for name in names if not name.startswith(".")):
            path = Path(folder) / name
            if not path.is_file():
                continue
            content = _read(path)
            size += len(content)
            if size > LARGEST:
                raise DataError(f"{root} has more than 1 GiB of text; name a part of it")
            # A zero byte early on marks a binary file, as in git.
            if b"\0" not in content[:8192]:
                texts.append(Text(path.relative_to(root).as_posix(), content))
    return texts


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path} is larger than 1 GiB; name a part of it")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
