"""Write what a search found as one HTML file, which needs no network and no other file.

The page begins with a verdict in plain words, says what the run cannot show, and has every
candidate with its program, ledger, effects and curves.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from asiarch.commands.support.errors import CommandError
from asiarch.commands.support.files import check_writable, write

if TYPE_CHECKING:
    from asiarch.search.store import Store

SUMMARY = "what a search found, as one HTML file"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", metavar="STORE", help="the file of a search")
    parser.add_argument(
        "--run", dest="name", metavar="NAME", help="of several; the search unless given"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE.html", help="write there, not beside the store"
    )


def run(arguments: argparse.Namespace) -> int:
    from asiarch.search.ranking.reported import reported
    from asiarch.search.report.page import page
    from asiarch.search.stats.special import MissingLibrary
    from asiarch.search.store import Store, StoreError

    path = Path(arguments.store)
    if not path.is_file():
        raise CommandError(f"there is no file {path}; `asiarch search` makes one")
    output = arguments.output or str(path.with_suffix(".html"))
    if Path(output).resolve() == path.resolve():
        raise CommandError(f"{output} is the store itself: name another file with -o")
    check_writable(output)
    try:
        with Store(path, create=False) as store:
            name = _named(arguments.name, store, path)
            text = page(reported(store, name, title=name))
    except (StoreError, MissingLibrary) as error:
        raise CommandError(str(error)) from None
    write(output, text)
    print(f"{output}  {len(text.encode()) / 1000:,.0f} kB")
    return 0


def _named(wanted: str | None, store: Store, path: Path) -> str:
    """The run that was asked for; else the search, and said which where there are several runs."""
    known = store.runs.all()
    names = ", ".join(known) or "none yet"
    if wanted is not None:
        if wanted not in known:
            raise CommandError(f"{path} has no run `{wanted}`; it has {names}")
        return wanted
    found = _likely(store, known)
    if not known:
        raise CommandError(f"{path} has no run yet; `asiarch search --store {path}` begins one")
    if len(found) != 1:
        raise CommandError(f"{path} has several runs, say which with --run: {names}")
    if len(known) > 1:
        others = ", ".join(n for n in known if n not in found)
        print(f"the run {found[0]}; --run names another: {others}")
    return found[0]


def _likely(store: Store, known: list[str]) -> list[str]:
    """Searches of arm full, then of any; rankings; other runs: the first kind that is there."""
    from asiarch.search.ranking.session import PURPOSES, RANK, purpose

    of = {name: purpose(store, name) for name in known}
    kinds = (
        [n for n in known if of[n] == "full"],
        [n for n in known if of[n] not in PURPOSES],
        [n for n in known if of[n] == RANK],
        known,
    )
    return next((names for names in kinds if names), known)
