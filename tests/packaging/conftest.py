"""Import contracts are about an installed wheel: a checkout has nothing for them to look at."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

collect_ignore = ["test_contracts.py"] if (REPOSITORY / "pyproject.toml").exists() else []
