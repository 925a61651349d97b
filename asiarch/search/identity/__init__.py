"""What a candidate is: a hash that renaming, reordering, layout, dead code and known algebra do not
change.

`identify(function, sizes)` gives the hash of a definition and its parts; two programs with one hash
are the same function with the same parameters. The other way round holds as far as the algebra of
`normalise` goes; `fingerprint` asks behaviour beyond it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from asiarch.ir.function import Function
from asiarch.ir.size import Size
from asiarch.search.identity import blocks
from asiarch.search.identity.forms import Forms
from asiarch.search.identity.labels import Labels
from asiarch.search.identity.normalise import Normaliser, closed

blocks.register()

MOST = 200_000
"""Forms that are kept between calls."""
ALIKE = 4
"""Normalisers of one header that are kept: of definitions that call other things by one name."""


@dataclass(frozen=True, slots=True)
class Identity:
    """`digest` is the key of a candidate; `forms` counts what it is made of; `live` are paths of
    the parameters that a result depends on, in an order that names do not change: those of two
    programs with one digest match one by one.
    """

    digest: str
    forms: int
    live: tuple[str, ...]
    text: str = field(repr=False)


@dataclass(slots=True)
class Identifier:
    """Identities with the forms that they share: a child of an edit costs what the edit changed."""

    forms: Forms = field(default_factory=Forms)
    families: dict[tuple[Any, ...], list[Normaliser]] = field(
        default_factory=dict[tuple[Any, ...], "list[Normaliser]"]
    )

    def of(self, function: Function, sizes: Mapping[str, int] | None = None) -> Identity:
        """The identity of a checked definition. `sizes`: numbers of its header; a name without
        number and default stays a name.
        """
        if len(self.forms.items) > MOST:
            self.forms, self.families = Forms(), {}
        known = closed(function, sizes or {})
        made = self._normaliser(function, known)
        outputs, found = made.top(function)
        labels = Labels(made, outputs, found)
        text, live = labels.text()
        digest = hashlib.sha256(text.encode()).hexdigest()
        return Identity(digest, len(labels.order), live, text)

    def _normaliser(self, function: Function, sizes: Mapping[str, Size]) -> Normaliser:
        """One for this header that gives every name the meaning that it has here."""
        key = (function.name, function.inputs, tuple(sorted(sizes.items(), key=itemgetter(0))))
        family = self.families.setdefault(key, [])
        made = next((n for n in family if n.fits(function)), None)
        if made is None:
            made = Normaliser(self.forms, sizes)
            made.fits(function)
            family.append(made)
            del family[:-ALIKE]
        return made


def identify(function: Function, sizes: Mapping[str, int] | None = None) -> Identity:
    """The identity of one definition by itself."""
    return Identifier().of(function, sizes)


__all__ = ["Identifier", "Identity", "identify"]
