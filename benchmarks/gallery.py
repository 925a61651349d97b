"""The gallery of ASI-Arch in the language: what the compiler says of every program of it.

Prints the page docs/asi_arch.md; `--write` writes it. All of it comes from the files in
`asiarch/library/asi_arch`, their comments and what the compiler finds, and from the wrong programs
in `grammar/invalid/asi_arch.md`. Nothing is run or measured.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from asiarch.analysis.ledger import Analyses, Facts
from asiarch.interface import elaborate

PAGE = Path(__file__).resolve().parents[1] / "docs" / "asi_arch.md"
GALLERY = Path(str(resources.files("asiarch.library"))) / "asi_arch"
INVALID = Path(str(resources.files("asiarch.grammar"))) / "invalid" / "asi_arch.md"

SIZES = {"D": 1024, "H": 8}
LAYERS, VOCABULARY, FEED_FORWARD = 24, 50257, 2816
"""Of the published models of "340 M": untied embeddings, two norms and a gated feed-forward part a
layer, a last norm."""

_HEAD = re.compile(r"# ([A-Z]\w?)\. (.+) \((delta_net_\w+), number (\d+), ([\d.]+) M\)\.\n")


@dataclass(frozen=True, slots=True)
class Entry:
    """One architecture: what its file's comment says, and what the compiler found at SIZES.

    published: parameters of the published model in millions; does: the published program in a
    line; differs: where the file differs from it and why.
    """

    file: Path
    letter: str
    title: str
    name: str
    number: int
    published: str
    does: str
    differs: str
    facts: Facts

    @property
    def params(self) -> int:
        return self.facts.cost.params.integer or 0

    @property
    def whole(self) -> str:
        """Parameters of a model of published size with this mixer, in millions."""
        return f"{whole(self.params) / 1e6:.2f}"


def whole(mixer: int) -> int:
    width = SIZES["D"]
    layer = mixer + 2 * width + 3 * width * FEED_FORWARD
    return LAYERS * layer + 2 * VOCABULARY * width + width


def facts(file: Path, op: str) -> Facts:
    text = file.read_text(encoding="utf-8")
    return Analyses().facts(elaborate(text, op, SIZES, str(file)))


def baseline(name: str) -> Facts:
    return facts(GALLERY.parent / f"{name}.asi", name)


def comment(text: str) -> tuple[re.Match[str], str, str]:
    """The head of a file's comment, what the published program does, and where the file differs.

    Raises ValueError for a file that does not say them.
    """
    head = _HEAD.match(text)
    if head is None:
        raise ValueError("the first line is no `# A. Title (delta_net_name, number 1, 400.00 M).`")
    lines: list[str] = []
    for line in text[head.end() :].splitlines():
        if not line.startswith("# "):
            break
        lines.append(line[2:])
    does, mark, differs = " ".join(lines).partition(" Here: ")
    if not mark:
        raise ValueError("no line begins with `# Here: `")
    return head, does, differs


def entries() -> list[Entry]:
    """The architectures in the order of their letters."""
    found: list[Entry] = []
    for file in GALLERY.glob("*.asi"):
        if file.stem == "parts":
            continue
        head, does, differs = comment(file.read_text(encoding="utf-8"))
        letter, title, name, number, published = head.groups()
        found.append(Entry(file, letter, title, name, int(number), published,
                           does, differs, facts(file, file.stem)))  # fmt: skip
    return sorted(found, key=lambda e: e.letter)


# -- the page --------------------------------------------------------------------------------------

INTRODUCTION = """# The ASI-Arch gallery, read by a compiler

ASI-Arch (arXiv 2507.18074) searched for linear attention with language models and published 106
programs of 309 to 569 lines of Python. Those below were written in the language from their
mathematics, and no code was copied. Each file in `asiarch/library/asi_arch` is one
architecture; `parts.asi` holds what they share: the delta rule behind short convolutions, the
output map, statistics of a head. This page is made by `python benchmarks/gallery.py --write`:
every number is counted from the text of a program, and nothing is trained.

How to read the table, for a mixer of width 1024 with 8 heads:

- *class*: the recurrence that the compiler found in each state, and so the parallel form that
  it emits (`docs/language.md`).
