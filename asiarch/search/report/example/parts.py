"""What the made-up report says beside its candidates."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from asiarch.search.report import data as d
from asiarch.search.report.example.design import SIGMA, TASKS


def asked(count: int) -> d.Asked:
    return d.Asked(
        title="made-up data",
        protocol="full",
        claims=True,
        tasks=TASKS,
        baseline="gated_delta_net",
        protocol_hash="3f9a1c0e77b2d845",
        seed="0",
        command="asiarch search --protocol full --budget 3h",
        started="2026-11-29 09:00 UTC",
        ended="2026-11-29 12:00 UTC",
        code="0.1.0",
        budget={"wall time": "3 h", "candidates": str(count)},
        spent={"CPU": "5.8 h", "wall time": "3.0 h", "training runs": "2,114"},
        machine={"kind": "2 cores of an x86-64 CPU"},
        versions={"python": "3.11", "torch": "2.13.0", "numpy": "2.3"},
        warning="Every number here is made up, to show what a report looks like.",
    )


POWER = d.Power(
    alpha=0.05,
    seeds=16,
    sigma=SIGMA,
    rho=0.42,
    power=0.8,
    detectable=0.016,
    error=d.Estimate(0.041, 0.036, 0.047),
    simulations=5000,
)
COMPONENTS = (
    d.Component(
        "short conv",
        d.Estimate(0.031, 0.024, 0.038),
        d.Estimate(0.21, 0.15, 0.27),
        d.Estimate(1.1, 0.4, 1.8),
        14,
        d.Estimate(0.018, 0.006, 0.030),
        3,
    ),
    d.Component(
        "decay of the state",
        d.Estimate(0.027, 0.019, 0.035),
        d.Estimate(0.12, 0.05, 0.19),
        d.Estimate(0.6, -0.1, 1.3),
        11,
        d.Estimate(0.012, -0.004, 0.028),
        3,
    ),
    d.Component(
        "output gate",
        d.Estimate(0.012, 0.003, 0.021),
        d.Estimate(0.04, -0.01, 0.09),
        d.Estimate(0.2, -0.5, 0.9),
        12,
    ),
    d.Component(
        "norm of keys",
        d.Estimate(0.004, -0.004, 0.012),
        d.Estimate(0.03, 0.0, 0.06),
        d.Estimate(0.5, -0.2, 1.2),
        9,
    ),
    d.Component(
        "read before the write",
        d.UNKNOWN,
        d.Estimate(-0.02, -0.05, 0.01),
        d.Estimate(-0.7, -1.6, 0.2),
        4,
    ),
)
ASSOCIATIONS = d.Associations(
    (
        d.Motif(
            "mul:seq3(exp:seq1, state:seq3)", 74, 12, d.Estimate(3.1, 1.6, 6.0), 0.008,
            d.Estimate(0.12, 0.05, 0.19), d.Estimate(0.021, 0.008, 0.034),
        ),
        d.Motif(
            "mul:seq2(sigmoid:seq2, contract:seq2)", 51, 9, d.Estimate(1.4, 0.7, 2.8), 0.35,
            d.Estimate(0.04, -0.01, 0.09), d.Estimate(0.006, -0.007, 0.019),
        ),
        d.Motif(
            "sub:seq2(contract:seq2(input:seq1, param:w3), contract:seq2(state:seq3, silu:seq2))",
            18, 6, d.Estimate(0.6, 0.2, 1.8), 0.42,
        ),
    ),
    34, 188, 24, 0.31, ("Mixed model: lineages do not differ beyond chance.",),
)  # fmt: skip
SHARES = (
    d.Share("all edits", (148, 71, 19), 6),
    d.Share("edits of what passed", (9, 6, 1)),
)
TIERS = (
    d.TierPair("T1", "T2", d.Estimate(0.71, 0.22, 0.91), 10),
    d.TierPair("T1", "C", d.Estimate(0.66, 0.12, 0.9), 10),
    d.TierPair("T2", "C", d.Estimate(0.38, -0.3, 0.81), 10),
)


def discoveries() -> Iterator[d.Discoveries]:
    grid = tuple(i * 2e13 for i in range(31))
    most = {"full": 3.0, "evolution": 2.0, "random": 1.0, d.NULL: 0.0}
    for arm, end in most.items():
        count = tuple(round(end * (i / 30) ** 0.8 * 3) / 3 for i in range(31))
        fits = (
            (
                d.Fit(
                    "poisson",
                    f"{end / 6:.2f} per 1e14",
                    tuple(end * i / 30 for i in range(31)),
                    14.2,
                ),
                d.Fit(
                    "power",
                    "exponent 0.8 (0.3 to 1.6)",
                    tuple(end * (i / 30) ** 0.8 for i in range(31)),
                    15.8,
                ),
                d.Fit(
                    "saturating",
                    f"to {2 * end:.1f}",
                    tuple(2 * end * i / (30 + i) for i in range(31)),
                    15.9,
                ),
            )
            if end
            else ()
        )
        low = tuple(max(c - 1, 0.0) for c in count) if end else count
        yield d.Discoveries(
            arm, grid, count, low, tuple(c + (1 if end else 0) for c in count), 3, fits
        )


def edit_effects(rng: random.Random) -> Iterator[d.EditEffect]:
    for operator in ("replace", "splice", "wrap", "insert", "delete"):
        for what in ("rule", "gate", "conv", "norm"):
            count = rng.randint(1, 24)
            value, size = rng.gauss(-0.01, 0.02), SIGMA / math.sqrt(count)
            share = min(max(0.45 + 8 * value, 0.0), 1.0)
            half = 0.6 / math.sqrt(count)
            yield d.EditEffect(
                operator,
                what,
                count,
                max(count // 3, 1),
                d.Estimate(value, value - 2 * size, value + 2 * size)
                if count > 1
                else d.Estimate(value),
                d.Estimate(share, max(share - half, 0), min(share + half, 1)),
            )
