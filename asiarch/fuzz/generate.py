"""`draw(rng, policy)`: a whole program, helpers first, the definition that runs last."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from asiarch.fuzz import expressions as _expressions
from asiarch.fuzz import time_rules as _time_rules
from asiarch.fuzz.draw import Draw, Signature
from asiarch.fuzz.policy import CAUSAL, Policy
from asiarch.fuzz.program import Program
from asiarch.fuzz.statements import any_axes, draw_body
from asiarch.fuzz.term import Term, total
from asiarch.language.formatter import format

RULE_FILES = (_expressions, _time_rules)
CHUNKS = (4, 2, 3, 8, 16)
GATHERED = 4


def draw(rng: random.Random, policy: Policy = CAUSAL) -> Program:
    """A program that checks, by construction; `wild` ones may not."""
    sizes = _sizes(rng, policy)
    helpers: list[Signature] = []
    texts: list[str] = []
    uses: set[str] = set()
    for number in range(rng.choice([0, 0, 1, policy.helpers])):
        text, signature = _definition(rng, policy, sizes, helpers, f"part{number + 1}", 2, uses)
        texts.append(text)
        helpers.append(signature)
    low, high = policy.statements
    count = rng.randint(low, high)
    if rng.random() > 0.88:
        text, name = _model(rng, policy, sizes, helpers, count, uses), "net"
    else:
        text, _ = _definition(rng, policy, sizes, helpers, "main", count, uses)
        name = "main"
    used = "".join(f"use {path}\n" for path in sorted(uses))
    body = used + "\n\n".join([*texts, text]) + "\n"
    needed = _header_of(text, sizes)
    numbers = {**sizes, "L": rng.randint(1, 3), "vocab": 7}
    given = tuple((a, numbers[a]) for a in needed if a != "K" or "H" not in needed)
    text = body if policy.plain else format(body)
    program = Program(text, name, given, rng.choice(CHUNKS))
    return _scrambled(program, rng) if policy.wild else program


def _sizes(rng: random.Random, policy: Policy) -> dict[str, int]:
    """Axes and their numbers; D = H * K where the header has all three."""
    largest = policy.largest
    heads, keys = rng.randint(1, max(largest - 1, 1)), rng.randint(1, largest)
    every = {"D": heads * keys, "H": heads, "K": keys, "V": rng.randint(1, largest),
             "M": rng.randint(1, max(largest - 1, 1))}  # fmt: skip
    dropped = rng.choice(["M", "", "V", "M"])
    return {a: n for a, n in every.items() if a != dropped}


def _start(
    rng: random.Random, policy: Policy, sizes: Mapping[str, int], helpers: list[Signature]
) -> Draw:
    d = Draw(rng, policy, sizes, callable=list(helpers))
    d.inner = 1
    return d


def _definition(
    rng: random.Random, policy: Policy, sizes: Mapping[str, int], helpers: list[Signature],
    name: str, count: int, uses: set[str],
) -> tuple[str, Signature]:  # fmt: skip
    d = _start(rng, policy, sizes, helpers)
    d.uses = uses
    formals: list[tuple[str, tuple[str, ...]]] = []
    shown: list[str] = []
    for number in range(d.between(1, 3)):
        axes = any_axes(d) if number else (any_axes(d) or ("D",))
        mode = "Tensor" if number and name != "main" and d.chance(0.2) else "Seq"
        formals.append((mode, axes))
        shown.append(f"x{number + 1}: {mode}{_bracket(axes)}")
        d.scope.append(Term(f"x{number + 1}", axes, mode == "Seq", named=True))
    draw_body(d, count)
    results = [_result(d) for _ in range(1 if d.chance(0.8) else 2)]
    returned = "return " + ", ".join(r.text for r in results)
    types = ", ".join(f"Seq{_bracket(r.axes)}" for r in results)
    body = "\n".join([*d.lines, "  " + returned])
    signature = f"({', '.join(shown)}) -> {types}"
    header = _header_of(signature + body, sizes, d.used)
    claims = _claims(d)
    text = f"op {name}[{_header(header, sizes)}]{signature} {claims}{{\n{body}\n}}"
    shared = not re.search(r"\b(for|if|share|part\d) ?", body)
    made = tuple(r.axes for r in results)
    return text, Signature(name, tuple(formals), made, tuple(header), shared)


def _model(
    rng: random.Random, policy: Policy, sizes: Mapping[str, int], helpers: list[Signature],
    count: int, uses: set[str],
) -> str:  # fmt: skip
    d = _start(rng, policy, sizes, helpers)
    d.uses = uses
    tied = d.chance(0.4)
    if tied:
        d.write(f"param E[{d.some(['vocab, D', 'D, vocab'])}] ~ normal(0.5)")
        d.write("x = E[vocab = tokens]")
    else:
        d.write("x = embed[D](tokens)")
    d.scope.append(Term("x", ("D",), named=True))
    draw_body(d, count)
    last = d.bind(d.adapted(_result(d), ("D",)))
    d.write(f"return {'E @ ' if False else ''}dot[D]({last.text}, E)" if tied
            else f"return unembed[vocab]({last.text})")  # fmt: skip
    body = "\n".join(d.lines)
    header = _header_of("D vocab" + body, sizes, d.used)
    return f"model net[{_header([*header], sizes)}] {{\n{body}\n}}"


def _result(d: Draw) -> Term:
    """Something late, that depends on the inputs, mostly with what else was bound late: code that
    no result reads is computed by nobody. The simpler choice is the last name alone.
    """
    late = [x for x in d.scope if x.seq][-GATHERED:][::-1]
    x = d.some(late)
    if d.chance(0.6):
        for other in late:
            if other is not x:
                x = total(x, d.adapted(other, x.axes))
    return x


def _claims(d: Draw) -> str:
    if d.policy.future:
        if d.chance(d.policy.claimed):
            return "where causal "
        ahead = any("[t+" in line for line in d.lines)
        return f"where lookahead({d.some([9, 40, 2])}) " if ahead else ""
    return d.some(["where causal ", "where causal, work <= O(T ^ 2) ", "where causal "])


def _bracket(axes: tuple[str, ...]) -> str:
    return f"[{', '.join(axes)}]" if axes else ""


def _header_of(text: str, sizes: Mapping[str, int], used: set[str] | None = None) -> list[str]:
    """Names of the header that a text mentions."""
    words = set(re.findall(r"\b[A-Z]\b|\bvocab\b", text)) | (used or set())
    if "K" in words or "D" in words:
        words |= {"D", "H"} if "H" in sizes and "K" in words else set()
    return [a for a in (*sizes, "L", "vocab") if a in words]


def _header(names: list[str], sizes: Mapping[str, int]) -> str:
    return ", ".join("K = D / H" if a == "K" and "H" in names and "D" in names else a
                     for a in names)  # fmt: skip


def _scrambled(program: Program, rng: random.Random) -> Program:
    """A text with a few of its words and marks exchanged."""
    words = re.findall(r"\s+|\w+|[^\w\s]", program.text)
    for _ in range(rng.randint(1, 4)):
        places = [i for i, w in enumerate(words) if not w.isspace()]
        a, b = rng.choice(places), rng.choice(places)
        words[a] = words[b]
    return Program("".join(words), program.op, program.sizes, program.chunk)
