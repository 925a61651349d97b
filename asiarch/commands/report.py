"""Write what a search found as one HTML file, which needs no network and no other file.

The page begins with a verdict in plain words, says what the run cannot show, and has every
candidate with its program, ledger, effects and curves.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from asiarch.commands.support.errors import CommandError
from asiarch.commands.support.files import write

SUMMARY = "what a search found, as one HTML file"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="the file of a search")
    parser.add_argument(
        "--run", dest="name", metavar="NAME", help="not needed if the store has one run"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE.html", help="write there, not beside the store"
    )


def run(arguments: argparse.Namespace) -> int:
    from asiarch.search.report.collect import collect
    from asiarch.search.report.page import page
    from asiarch.search.stats.special import MissingLibrary
    from asiarch.search.store import Store, StoreError

    path = Path(arguments.store)
    if not path.is_file():
        raise CommandError(f"there is no file {path}; `asiarch search` makes one")
    try:
        with Store(path, create=False) as store:
            name = _named(arguments.name, store.runs.all(), path)
            text = page(collect(store, name, title=name))
    except (StoreError, MissingLibrary) as error:
        raise CommandError(str(error)) from None
    output = arguments.output or str(path.with_suffix(".html"))
    write(output, text)
    print(f"{output}  {len(text.encode()) / 1000:,.0f} kB")
    return 0


def _named(wanted: str | None, known: list[str], path: Path) -> str:
    """The run that was asked for, or the only one."""
    if wanted is None and len(known) == 1:
        return known[0]
    if wanted in known:
        return str(wanted)
    names = ", ".join(known) or "none yet"
    if wanted is None:
        raise CommandError(f"{path} has several runs or none, say which with --run: {names}")
    raise CommandError(f"{path} has no run `{wanted}`; it has {names}")
