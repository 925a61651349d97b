"""Planted faults: one-hunk patches of what is shipped, each found by an ordinary law or oracle."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

import asiarch
from asiarch import laws
from asiarch.interface import elaborate, load_source
from asiarch.ir.flatten import flatten
from asiarch.laws.program import exact
from tests.laws.programs import Program, of

GDN = of("gated_delta_net", "gated_delta_net", D=8, H=2)
CORE = of("gated_delta_net", "gated_delta_core", H=2, K=3, V=4)
GLA = of("gla", "gla_core", H=2, K=3, V=4)
WINDOW = of("attention", "sliding", D=8, H=2, W=6)
SINKS = of("attention", "sinks", D=8, H=2, W=5)

FAULTS = [
    ("lost carry", CORE, r"live = step\(\*part, live\)", "live = step(*part, live) * 0", "ring"),
    ("output x 1.01", CORE, r"return o, last\n", "return o * 1.01, last\n", "ring"),
    ("mask off by one", CORE, r"ones\.triu\(\)", "ones.triu(1)", "ring"),
    ("write key for erase key", CORE, r"v, a, k, state\.get", "v, a, b[..., None] * k, state.get",
     "ring"),
    ("log of a clamped decay", CORE, r"a = chunks\.split\(x?a?, ?1\.0\)|chunks\.split\(a, 1\.0\)",
     "chunks.split(a.clamp(min=1e-4), 1.0)", "ring"),
    ("q and k tied", GDN, r"x @ self\.k\.linear", "x @ self.q.linear", "ring"),
    ("tail of a convolution lost", GDN, r'state\.get\("k\.conv"\)', "None", "streaming"),
    ("state of a recurrence lost", GDN, r'state\.get\("S"\)', "None", "streaming"),
    ("documents leak through a convolution", GDN, r"\(rows\.doc \+ 1\) \* count",
     "count + 0 * rows.doc", "packing"),
    ("window off by one", WINDOW, r"\(t - 6\) < j", "(t - 5) < j", "ring"),
    ("a block's last key is lost", WINDOW, r"self\.slot\[end - 1\] \+ 1", "self.slot[end - 1] + 0",
     "ring"),
    ("sink in the numerator", SINKS, r"total = total \+ torch\.exp\(sink - top\)",
     "weights = weights + torch.exp(sink - top)", "ring"),
    ("position not carried", WINDOW, r'positions\(state\.get\("t"\), rows, x\.dtype\)',
     "positions(None, rows, x.dtype)", "streaming"),
]  # fmt: skip


def patched(program: Program, pattern: str, replacement: str) -> Any:
    """The module of a patched emission, with the program's own parameters."""
    module = asiarch.compile(
        program.text, program.op, program.sizes, filename=program.filename, chunk=8
    )
    source, count = re.subn(pattern, lambda _: replacement, module.emitted_source)
    assert count, f"the fault {pattern} has no place in the emitted text"
    broken = load_source(source, type(module).__name__)
    broken.load_state_dict(module.state_dict())
    return broken


def found(program: Program, module: Any) -> list[str]:
    """Which oracles and laws refute the module."""
    function = flatten(elaborate(program.text, program.op, program.sizes, program.filename))
    out: list[str] = []
    verdict = exact(function, module, time=21)
    if not verdict.ok:
        out.append("ring")
    generator = torch.Generator().manual_seed(0)
    sizes = [[int(function.axes[a].integer or 0) for a in x.type.axes] for x in function.inputs]
    inputs = tuple(torch.rand((2, 24, *shape), generator=generator) for shape in sizes)
    report = laws.check(module, inputs, chunk=8)
    return out + [v.law for v in report.failures]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f[0].replace(" ", "-"))
def test_a_planted_fault_is_found(fault: tuple[str, Program, str, str, str]) -> None:
    name, program, pattern, replacement, expected = fault
    laws_that_found_it = found(program, patched(program, pattern, replacement))
    print(f"{name}: {', '.join(laws_that_found_it)}")
    assert expected in laws_that_found_it


@pytest.mark.parametrize("program", [GDN, CORE, WINDOW, SINKS], ids=str)
def test_the_sound_modules_pass(program: Program) -> None:
    module = asiarch.compile(
        program.text, program.op, program.sizes, filename=program.filename, chunk=8
    )
    assert found(program, module) == []
