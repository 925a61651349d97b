"""The protocol is data with a hash that every field moves."""

from __future__ import annotations

from dataclasses import fields, replace
from importlib.resources import files

import pytest

from asiarch.search.protocol import FULL, PRESETS, QUICK, Protocol, Tier


def test_presets_and_their_round_trip() -> None:
    assert set(PRESETS) == {"quick", "full"}
    for preset in PRESETS.values():
        assert Protocol.from_json(preset.to_json()) == preset
        assert Protocol.from_json(preset.to_json()).hash == preset.hash
    assert not QUICK.claims
    assert FULL.claims
    assert len(FULL.panel) >= 10


def test_every_field_moves_the_hash() -> None:
    other = {
        "name": "x", "metric": "loss", "panel": ("a",), "learning_rates": (1e-3,),
        "tiers": (Tier("T1", ("a",), (2, 4), 0.1),), "select_seeds": 2, "confirm_seeds": 9,
        "claim_tasks": ("a",), "margin": 0.1, "alpha": 0.01, "shortlist": 3, "host": "plain",
        "parameters": 0.05,
    }  # fmt: skip
    assert set(other) == {f.name for f in fields(Protocol)}
    changed = {replace(FULL, **{k: v}).hash for k, v in other.items()}
    assert len(changed | {FULL.hash}) == len(other) + 1


def test_a_claim_needs_seeds_and_tasks() -> None:
    with pytest.raises(ValueError, match="confirmation seeds"):
        FULL.named("x", confirm_seeds=2)
    with pytest.raises(ValueError, match="claim_tasks"):
        FULL.named("x", claim_tasks=())


def test_panels_are_of_the_library() -> None:
    library = files("asiarch.library")
    for name in FULL.panel:
        file, op = name.split(".")
        assert f"op {op}[" in (library / f"{file}.asi").read_text()


def test_tasks_are_known_ones() -> None:
    registry = pytest.importorskip("asiarch.train.tasks.registry")
    for preset in PRESETS.values():
        named = {t for tier in preset.tiers for t in tier.tasks} | set(preset.claim_tasks)
        assert named <= set(registry.TASKS)