- *cost*: growth of the work with the length T. *state*: numbers kept for the next token, per
  sequence.
- *parameters*: of the mixer, against Gated DeltaNet of the same widths in this library.
- *model*: millions of parameters of the published model with this mixer (24 layers, untied
  embeddings), beside the published figure. Two figures that agree to the last digit say that
  nothing with a weight was left out.
"""

CAUSAL = """All programs of the table are causal: the compiler proves it from the intervals of
offsets, and the tests try it on the emitted modules.
"""

REFUSED = """## What is refused

Published constructions that the language has no program for, made small. Each stands beside a
program of the table that says what was meant: A, K, G and S. The rules are those of axes (E0206),
of causality (E0301), and that the length of a sequence is no value (E0103); by the last one two
more published programs are refused, delta_net_cpaghr and delta_net_aif.

What is not refused is then in plain sight. A decay once per chunk of 32 tokens, as B, J and Y were
published, takes a second state and `t % 32`, and runs token by token: no kernel has that form.
"""

DIFFERENCES = """## What each does, and where ours differs

Three differences are common to all and not repeated: biases of inner maps start at 0, the
epsilon of a norm is 1e-6, and small constants that guard a temperature from 0 are left out.
Steps of training are told to a module, never counted in it; in evaluation a schedule stands at
its end.

With `ASI_ARCH_GALLERY` naming the published `data/106.json`, `tests/differential/test_asi_arch.py`
runs the published programs in float64 beside ours, with the same parameters, on 30 tokens, fewer
than a chunk of theirs. All but K give the same outputs to 2e-5 of the largest, most to 1e-14. Where
ours differs by intention, that is taken out first: decays and gates are set open, S is compared
at its last token, X with one head, A in the wrong form that was published, and deviations are
divided as there. The outputs of G, K and S there, and of two programs that are not in the table,
change with the tokens that follow.

Every program here decodes token by token from its state and takes packed rows; none of
the published ones does.
"""


def page() -> str:
    found = entries()
    gated = baseline("gated_delta_net")
    reference = gated.cost.params.integer or 1
    rows = [_row(e, reference) for e in found]
    for title, name in (("DeltaNet", "delta_net"), ("Gated DeltaNet", "gated_delta_net")):
        of = gated if name == "gated_delta_net" else baseline(name)
        count = of.cost.params.integer or 0
        rows.append([f"{title} (`{name}`)", *_facts(of), f"{count / reference:.2f}",
                     f"{whole(count) / 1e6:.2f}", ""])  # fmt: skip
    header = ["architecture", "class", "cost", "state", "parameters", "model, M", "published, M"]
    listed = [f"- **{e.letter}. {e.title}** (`{e.file.stem}`; {e.name}, number {e.number}). "
              f"{e.does} *Ours:* {e.differs}" for e in found]  # fmt: skip
    return "\n".join([INTRODUCTION, _table(header, rows), "", CAUSAL, REFUSED, _refused(),
                      DIFFERENCES, "\n".join(listed), ""])  # fmt: skip


def _row(e: Entry, reference: int) -> list[str]:
    ratio = f"{e.params / reference:.2f}"
    link = f"{e.letter}. {e.title} (`{e.file.stem}`)"
    return [link, *_facts(e.facts), ratio, e.whole, e.published]


def _facts(found: Facts) -> list[str]:
    """Class of each state, growth of work, numbers of state."""
    if not found.causal:
        raise ValueError(f"{found.function.name} is not causal")
    classes = [f"{s.name.split('.')[-1]}: {r.cls}" for part in found.parts
               for r in part.recurrences for s in r.states]  # fmt: skip
    degree = found.cost.work.degree("T")
    count = found.cost.state
    shown = f"{count.integer:,}" if count.integer is not None else str(count)
    growth = "O(T)" if degree == 1 else f"O(T^{degree})"
    return [", ".join(dict.fromkeys(classes)) or "no state", growth, shown]


def _refused() -> str:
    """The wrong programs with what is said of them, as they stand in the grammar's folder."""
    text = INVALID.read_text(encoding="utf-8")
    return text[text.index("\n## ") + 1 :].replace("\n## ", "\n### ").replace("## ", "### ", 1)


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    if parser.parse_args().write:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")


if __name__ == "__main__":
    main()
