"""How long it takes to know: import, check (warm, and from the shell), spec to running module.

One table; `--json` appends a line to benchmarks/ledger/front_end.jsonl. Medians of several runs,
goals beside them (check <= 20 ms warm, <= 0.35 s from the shell; compile <= 0.3 s).
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
SPEC = HERE.parent / "grammar" / "examples" / "gated_delta_net.asi"
RUNS = 15


def median(action: Callable[[], object], runs: int = RUNS) -> float:
    action()
    seconds: list[float] = []
    for _ in range(runs):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def shell(*arguments: str) -> float:
    command = [sys.executable, *arguments]
    return median(lambda: subprocess.run(command, check=True, capture_output=True), 5)


def layers(count: int) -> str:
    text = SPEC.read_text(encoding="utf-8")
    return text + (
        f"\nmodel deep[D = 64, H = 2, L = {count}, vocab = 256] {{\n  x = embed[D](tokens)\n"
        "  for layer in L { x = x + gated_delta_net(rmsnorm[D](x)) }\n"
        "  return unembed[vocab](rmsnorm[D](x))\n}\n"
    )


def forty_lines(check: Callable[[str], object]) -> float:
    """Seconds for 40 lines: all the examples' time over all their lines, blank lines excluded."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(SPEC.parent.glob("*.asi"))]
    lines = sum(bool(line.strip()) for text in texts for line in text.splitlines())
    return 40 * sum(median(lambda t=text: check(t), 7) for text in texts) / lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    import asiarch

    text = SPEC.read_text(encoding="utf-8")
    rows: list[tuple[str, float, str]] = [
        ("python -c pass", shell("-c", "pass"), ""),
        ("import asiarch", shell("-c", "import asiarch; asiarch.check"), ""),
        ("asiarch check, from the shell", shell("-m", "asiarch", "check", str(SPEC)), "0.35"),
        (
            f"check, warm, {len(text.splitlines())} lines",
            median(lambda: asiarch.check(text)),
            "",
        ),
        ("check, warm, 40 lines of the examples", forty_lines(asiarch.check), "0.020"),
    ]
    for count in (2, 1000, 1_000_000_000):
        deep = layers(count)
        rows.append((f"check of {count:,} layers", median(lambda t=deep: asiarch.check(t), 5), ""))
    sizes = {"D": 64, "H": 2}

    def build() -> object:
        return asiarch.compile(text, op="gated_delta_net", sizes=sizes)

    rows.append(("compile gated_delta_net", median(build, 5), "0.3"))
    for count in (2, 8, 32):
        deep = layers(count)
        seconds = median(lambda t=deep: asiarch.compile(t, op="deep"), 3)
        lines = len(asiarch.emit(deep, op="deep").splitlines())
        rows.append((f"compile {count} layers ({lines} lines emitted)", seconds, ""))
    for name, seconds, goal in rows:
        wanted = f"goal {float(goal) * 1e3:.0f} ms" if goal else ""
        print(f"{name:44} {seconds * 1e3:9.1f} ms   {wanted}")
    if arguments.json:
        record = {
            "suite": "front_end",
            "date": date.today().isoformat(),
            "machine": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            "milliseconds": {name: round(seconds * 1e3, 2) for name, seconds, _ in rows},
        }
        ledger = HERE / "ledger" / "front_end.jsonl"
        ledger.parent.mkdir(exist_ok=True)
        with ledger.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
