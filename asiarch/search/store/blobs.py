"""Bytes by their content: programs, curves, transcripts. The same content is stored once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from asiarch.search.job import blob_name
from asiarch.search.store.connection import Connection
from asiarch.search.store.errors import StoreError

LARGEST = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Blobs:
    """The blobs of a store."""

    db: Connection

    def put(self, content: bytes | str) -> str:
        """Keeps bytes, or text as UTF-8; returns the name, `sha256:` and 64 digits.

        Raises StoreError above 256 MiB.
        """
        content = content.encode() if isinstance(content, str) else content
        if len(content) > LARGEST:
            raise StoreError(f"a blob of {len(content)} bytes: the store takes up to {LARGEST}")
        name = blob_name(content)
        with self.db.transaction():
            self.db.write(
                "INSERT INTO blobs (name, size, content) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (name, len(content), content),
            )
        return name

    def get(self, name: str) -> bytes:
        """A blob's content, compared with its name.

        Raises KeyError when there is none, StoreError when the file was damaged.
        """
        row = self.db.row("SELECT content FROM blobs WHERE name = ?", (name,))
        if row is None:
            raise KeyError(f"the store {self.db.path} has no blob {name!r}")
        if blob_name(row[0]) != name:
            raise StoreError(f"the store {self.db.path} is damaged: {name} has other content")
        return row[0]

    def text(self, name: str) -> str:
        """A blob's content as text."""
        return self.get(name).decode()

    def take(self, names: Iterable[str]) -> dict[str, bytes]:
        """Several blobs by their names."""
        return {name: self.get(name) for name in names}
