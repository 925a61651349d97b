"""Recurrence kernels on a CPU: forward and backward beside other implementations.

    python benchmarks/cpu_recurrence.py [--json] [--rounds 5] [--dims 64,128] [--time 2048]

One process, float32, two threads, B = 1, H = 4. Every run of a round follows the others, and the
figure is the median over the rounds: a busy machine slows all of them alike, so read the ratios.
The PyTorch references of flash-linear-attention are measured when `fla-core` is installed
(`make oracles`). Shares are of the matrix-product rate measured in the same rounds, with the
multiply-adds of the chunk form, backward included, and without what the backward recomputes. `at
most` is the ratio to the chunked reference of a kernel that did these products at the peak, and
nothing else.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import json
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from asiarch.kernels.load import load
from asiarch.kernels.rows.torch import Rows

HERE = Path(__file__).parent
LEDGER = HERE / "ledger" / "cpu_recurrence.jsonl"
BATCH, HEADS, CHUNK = 1, 4, 64
LOOP_PART = 8
"""Token loops run on a part of the tokens: under autograd all of them would take gigabytes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the table: a class, who computes it, a forward and backward of T / part tokens."""

    group: str
    who: str
    run: Callable[[], None]
    flops: float = 0.0
    part: int = 1


def reference(path: str) -> ModuleType | None:
    """A reference of flash-linear-attention by its file: importing the package needs triton."""
    spec = importlib.util.find_spec("fla")
    for root in (spec and spec.submodule_search_locations) or ():
        file = Path(root) / "ops" / path
        if file.exists():
            module = ModuleType(f"fla_{path[:-3].replace('/', '_')}")
            exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), module.__dict__)
            return module
    return None


def flops(group: str, d: int, length: int) -> float:
    """Of forward and backward, K = V = d, at chunk size CHUNK."""
    forward, backward = 4 * d * d + 4 * CHUNK * d, 10 * d * d + 10 * CHUNK * d
    if "delta" in group:
        forward = 6 * d * d + 10 * CHUNK * d + 2 * CHUNK**2 / 3
        backward = 16 * d * d + 28 * CHUNK * d + 4 * CHUNK**2
    return (forward + backward) * BATCH * HEADS * length


def entries(d: int, length: int) -> list[Entry]:
    """The rows of one head size: shared inputs, of which everyone makes the terms he wants."""
    torch.manual_seed(d)
    shape = BATCH, length, HEADS
    leaf: dict[str, Tensor] = {n: torch.randn(*shape, d) for n in ("q", "k", "v")}
    leaf["k"] = F.normalize(leaf["k"], dim=-1)
    leaf["g"], leaf["b"] = F.logsigmoid(torch.randn(shape) + 3), torch.rand(shape)
    leaf["gk"] = F.logsigmoid(torch.randn(*shape, d) + 3)
    time_last = {n: x.transpose(1, 2).contiguous() for n, x in leaf.items()}
    for x in (*leaf.values(), *time_last.values()):
        x.requires_grad_()
    q, k, v, g, b, gk = (leaf[n] for n in ("q", "k", "v", "g", "b", "gk"))
    rows, grad, scale = Rows(q), torch.randn(*shape, d), d**-0.5

    def both(compute: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            out = compute()
            o: Tensor = out[0] if isinstance(out, tuple) else out
            o.backward(grad.view(o.shape))

        return run

    def ours(name: str, *terms: Callable[[], Tensor]) -> Callable[[], Any]:
        kernel = load(f"{name}/torch.py")[name]
        return lambda: kernel(q * scale, *(term() for term in terms), None, rows)

    def key() -> Tensor:
        return k

    def erased_key() -> Tensor:
        return b.unsqueeze(-1) * k

    def value() -> Tensor:
        return v

    kernels: dict[str, Callable[[], Any]] = {
        "linear": ours("identity", key, value),
        "scalar": ours("scalar", key, value, g.exp),
        "diagonal": ours("diagonal", key, value, gk.exp),
        "delta": ours("identity_rank1", erased_key, value, key),
        "gated delta": ours("scalar_rank1", erased_key, value, g.exp, key),
        "KDA (delta)": ours("diagonal_rank1", erased_key, value, gk.exp, key),
    }
    found = [Entry(n, "ours", both(f), flops(n, d, length)) for n, f in kernels.items()]
    t = [time_last[n] for n in ("q", "k", "v", "b")]
    others: list[tuple[str, str, str, str, Callable[[Any], Any]]] = [
        ("linear", "chunk", "linear_attn", "naive_chunk_linear_attn", lambda f: f(q, k, v)),
        ("linear", "loop", "linear_attn", "naive_recurrent_linear_attn", lambda f: f(q, k, v)),
        ("scalar", "chunk", "simple_gla", "naive_chunk_simple_gla", lambda f: f(q, k, v, g)),
        ("scalar", "loop", "simple_gla", "naive_recurrent_simple_gla", lambda f: f(q, k, v, g)),
        ("diagonal", "loop", "gla", "naive_recurrent_gla", lambda f: f(q, k, v, gk)),
        ("delta", "chunk", "delta_rule", "delta_rule_chunkwise", lambda f: f(*t)),
        ("delta", "loop", "delta_rule", "delta_rule_recurrence", lambda f: f(*t)),
    ]
    gdn, kda = "gated_delta_rule", "kda"
    others += [
        ("gated delta", "chunk", gdn, f"naive_chunk_{gdn}", lambda f: f(q, k, v, g, b)),
        ("gated delta", "loop", gdn, f"naive_recurrent_{gdn}", lambda f: f(q, k, v, b, g)),
        ("KDA (delta)", "chunk", kda, "naive_chunk_kda", lambda f: f(q, k, v, gk, b)),
        ("KDA (delta)", "loop", kda, "naive_recurrent_kda", lambda f: f(q, k, v, gk, b)),
    ]
    for group, form, folder, name, call in others:
        module = reference(f"{folder}/naive.py")
        if module is not None:
            f = getattr(module, name)
            found.append(Entry(group, f"fla {form}", both(lambda f=f, call=call: call(f))))

    def softmax() -> Tensor:
        return F.scaled_dot_product_attention(t[0], t[1], t[2], is_causal=True)

    return [*found, Entry("softmax", "torch", both(softmax))]


def products(d: int) -> Entry:
    """Batched products of the shape that a chunk has: their rate is the peak that shares are of."""
    x, y = torch.randn(128, 64, d), torch.randn(128, d, 64)

    def run() -> None:
        for _ in range(10):
            torch.bmm(x, y)

    return Entry("product", "torch", run, 10 * 2 * 128 * 64 * 64 * d)


def measure(found: list[Entry], rounds: int) -> list[float]:
    """Median seconds over interleaved rounds after one that is not counted; the best for a peak."""
    seconds: list[list[float]] = [[] for _ in found]
    for turn in range(rounds + 1):
        for entry, into in zip(found, seconds, strict=True):
            start = time.perf_counter()
            entry.run()
            if turn:
                into.append((time.perf_counter() - start) * entry.part)
    best = (min(s) if e.group == "product" else None for e, s in zip(found, seconds, strict=True))
    return [b or statistics.median(s) for b, s in zip(best, seconds, strict=True)]


def table(d: int, found: list[Entry], seconds: list[float]) -> list[dict[str, Any]]:
    """Print one head size; the rows as records."""
    peak = found[-1].flops / seconds[-1]
    times = {(e.group, e.who): s for e, s in zip(found, seconds, strict=True)}
    print(f"\nK = V = {d}: matrix products at {peak / 1e9:.0f} GFLOP/s")
    heads = (
        ("ours ms", 8),
        ("of peak", 8),
        ("fla chunk", 18),
        ("at most", 8),
        ("fla loop", 18),
        ("softmax", 8),
    )
    print(f"{'class':12}", *(f"{text:>{width}}" for text, width in heads))
    records: list[dict[str, Any]] = []
    for entry in found:
        if entry.who != "ours":
            continue
        mine = times[entry.group, "ours"]
        row: dict[str, Any] = {"class": entry.group, "d": d, "ms": mine * 1e3}
        row["share"] = entry.flops / mine / peak
        cells: list[str] = []
        for who in ("fla chunk", "fla loop"):
            other = times.get((entry.group, who))
            row[who] = None if other is None else other / mine
            cells.append("-" if other is None else f"{other * 1e3:8.0f} ({other / mine:5.1f}x)")
        chunked = times.get((entry.group, "fla chunk"))
        row["at most"] = None if chunked is None else chunked * peak / entry.flops
        cells.insert(1, "-" if chunked is None else f"{row['at most']:.1f}x")
        row["softmax"] = times["softmax", "torch"] / mine
        texts = (
            f"{mine * 1e3:8.1f}",
            f"{row['share']:8.0%}",
            *(f"{c:>{w}}" for c, w in zip(cells, (18, 8, 18), strict=True)),
        )
        print(f"{entry.group:12}", *texts, f"{row['softmax']:7.1f}x")
        records.append(row)
    return records


def machine(length: int, rounds: int) -> dict[str, Any]:
    """What a figure means nothing without."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True)
    info = Path("/proc/cpuinfo")
    models = (
        [x for x in info.read_text().splitlines() if "model name" in x] if info.exists() else []
    )
    return {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "cpu": models[0].split(":")[1].strip() if models else platform.processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "fla": importlib.metadata.version("fla-core") if importlib.util.find_spec("fla") else None,
        "shape": {"B": BATCH, "H": HEADS, "T": length, "chunk": CHUNK, "dtype": "float32"},
        "rounds": rounds,
    }


