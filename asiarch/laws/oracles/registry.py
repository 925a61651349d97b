"""Every oracle there is, and the references that are known to be wrong."""

from __future__ import annotations

from asiarch.laws.oracles import attends, delta, linear, models, plain, slots, structured
from asiarch.laws.oracles.oracle import Oracle

ORACLES: tuple[Oracle, ...] = (
    *linear.ORACLES,
    *delta.ORACLES,
    *slots.ORACLES,
    *models.ORACLES,
    *attends.ORACLES,
    *structured.ORACLES,
    *plain.ORACLES,
)


def named(part: str) -> list[Oracle]:
    """The oracles whose name holds `part`."""
    return [o for o in ORACLES if part.lower() in o.name.lower()]


UNSAID = {
    "fla/ops/path_attn/naive.py": "PaTH: a score holds a product over the tokens between j and t",
    "fla/ops/utils/sinkhorn/naive.py": "Sinkhorn's iteration mixes no tokens",
}
"""References of operators that the language does not say, with the reason."""
