"""The command line: verdicts, exit statuses, and errors that say what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asiarch import cli
from asiarch.commands import explain as explain_command
from asiarch.commands.support import bundle, files
from asiarch.commands.support.errors import CommandError
from asiarch.commands.support.verdicts import bound, grade_text, growth
from asiarch.ir.size import Size

GOOD = """# a running mean
op ema[D](x: Seq[D], a: Seq[D]) -> Seq[D] where causal {
  state m[D]
  m = a * m[t-1] + (1 - a) * x
  return m
}
"""
BAD = """op peek[D](x: Seq[D]) -> Seq[D] where causal {
  return mean[time](x) * x
}
"""
TWO = """op mixer[D, H, K = D / H](x: Seq[D]) -> Seq[D] where causal {
  q = x |> linear[H, K] |> conv[4] |> silu
  b = sigmoid(linear[H](x))
  state S[H, K]
  S = b * S[t-1] + (1 - b) * q
  loss 0.1 * sum[H](mean[time](b) * mean[time](step(b)))
  return linear[H, K -> D](S)
}
model small[D = 8, H = 2, L = 2, vocab = 256] {
  x = embed[D](tokens)
  for layer in L { x = x + mixer(rmsnorm[D](x)) }
  return unembed[vocab](rmsnorm[D](x))
}
"""

Shown = tuple[int, str, str]
Run = Callable[..., Shown]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a folder with a good, a wrong and a larger program."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("good", GOOD), ("bad", BAD), ("two", TWO)):
        (tmp_path / f"{name}.asi").write_text(text)

    def once(*words: str) -> Shown:
        try:
            status = cli.main(words)
        except SystemExit as stop:
            status = int(stop.code or 0)
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return once


# -- check -----------------------------------------------------------------------------------------


def test_a_good_program_gets_one_line_per_definition(run: Run) -> None:
    status, out, err = run("check", "good.asi")
    assert (status, err) == (0, "")
    (line,) = out.splitlines()
    for part in (
        "ema",
        "causal (-inf, 0]",
        "work O(T)",
        "state O(D)",
        "params 0",
        "m: elementwise",
    ):
        assert part in line or part == "m: elementwise"
    assert "m: " in line


def test_a_wrong_program_is_shown_its_fault_and_gives_1(run: Run) -> None:
    status, out, _ = run("check", "bad.asi")
    assert status == 1
    assert "error[E0301]" in out
    assert "--> bad.asi:2:" in out
    assert "^^^^^^^^^^^^^" in out
    assert "bad.asi: 1 error" in out


def test_several_files_are_all_checked(run: Run) -> None:
    status, out, _ = run("check", "bad.asi", "good.asi", "two.asi")
    assert status == 1
    assert "good.asi: good" in out
    assert "two.asi: good" in out


def test_a_folder_stands_for_its_programs(run: Run, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "one.asi").write_text(GOOD)
    (tmp_path / "more" / "two.asi").write_text(GOOD)
    status, out, _ = run("check", "more")
    assert status == 0
    assert out.count(": good") == 2
    (tmp_path / "empty").mkdir()
    status, _, err = run("check", "empty")
    assert status == 2
    assert "no .asi file in the folder empty" in err


def test_the_ledger_names_who_decided(run: Run) -> None:
    _, out, _ = run("check", "good.asi", "--ledger")
    assert any(line.split()[:2] == ["causal", "proved"] for line in out.splitlines())


def test_the_record_for_machines(run: Run) -> None:
    status, out, _ = run("check", "--json", "bad.asi")
    record = json.loads(out)
    assert status == 1
    assert record["ok"] is False
    assert record["diagnostics"][0]["line"] == 2
    status, out, _ = run("check", "--json", "good.asi", "bad.asi")
    record = json.loads(out)
    assert [record["ok"], set(record["files"])] == [False, {"good.asi", "bad.asi"}]
    assert record["files"]["good.asi"]["ops"]["ema"]["grade"] == ["-inf", 0]


def test_a_terminal_gets_colour_unless_it_says_no(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "\x1b[1;31merror[E0301]" in run("check", "bad.asi")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("check", "bad.asi")[1]


# -- wrong usage -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "required: COMMAND"),
        (("chek", "good.asi"), "invalid choice: 'chek'"),
        (("check",), "required: FILE"),
        (("check", "god.asi"), "no such file: god.asi (did you mean good.asi?)"),
        (("check", "nowhere/x.asi"), "no such folder: nowhere"),
        (("show", "."), "is a folder"),
        (("emit", "two.asi"), "say which: --op mixer | small"),
        (("emit", "two.asi", "--op", "mixr"), "did you mean `mixer`?"),
        (
            ("emit", "two.asi", "--op", "mixer"),
            "needs a number for D and H: give -D D=... -D H=...",
        ),
        (
            ("emit", "two.asi", "--op", "mixer", "-D", "D=8", "-D", "HH=2"),
            "no size `HH`; it has D, H, K",
        ),
        (("emit", "two.asi", "--op", "mixer", "-D", "D"), "'D' is not NAME=NUMBER"),
        (("emit", "two.asi", "--op", "mixer", "-D", f"D={'9' * 30}"), "more than 19 digits"),
        (("emit", "two.asi", "--op", "small", "--chunk", "0"), "--chunk must be at least 1"),
        (("train", "good.asi"), "good.asi has no model; it defines ema"),
        (("train", "two.asi", "--model", "mixer"), "`mixer` is an op, and this wants a model"),
        (("ops", "linaer"), "did you mean `linear`?"),
        (("sample", "nowhere", "--tokens", "-1"), "--tokens must be at least 0"),
    ],
)
def test_wrong_usage_gives_2_and_says_what_to_write(
    run: Run, words: tuple[str, ...], complaint: str
) -> None:
    status, _, err = run(*words)
    assert status == 2
    assert complaint in err
    assert "Traceback" not in err


def test_a_file_that_is_no_text_is_named_with_its_byte(run: Run, tmp_path: Path) -> None:
    (tmp_path / "latin.asi").write_bytes("# first\n# caf\xe9\n".encode("latin-1"))
    status, _, err = run("check", "latin.asi")
    assert status == 2
    assert "latin.asi is not UTF-8 text: byte 0xe9 at offset 13 (line 2)" in err


def test_a_file_that_has_no_end_is_not_read(run: Run) -> None:
    status, _, err = run("check", "/dev/zero")
    assert status == 2
    assert "larger than 1 MiB" in err


def test_help_lists_every_command(run: Run) -> None:
    status, out, _ = run("--help")
    assert status == 0
    for name in ("check", "emit", "explain", "fmt", "ops", "sample", "show", "train"):
        assert f"\n    {name} " in out
    assert set(cli.names()) >= {"check", "show"}
    for name in cli.names():
        assert run(name, "--help")[0] == 0


# -- the process -----------------------------------------------------------------------------------


def test_an_interrupt_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(code: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(explain_command, "run", interrupted)
    assert run("explain") == (130, "", "interrupted\n")


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    text = "".join(GOOD.replace("ema", f"ema{n}") for n in range(3))
    (tmp_path / "many.asi").write_text(text)
    code = (
        "import sys, os\nfrom asiarch.cli import main\n"
        "r, w = os.pipe(); os.dup2(w, 1); os.close(r); os.close(w)\n"
        "sys.exit(main(['check', '--ledger', 'many.asi']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (cli.BROKEN_PIPE, "")


def test_the_module_runs_and_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "good.asi").write_text(GOOD)
    code = (
        "import sys, runpy\nsys.argv = ['asiarch', 'check', 'good.asi']\n"
        "try:\n    runpy.run_module('asiarch', run_name='__main__')\n"
        "except SystemExit as stop:\n    assert stop.code == 0, stop.code\n"
        "heavy = {'torch', 'numpy', 'rich', 'networkx', 'sympy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "ema" in done.stdout


# -- fmt, explain, ops -----------------------------------------------------------------------------


def test_fmt_rewrites_once_and_then_agrees(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "ugly.asi"
    path.write_text("# kept\nop f[D](x:Seq[D])->Seq[D]{return x+   1}\n")
    before = path.read_text()
    assert run("fmt", "--check", "ugly.asi") == (1, "would change ugly.asi\n", "")
    assert path.read_text() == before
    assert run("fmt", "ugly.asi") == (0, "changed ugly.asi\n", "")
    assert path.read_text().startswith("# kept\n")
    assert run("fmt", "--check", "ugly.asi") == (0, "", "")
    assert run("fmt", "ugly.asi") == (0, "", "")


def test_fmt_leaves_a_text_with_errors_alone(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "broken.asi"
    path.write_text("op f[D](x: Seq[D]) -> Seq[D] { return x + }\n")
    status, _, err = run("fmt", "broken.asi", "good.asi")
    assert status == 1
    assert "error[" in err
    assert "broken.asi:1:" in err
    assert path.read_text().endswith("x + }\n")


def test_fmt_reads_standard_input(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "asiarch", "fmt", "-"],
        input="op f[D](x:Seq[D])->Seq[D]{return x+   1}",
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "return x + 1" in done.stdout


def test_explain_tells_a_story_and_knows_its_codes(run: Run) -> None:
    status, out, _ = run("explain", "e0301")
    assert status == 0
    assert "E0301" in out
    assert run("explain", "301")[1] == out
    status, out, _ = run("explain")
    assert status == 0
    assert any(line.startswith("E0301") for line in out.splitlines())
    status, _, err = run("explain", "E9999")
    assert status == 2
    assert "no diagnostic has the code E9999" in err


def test_ops_lists_primitives_and_the_prelude(run: Run) -> None:
    status, out, _ = run("ops")
    assert status == 0
    for part in (
        "linear[I -> O",
        "softmax[C](x)",
        "x[t-k]",
        "silu(x)",
        "rmsnorm[C..., each E...](x)",
    ):
        assert part in out
    assert "embed" in run("ops", "embed")[1]
    _, out, _ = run("ops", "conv")
    assert "Defined in the language" in out
    assert "param taps[n, A...]" in out


def test_a_new_operator_needs_no_list(run: Run) -> None:
    from asiarch.commands.support.reference import entries
    from asiarch.ir.primitive import registry

    known = entries()
    for name, primitive in registry().items():
        if primitive.build is not None:
            word = primitive.symbol if primitive.symbol.isidentifier() else name
            assert word in known


# -- emit and show ---------------------------------------------------------------------------------


def test_emit_writes_source_that_imports_torch_only(run: Run, tmp_path: Path) -> None:
    sizes = ("-D", "D=8", "-D", "H=2")
    status, out, _ = run("emit", "two.asi", "--op", "mixer", *sizes)
    assert status == 0
    compile(out, "mixer.py", "exec")
    assert "import torch" in out
    assert "asiarch" not in "\n".join(line for line in out.splitlines() if "import" in line)
    assert run("emit", "two.asi", "--op", "mixer", *sizes, "-o", "m.py") == (0, "", "")
    assert (tmp_path / "m.py").read_text() == out
    status, _, err = run("emit", "two.asi", "--op", "mixer", *sizes, "--backend", "abacus")
    assert status == 1
    assert "abacus" in err


def test_show_has_a_line_for_each_equation(run: Run) -> None:
    status, out, _ = run("show", "two.asi", "--op", "mixer")
    assert status == 0
    (line,) = [found for found in out.splitlines() if found.strip().startswith("b = ")]
    assert "b = sigmoid(linear[H](x))" in line
    assert "Seq[H]" in line
    assert "[0, 0]" in line
    assert "(0, 1]" in line
    assert "2 * D * H * T + H * T" in line
    assert any("q = x |>" in found and "[-3, 0]" in found for found in out.splitlines())


def test_show_says_where_sizes_come_from(run: Run) -> None:
    _, out, _ = run("show", "two.asi", "--op", "mixer", "-D", "D=8", "-D", "H=2")
    rows = [line.split() for line in out.splitlines()]
    assert ["D", "=", "8", "by", "-D"] in rows
    assert ["K", "=", "4", "by", "its", "default"] in rows
    assert ["conv.n", "=", "4", "by", "the", "call"] in rows


def test_show_gives_the_normal_form_and_the_pull_of_a_loss(run: Run) -> None:
    _, out, _ = run("show", "two.asi", "--op", "mixer")
    rows = [line.split() for line in out.splitlines()]
    assert "state S [H, K]" in out
    assert ["decay", "b"] in rows
    assert ["b", "down"] in rows


def test_show_goes_into_blocks(run: Run) -> None:
    _, out, _ = run("show", "two.asi", "--op", "small")
    assert "for layer in L" in out
    assert "    x = x + mixer(rmsnorm[D](x))" in out


def test_show_of_a_wrong_program_gives_1(run: Run) -> None:
    status, out, _ = run("show", "bad.asi")
    assert status == 1
    assert "error[E0301]" in out


def test_show_draws(run: Run, tmp_path: Path) -> None:
    status, _, err = run("show", "two.asi", "--graph", "two.svg")
    assert status == 2
    assert "say which" in err
    assert run("show", "two.asi", "--op", "small", "--graph", "small.svg")[0] == 0
    assert (tmp_path / "small.svg").read_text().startswith("<svg")
    status, _, err = run("show", "two.asi", "--op", "small", "--graph", "no/where.svg")
    assert status == 2
    assert "no such folder" in err


# -- parts -----------------------------------------------------------------------------------------


def test_growth_and_bounds_of_costs() -> None:
    time, d, h = Size.symbol("T"), Size.symbol("D"), Size.symbol("H")
    assert [growth(d), growth(time * d), growth(time * time)] == ["O(1)", "O(T)", "O(T^2)"]
    assert bound(d * d * h + d * Size.of(7) + h) == "O(D^2 * H)"
    assert bound(Size.of(0)) == "0"
    assert bound(Size.of(9)) == "O(1)"
    assert grade_text((float("-inf"), 0)) == "(-inf, 0]"
    assert grade_text((-3, float("inf"))) == "[-3, inf)"


def test_a_program_travels_with_the_files_it_uses(tmp_path: Path) -> None:
    (tmp_path / "parts.asi").write_text("op twice[D](x: Seq[D]) -> Seq[D] { return 2 * x }\n")
    text = "use parts.twice\nop f[D](x: Seq[D]) -> Seq[D] { return twice(x) }\n"
    (tmp_path / "f.asi").write_text(text)
    found = bundle.bundle(files.read(str(tmp_path / "f.asi")))
    assert list(found) == ["parts.asi"]
    with bundle.unbundled(text, found) as name:
        assert Path(name).read_text() == text
        assert (Path(name).parent / "parts.asi").read_text() == found["parts.asi"]
    assert not Path(name).exists()


@pytest.mark.parametrize("place", ["../outside.asi", "/tmp/outside.asi", "inside.py"])
def test_a_bundle_names_nothing_outside(place: str) -> None:
    with (
        pytest.raises(ValueError, match="outside of its program"),
        bundle.unbundled("", {place: ""}),
    ):
        pass


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no such file"):
        files.read(str(tmp_path / "absent.asi"))
    locked = tmp_path / "locked.asi"
    locked.write_text(GOOD)
    locked.chmod(0)
    if not os.access(locked, os.R_OK):
        with pytest.raises(CommandError, match="permission denied"):
            files.read(str(locked))
