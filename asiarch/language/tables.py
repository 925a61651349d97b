"""The LALR tables: built once into the package (`grammar/tables.bin`), read in milliseconds.

The file carries a hash of the grammar and of lark's version; when it does not fit, the tables are
built in memory. Nothing is written outside of `write_tables`, which a test and `make tables` call.
"""

from __future__ import annotations

import hashlib
import io
from functools import cache
from importlib import resources
from typing import Any

STARTS = ["start", "op", "model", "use", "statement", "block"]


def grammar_text() -> str:
    return resources.files("asiarch.grammar").joinpath("asiarch.lark").read_text(encoding="utf-8")


def fingerprint(text: str) -> bytes:
    import lark

    return hashlib.blake2b(f"{lark.__version__}\n{text}".encode(), digest_size=16).digest()


def build(text: str, *, strict: bool = False) -> Any:
    """The parser from its grammar: under a second."""
    from lark import Lark

    return Lark(text, parser="lalr", lexer="contextual", propagate_positions=True, strict=strict,
                maybe_placeholders=False, start=STARTS)  # fmt: skip


@cache
def parser() -> Any:
    """The parser, from the tables in the package when they fit the grammar."""
    from lark import Lark

    text = grammar_text()
    file = resources.files("asiarch.grammar").joinpath("tables.bin")
    if file.is_file():
        stored = file.read_bytes()
        if stored[:16] == fingerprint(text):
            return Lark.load(io.BytesIO(stored[16:]))
    return build(text)


def tables() -> bytes:
    """What `tables.bin` holds."""
    text = grammar_text()
    out = io.BytesIO()
    build(text).save(out)
    return fingerprint(text) + out.getvalue()


def write_tables() -> None:
    """Write `grammar/tables.bin` anew, after a change of the grammar or of lark."""
    with resources.as_file(resources.files("asiarch.grammar").joinpath("tables.bin")) as path:
        path.write_bytes(tables())


if __name__ == "__main__":
    write_tables()
