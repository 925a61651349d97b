"""The grammar is strict and names no operator; its stored tables are what lark makes of it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zlib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from asiarch.language import tables
from asiarch.language.actions import ACTIONS
from asiarch.language.lexer import lex
from asiarch.language.parser import parse

GRAMMAR = tables.grammar_text()
EXAMPLES = sorted((Path(str(resources.files("asiarch.grammar"))) / "examples").glob("*.asi"))
WORDS = {
    "use", "op", "model", "where", "in", "param", "state", "share", "return", "loss", "for", "if",
    "else", "or", "and", "not", "each", "attend",
}  # fmt: skip


@pytest.fixture(scope="module")
def lark_parser() -> Any:
    return tables.lark_parser(GRAMMAR)


def test_strict() -> None:
    pytest.importorskip("interegular")
    tables.lark_parser(GRAMMAR, strict=True)


def test_strict_sees_a_planted_conflict() -> None:
    pytest.importorskip("interegular")
    from lark.exceptions import LarkError

    planted = GRAMMAR.replace("?both: neither", "?both: neither | neither neither")
    with pytest.raises(LarkError):
        tables.lark_parser(planted, strict=True)


def test_no_two_terminals_have_the_same_text(lark_parser: Any) -> None:
    texts = [t.pattern.value for t in lark_parser.terminals]
    assert len(texts) == len(set(texts))


def test_no_operator_is_named() -> None:
    words = {t for t in tables.load().literals if t.isidentifier()}
    assert words == WORDS


def test_every_rule_has_an_action_and_every_action_a_rule() -> None:
    named = {r.action for r in tables.load().rules if r.action and not r.origin.startswith("__")}
    assert named == set(ACTIONS)


def test_the_stored_tables_are_up_to_date() -> None:
    assert Path(tables.STORED).read_bytes() == tables.tables(), "run `make tables`"


def test_tables_do_not_depend_on_the_hash_seed() -> None:
    code = ("import hashlib; from asiarch.language.tables import tables\n"
            "print(hashlib.sha256(tables()).hexdigest())")  # fmt: skip
    digests = {
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed},
                       capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(digests) == 1


def test_tables_of_another_grammar_are_made_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stale = tmp_path / "tables.bin"
    stale.write_bytes(tables.fingerprint(GRAMMAR + "// changed") + zlib.compress(b"{}"))
    monkeypatch.setattr(tables, "STORED", str(stale))
    made = tables.load.__wrapped__()
    stored = tables.decode(json.loads(zlib.decompress(tables.tables()[16:])))
    assert (made.rules, made.states) == (stored.rules, stored.states)
    assert stale.read_bytes()[:16] != tables.fingerprint(GRAMMAR)


def test_parsing_loads_no_lark() -> None:
    code = (
        "import sys\nfrom asiarch.language.parser import parse\n"
        "assert not parse('use a.b').diagnostics\n"
        "assert parse('op f(').diagnostics\n"
        "print(*(m for m in ('lark', 'numpy', 'torch') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# -- lark is the judge of what the automaton accepts -----------------------------------------------


def accepted(lark_parser: Any, text: str) -> bool:
    from lark.exceptions import UnexpectedInput

    try:
        lark_parser.parse(text)
    except UnexpectedInput:
        return False
    return True


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda f: f.stem)
def test_examples_are_accepted_by_both(lark_parser: Any, file: Path) -> None:
    assert accepted(lark_parser, file.read_text())
    assert not parse(file.read_text()).diagnostics


def test_both_accept_the_same_changed_programs(lark_parser: Any) -> None:
    rng = random.Random(11)
    texts = [f.read_text() for f in EXAMPLES]
    agreed = {True: 0, False: 0}
    for _ in range(150):
        changed = change_one_token(rng, rng.choice(texts))
        said = {d.code for d in parse(changed).diagnostics} - {"E0004"}
        assert accepted(lark_parser, changed) == (not said), changed
        agreed[not said] += 1
    assert min(agreed.values()) > 20


def change_one_token(rng: random.Random, text: str) -> str:
    tokens = lex(text, "", tables.load()).tokens[:-1]
    token, other = rng.choice(tokens), rng.choice(tokens)
    head, tail = text[: token.start], text[token.end :]
    match rng.randrange(3):
        case 0:
            return head + tail
        case 1:
            return f"{head}{other.text} {token.text}{tail}"
        case _:
            return f"{head}{other.text}{tail}"


def test_one_slip_gives_one_error_where_it_is() -> None:
    rng = random.Random(12)
    texts = [f.read_text() for f in EXAMPLES]
    wrong = single = near = 0
    for _ in range(250):
        text = rng.choice(texts)
        changed = change_one_token(rng, text)
        result = parse(changed)
        if not result.diagnostics:
            continue
        wrong += 1
        single += len(result.diagnostics) == 1
        same = next((i for i, (a, b) in enumerate(zip(text, changed, strict=False)) if a != b), 0)
        line = result.source.position(same).line
        lines = [result.source.position(d.span.start).line for d in result.diagnostics]
        near += any(abs(found - line) <= 1 for found in lines)
    assert wrong > 150
    assert single / wrong > 0.95
    assert near / wrong > 0.97
