"""Where a search starts: the protocol's panel as designs, and the literature as sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from asiarch.search.archive import Niche, niche
from asiarch.search.engineer import Design, of_library, sizes_of
from asiarch.search.researcher import Source, Workshop, literature
from asiarch.search.screen import Bounds, gate


@dataclass(frozen=True, slots=True)
class Known:
    """A design with what its IR says. `refused`: why it can have no children, or ""."""

    design: Design
    niche: Niche
    refused: str


def known(design: Design, workshop: Workshop, bounds: Bounds) -> Known:
    """Raises ValueError for a design that does not check."""
    checked = workshop.checker.check(design.text)
    if checked.errors:
        raise ValueError(f"{design.name}: {checked.errors[0].message}")
    facts = checked.facts[design.op]
    refused = gate(facts, bounds, {})
    return Known(design, niche(facts), refused[1] if refused else "")


def panel(names: Sequence[str], workshop: Workshop) -> list[Design]:
    """Mixers of the library by FILE.OP, as designs under the identity of their IR.

    Raises KeyError for a name that is not there, ValueError for axes that nobody gives a number.
    """
    made: list[Design] = []
    for entry in of_library(names):
        sizes = sizes_of(entry.text, entry.op)
        if sizes is None:
            raise ValueError(f"{entry.name} has axes without a default that the hosts do not know")
        id = workshop.digest(entry.text, entry.op, sizes)
        made.append(Design(id, entry.name.removeprefix("panel."), entry.text, entry.op, sizes))
    return made


@cache
def sources() -> tuple[Source, ...]:
    """The literature at the sizes of the hosts; what has other open axes is left out."""
    found = ((s, sizes_of(s.text, s.op)) for s in literature())
    return tuple(Source(s.id, s.text, s.op, sizes) for s, sizes in found if sizes is not None)
