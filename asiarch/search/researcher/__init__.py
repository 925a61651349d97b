"""Proposals: typed edits of programs, each stored as it was made."""

from __future__ import annotations

from asiarch.search.researcher.draft import OPERATORS
from asiarch.search.researcher.proposers import (
    Grammar,
    Literature,
    Proposer,
    Proposers,
    Random,
    View,
    literature,
)
from asiarch.search.researcher.records import EditRecord, Proposal, Provenance, from_json, replay
from asiarch.search.researcher.workshop import NoProposal, Source, Workshop

__all__ = [
    "OPERATORS",
    "EditRecord",
    "Grammar",
    "Literature",
    "NoProposal",
    "Proposal",
    "Proposer",
    "Proposers",
    "Provenance",
    "Random",
    "Source",
    "View",
    "Workshop",
    "from_json",
    "literature",
    "replay",
]