def profile(group: str, d: int, length: int, rounds: int) -> None:
    """Print the operators that a class spends its time in, largest share first."""
    import torch.profiler as profilers

    known = {e.group: e for e in entries(d, length) if e.who == "ours"}
    if group not in known:
        raise SystemExit(f"no class {group!r}; there are {', '.join(known)}")
    known[group].run()
    with profilers.profile(activities=[profilers.ProfilerActivity.CPU]) as record:
        for _ in range(rounds):
            known[group].run()
    averages: Any = record.key_averages()  # pyright: ignore
    spent: list[tuple[float, int, str]] = [
        (e.self_cpu_time_total, e.count, e.key) for e in averages
    ]
    whole = sum(micros for micros, _, _ in spent)
    print(f"\n{group}, K = V = {d}: {whole / rounds / 1e3:.1f} ms of CPU for each run")
    for micros, count, name in sorted(spent, reverse=True)[:12]:
        print(f"  {micros / whole:6.1%}  {count / rounds:6.1f} calls  {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help=f"append a line to {LEDGER.name}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--time", type=int, default=2048, help="tokens")
    parser.add_argument("--dims", default="64,128", help="sizes K = V")
    parser.add_argument("--profile", metavar="CLASS", help="where the time of one class goes")
    options = parser.parse_args()
    torch.set_num_threads(2)
    if options.profile:
        for d in map(int, options.dims.split(",")):
            profile(options.profile, d, options.time, options.rounds)
        return
    if importlib.util.find_spec("fla") is None:
        print("fla-core is not installed (`make oracles`): no references to compare with")
    records: list[dict[str, Any]] = []
    for d in map(int, options.dims.split(",")):
        short = (e for e in entries(d, options.time // LOOP_PART) if e.who == "fla loop")
        loops = [replace(e, part=LOOP_PART) for e in short]
        found = [e for e in entries(d, options.time) if e.who != "fla loop"]
        found += [*loops, products(d)]
        records += table(d, found, measure(found, options.rounds))
    if options.json:
        LEDGER.parent.mkdir(exist_ok=True)
        with LEDGER.open("a", encoding="utf-8") as file:
            file.write(
                json.dumps({**machine(options.time, options.rounds), "rows": records}) + "\n"
            )
        print(f"\nadded to {LEDGER}")


if __name__ == "__main__":
    main()
