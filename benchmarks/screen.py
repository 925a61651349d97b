"""T0a: candidates screened a second on one core, and where the time goes.

    python benchmarks/screen.py [--candidates 600] [--seed 0] [--json FILE]

Candidates are proposals of the grammar from the panel, of which one in eight has been broken (a
word left out, a later token read, a seen text under other names), judged by a fresh screen, by
text alone: nothing of the proposer's own check is used. `handed over` counts those of a proposer
in the same process, whose check is not done twice.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from asiarch.analysis.ledger import Analyses
from asiarch.analysis.report import check
from asiarch.elaborate.program import Elaborator
from asiarch.language.parser import parse
from asiarch.language.pieces import Pieces
from asiarch.search.checked import Checker, seldom_collected
from asiarch.search.fingerprint import fingerprint
from asiarch.search.identity import Identifier, identify
from asiarch.search.library import literature
from asiarch.search.screen import Screen
from benchmarks.proposals import measure

Candidate = tuple[str, str]


def candidates(count: int, seed: int) -> list[Candidate]:
    """Texts with the op to judge."""
    rng = random.Random(seed)
    made = [(p.text, p.op) for p in measure(count, seed)[1]]
    return [_broken(text, op, rng) if rng.random() < 1 / 8 else (text, op) for text, op in made]


def _broken(text: str, op: str, rng: random.Random) -> Candidate:
    match rng.randrange(3):
        case 0:
            words = [m.span() for m in re.finditer(r"\w+", text)]
            start, end = rng.choice(words)
            return text[:start] + text[end:], op
        case 1:
            return text.replace("(x)", "(x[t+1])", 1), op
        case _:
            return re.sub(r"\bv\b", "value", text), op


def timed(run: Callable[[Any], Any], items: Sequence[Any]) -> tuple[float, list[Any]]:
    """Milliseconds of CPU time for each item, and the results. Garbage is collected as in a search,
    that of others before the clock starts.
    """
    gc.collect()
    start = time.process_time()
    out = [run(item) for item in items]
    return (time.process_time() - start) / len(items) * 1e3, out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fingerprints", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    seldom_collected()
    texts = candidates(options.candidates, options.seed)
    warm = candidates(40, options.seed + 1)
    known = literature()
    screen = Screen(known=known)
    for text, op in warm:
        screen.judge(text, op)

    each, verdicts = timed(lambda c: screen.judge(*c), texts)
    again = Screen(known=known, identifier=screen.identifier, checker=screen.checker)
    screen.checker.kept.clear()
    for text, _ in texts[-200:]:
        screen.checker.check(text)
    handed, _ = timed(lambda c: again.judge(*c), texts[-200:])
    full, _ = timed(lambda c: check(c[0]), texts[:100])
    stages = _stages(texts[:200])
    fresh = [v for v in verdicts if v.status == "new"]
    good = [c for c, v in zip(texts, verdicts, strict=True) if v.status == "new"]
    behaviour, prints = timed(lambda c: fingerprint(*c), good[: options.fingerprints])
    others = sum(_alone(*c) != v.digest for c, v in zip(good, fresh, strict=True))
    alike = sum(any(a.alike(b) for b in prints[:i]) for i, a in enumerate(prints))

    lines = [sum(t.count("\n") for t, _ in texts) / len(texts)]
    print(f"candidates           {len(texts)}, {lines[0]:.0f} lines on average")
    print(f"screened by text     {each:.2f} ms, {1e3 / each:.0f} a second")
    print(f"handed over          {handed:.2f} ms, {1e3 / handed:.0f} a second")
    print(f"asiarch check        {full:.2f} ms, {1e3 / full:.0f} a second")
    for name, cost in stages.items():
        print(f"  {name:18} {cost:.2f} ms")
    print(f"fingerprint          {behaviour:.2f} ms on demand; {alike} of {len(prints)} alike")
    print(f"another identity     {others} of {len(good)} by themselves than after others")
    counts = Counter(v.reason or v.status for v in verdicts)
    print("verdicts             " + ", ".join(f"{n} {k}" for k, n in counts.most_common()))
    if options.json:
        row = {
            "screen_ms": each,
            "handed_ms": handed,
            "check_ms": full,
            "fingerprint_ms": behaviour,
            **stages,
            **counts,
        }
        with options.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _alone(text: str, op: str) -> str:
    """The identity of a candidate before which no other was seen."""
    return identify(Checker().check(text).functions[op]).digest


def _stages(texts: Sequence[Candidate]) -> dict[str, float]:
    """Milliseconds of each stage, run by itself over those that check."""
    good = [c for c in texts if not Checker().check(c[0]).errors]
    parsing, trees = timed(lambda c: parse(c[0], "<candidate>"), good)

    def elaborate(tree: Any) -> Any:
        elaborator = Elaborator()
        elaborator.load(tree, "<candidate>")
        return elaborator.check_all("<candidate>")

    elaborating, functions = timed(elaborate, trees)
    analyses = Analyses()

    def ledger(found: Any) -> Any:
        return [analyses.facts(f, warnings=False) for f in found.values()]

    proving, _ = timed(ledger, functions)
    identifier = Identifier()
    pairs = [(f, op) for f, (_, op) in zip(functions, good, strict=True)]
    identifying, _ = timed(lambda p: identifier.of(p[0][p[1]]), pairs)
    reader = Pieces()
    for text, _ in good:
        reader.parse(text)
    known, _ = timed(lambda c: reader.parse(c[0], places=False), good)
    return {
        "parse": parsing,
        "parse, known": known,
        "elaborate": elaborating,
        "ledger": proving,
        "identity": identifying,
    }


if __name__ == "__main__":
    main()
