"""The zoo on disk: pairs of files of one name, in `leaks/` and in `twins/`, one edit apart.

The header of a file, the same in both, says what leaks, by which mechanism, where it was seen
(`source:` a public repository and its issue, or synthetic) and by what it is found.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent
SMALL = 4
"""Lines that a twin may change."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A leak and its twin. law: what finds a torch module, or the code that a program gets."""

    leak: Path
    twin: Path
    mechanism: str
    source: str
    law: str

    def __str__(self) -> str:
        return self.leak.stem

    def edit(self) -> list[str]:
        """The lines that the edit takes away and adds."""
        one, other = (p.read_text("utf-8").splitlines() for p in (self.leak, self.twin))
        lines = difflib.unified_diff(one, other, n=0, lineterm="")
        return [line for line in lines if re.match(r"[+-](?![+-]{2} )", line)]


def pairs(suffix: str) -> list[Pair]:
    """All pairs whose files end so, in order. A file without a twin is an error."""
    names = [{p.name for p in (ROOT / kind).glob(f"*{suffix}")} for kind in ("leaks", "twins")]
    assert names[0] == names[1], names[0] ^ names[1]
    return [_pair(ROOT / "leaks" / name, ROOT / "twins" / name) for name in sorted(names[0])]


def _pair(leak: Path, twin: Path) -> Pair:
    text = leak.read_text("utf-8")
    found = {
        key: re.search(rf"^(?:# )?{key}: (.+)$", text, re.MULTILINE)
        for key in ("mechanism", "source", "law")
    }
    missing = [key for key, match in found.items() if match is None]
    assert not missing, f"{leak.name} does not say its {missing}"
    values = {key: match.group(1) for key, match in found.items() if match is not None}
    return Pair(leak, twin, **values)
