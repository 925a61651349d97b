"""What a proposer hands over: a program with the edits that made it. Pure data, JSON-able."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asiarch.fuzz.edit import Change


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an edit comes from: names of what the literature holds (`cognition`), ids of candidates
    (`experience`), or neither (`original`).
    """

    cognition: tuple[str, ...] = ()
    experience: tuple[str, ...] = ()

    @property
    def original(self) -> bool:
        return not self.cognition and not self.experience

    def as_json(self) -> dict[str, Any]:
        return {
            "cognition": list(self.cognition),
            "experience": list(self.experience),
            "original": self.original,
        }


@dataclass(frozen=True, slots=True)
class EditRecord:
    """`changes` are made one after the other; `where` is the definition, `what` a short text.

    structural: the graph changes, not only a number, an initial value or a pointwise function.
    """

    operator: str
    where: str
    what: str
    changes: tuple[Change, ...]
    structural: bool = True
    provenance: Provenance = field(default_factory=Provenance)

    def apply(self, text: str) -> str:
        """The changed text. Raises ValueError where a change does not fit."""
        for change in self.changes:
            text = change.apply(text)
        return text

    @property
    def inverse(self) -> tuple[Change, ...]:
        """Changes that lead back."""
        return tuple(c.inverse for c in reversed(self.changes))

    def as_json(self) -> dict[str, Any]:
        return {
            "operator": self.operator,
            "where": self.where,
            "what": self.what,
            "structural": self.structural,
            "provenance": self.provenance.as_json(),
            "changes": [[c.start, c.old, c.new] for c in self.changes],
        }


def from_json(data: Mapping[str, Any]) -> EditRecord:
    """The record of its JSON."""
    given = data["provenance"]
    changes = tuple(Change(data["operator"], *change) for change in data["changes"])
    provenance = Provenance(tuple(given["cognition"]), tuple(given["experience"]))
    return EditRecord(data["operator"], data["where"], data["what"], changes, data["structural"],
                      provenance)  # fmt: skip


def replay(text: str, edits: Sequence[EditRecord]) -> str:
    """The child that the edits make of a parent's text."""
    for edit in edits:
        text = edit.apply(text)
    return text


@dataclass(frozen=True, slots=True)
class Proposal:
    """`parents`: ids; the edits are made to the first one's text, to no text where there is none.

    `operator` is the arm of the bandit that gets the reward; `digest` the child's identity.
    """

    text: str
    op: str
    sizes: tuple[tuple[str, int], ...]
    parents: tuple[str, ...]
    edits: tuple[EditRecord, ...]
    operator: str
    digest: str = ""
    tries: int = 1

    @property
    def structural(self) -> bool:
        return any(e.structural for e in self.edits)
