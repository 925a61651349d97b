"""Lines of a definition beside lines of the same operator in flash-linear-attention.

    python benchmarks/spec_lines.py            the table; says so where fla-core is not installed
    python benchmarks/spec_lines.py --write    docs/lines.md too

A line counts if it holds code: no blank lines, no comments, no docstrings. Of theirs every file of
the operator's folder counts but `__init__.py` and references (`naive*`, `*_ref`), and the layer of
that name where the package has layers. What operators share (`fla/ops/common`, `fla/ops/utils`, an
operator that calls another one's) counts for neither side. Files are found by path and read.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import io
import platform
import tokenize
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from asiarch.language.parser import parse

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "asiarch" / "library"

OPERATORS = {
    "linear attention": ("linear_attention.linear_attention_core", "linear_attn"),
    "retention": ("retention.retention_core", "retention"),
    "lightning attention": ("lightning.lightning_core", "lightning_attn"),
    "simple GLA": ("simple_gla.simple_gla_core", "simple_gla"),
    "GLA": ("gla.gla_core", "gla"),
    "RWKV-4": ("rwkv4.wkv4_core", "rwkv4"),
    "RWKV-6": ("rwkv6.rwkv6_core", "rwkv6"),
    "RWKV-7": ("rwkv7.rwkv7_core", "rwkv7"),
    "DPLR": ("dplr.dplr_core", "generalized_delta_rule/dplr"),
    "IPLR": ("dplr.iplr_core", "generalized_delta_rule/iplr"),
    "HGRN": ("hgrn.hgrn_core", "hgrn"),
    "LightNet": ("lightnet.lightnet_core", "lightnet"),
    "GSA": ("gsa.gsa_core", "gsa"),
    "ABC": ("abc.abc_core", "abc"),
    "Based": ("features.based_core", "based"),
    "delta rule": ("delta_net.delta_core", "delta_rule"),
    "gated delta rule": ("gated_delta_net.gated_delta_core", "gated_delta_rule"),
    "gated delta product": ("delta_product.gated_delta_product_core", "gated_delta_product"),
    "KDA": ("kda.kda_core", "kda"),
    "GDN 2": ("gdn2.gdn2_core", "gdn2"),
    "Comba": ("comba.comba_core", "comba"),
    "gated Oja rule": ("oja.oja_core", "gated_oja_rule"),
    "preconditioned GDN": ("precond.precond_gated_delta_core", "precond_gated_delta_rule"),
    "preconditioned KDA": ("precond.precond_kda_core", "precond_kda"),
    "momentum delta rule": ("momentum.momentum_delta_core", "momentum_delta_rule"),
    "log-linear attention": ("log_linear.log_linear_core", "log_linear_attn"),
    "MesaNet": ("mesa.mesa_core", "mesa_net"),
    "TTT-linear": ("ttt.ttt_core", "ttt"),
    "forgetting attention": ("fox.fox_core", "forgetting_attn"),
    "stick-breaking attention": ("weights.stick_breaking_core", "stickbreaking_attn"),
    "Wall attention": ("weights.wall_core", "wall_attn"),
    "Parallax": ("weights.parallax_core", "parallax"),
    "DeltaFormer": ("weights.deltaformer_core", "deltaformer"),
    "native sparse attention": ("sparse.native_sparse_attention", "nsa"),
    "MoBA": ("sparse.moba", "moba"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/lines.md")
    arguments = parser.parse_args()
    folder = theirs()
    rows = [(name, ours(label), folder and python_lines(folder, op), op)
            for name, (label, op) in OPERATORS.items()]  # fmt: skip
    text = page(rows)
    print(text)
    if arguments.write and folder is not None:
        (ROOT / "docs" / "lines.md").write_text(text, encoding="utf-8")


def theirs() -> Path | None:
    """The folder of the installed package, found without running it."""
    spec = importlib.util.find_spec("fla")
    places = list((spec and spec.submodule_search_locations) or ())
    return Path(places[0]) if places else None


def ours(label: str) -> int:
    """Lines of code of a definition, and of those of its file that it calls."""
    file, name = label.split(".")
    text = (LIBRARY / f"{file}.asi").read_text(encoding="utf-8")
    found = {d.name.id: text[d.span.start : d.span.end] for d in parse(text).program.definitions}
    wanted, seen = [name], dict[str, str]()
    while wanted:
        now = wanted.pop()
        seen[now] = found[now]
        wanted += [n for n in found if n not in seen and f"{n}(" in found[now]]
    lines = "\n".join(seen.values()).splitlines()
    return sum(bool(x.strip()) and not x.lstrip().startswith("#") for x in lines)


def python_lines(folder: Path, op: str) -> int:
    return sum(len(set(coded(f.read_text(encoding="utf-8")))) for f in files(folder, op))


def files(folder: Path, op: str) -> Iterator[Path]:
    for file in sorted((folder / "ops" / op).rglob("*.py")):
        reference = "naive" in file.stem or file.stem.endswith("_ref")
        if file.stem != "__init__" and not reference:
            yield file
    layer = folder / "layers" / f"{op}.py"
    if layer.exists():
        yield layer


def coded(text: str) -> Iterator[int]:
    """Numbers of the lines that hold code; a string that stands alone is a docstring."""
    alone = True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
            alone = True
        elif token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER):
            if not (alone and token.type == tokenize.STRING):
                yield from range(token.start[0], token.end[0] + 1)
            alone = False


def page(rows: list[tuple[str, int, int | None, str]]) -> str:
    head = ["operator", "ours", "flash-linear-attention", "its folder"]
    lines = [head, ["---"] * len(head)]
    lines += [[n, str(a), "not installed" if b is None else f"{b:,}", f"`ops/{op}`"]
              for n, a, b, op in rows]  # fmt: skip
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    installed = [n for n in ("fla-core",) if theirs() is not None]
    versions = ", ".join(f"{n} {importlib.metadata.version(n)}" for n in installed)
    about = (__doc__ or "").split("\n\n")[2]
    return (
        f"# Lines\n\nLines of a definition beside lines of the same operator in "
        f"flash-linear-attention.\nMade by `python benchmarks/spec_lines.py --write` on "
        f"{date.today()}, Python {platform.python_version()}; {versions}.\n\n{about.strip()}\n\n"
        f"Ours is the whole specification: what the compiler derives of it (kernels, gradients, "
        f"decoding, packing) is\nshared by all operators, and theirs is tuned for GPUs. The table "
        f"says how much one has to write to have an operator.\n\n{table}\n"
    )


if __name__ == "__main__":
    main()
