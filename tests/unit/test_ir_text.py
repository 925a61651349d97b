"""The text form gives back the very same nodes, and the verifier sees every planted fault."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asiarch.elaborate.program import Elaborator
from asiarch.interface import elaborate
from asiarch.ir import text as text_form
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function, ParamInfo, StateInfo
from asiarch.ir.literal import read_size
from asiarch.ir.node import Node, make, rewrite
from asiarch.ir.rules import number
from asiarch.ir.size import Size, binary
from asiarch.ir.text import TextError, held_functions, print_function, read_function
from asiarch.ir.types import Type
from asiarch.ir.verify import verify
from asiarch.language.parser import parse

SIZES = {"D": 16, "H": 2, "K": 4, "V": 5, "M": 3, "G": 2, "layer": 1, "R": 3, "vocab": 11}

SMALL = """
op core[H, K, V](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], a: Seq[H]) -> Seq[H, V] where causal {
  state S[H, K, V]
  S = a * S[t-1] + k * v
  return q @ S
}
op windowed[D, H, K = D / H, W = 8](x: Seq[D]) -> Seq[D] where causal {
  q = linear[H, K](x)
  o = attend j where t - W < j <= t { score: q[t] @ q[j] / sqrt(K)  value: q[j] }
  return merge[H, K -> D](o + rename[J -> K](rename[K -> J](q)))
}
op mixed[D, H, K = D / H, P = 2](x: Seq[D]) -> Seq[D] where causal {
  y = split[D -> H, K](x)
  z = stack[P](y, y[t-1])
  w = softmax[P](z) * expand[P](sum[P](z))
  loss 0.1 * sum[H, K](mean[time](w[P = 0]))
  return merge[H, K -> D](w[P = 1] + cumsum[time](y))
}
model tiny[D = 8, H = 2, L = 4, vocab = 16] {
  param E[vocab, D] ~ normal(0.02)
  x = E[vocab = tokens]
  for layer in L {
    if layer % 2 == 0 { x = x + mixed(rmsnorm[D](x)) } else { x = x + windowed[W = 4](x) }
  }
  return rmsnorm[D](x) @ E
}
"""


def examples() -> Iterator[tuple[str, str]]:
    folder = resources.files("asiarch.grammar") / "examples"
    if folder.is_dir():
        for file in sorted(folder.iterdir(), key=lambda f: f.name):
            if file.name.endswith(".asi"):
                yield str(file), file.read_text(encoding="utf-8")
    yield "<small>", SMALL


@cache
def functions() -> dict[str, Function]:
    """Every example with symbols, with numbers, and flat."""
    found: dict[str, Function] = {}
    for name, text in examples():
        result = parse(text, name)
        elaborator = Elaborator()
        elaborator.load(result, name)
        for op, function in elaborator.check_all(name).items():
            found[f"{name}:{op}"] = function
            header = {h.name.id for h in function.source.syntax.header if h.default is None}
            sizes = {k: v for k, v in SIZES.items() if k in header}
            if header <= set(sizes):
                concrete = elaborate(text, op, sizes, name)
                found[f"{name}:{op}, with numbers"] = concrete
                found[f"{name}:{op}, flat"] = flatten(concrete)
    return found


def small(name: str) -> Function:
    """A definition of SMALL; `!` after its name puts numbers in."""
    return functions()[f"<small>:{name.replace('!', ', with numbers')}"]


def test_every_example_comes_back_as_the_very_same_nodes() -> None:
    assert len(functions()) >= 12
    for function in functions().values():
        text = print_function(function)
        back = read_function(text)
        assert all(a is b for a, b in zip(function.nodes(), back.nodes(), strict=True))
        for field in ("inputs", "outputs", "losses", "params", "states", "input_names"):
            assert getattr(back, field) == getattr(function, field)
        for field in ("axes", "header", "defaults", "kind", "name", "polymorphic"):
            assert getattr(back, field) == getattr(function, field)
        live = set(function.nodes())
        assert back.hints == {n: name for n, name in function.hints.items() if n in live}


def test_printing_is_stable() -> None:
    for function in functions().values():
        text = print_function(function)
        assert print_function(function) == text
        assert print_function(read_function(text)) == text


def test_a_text_alone_is_enough() -> None:
    """Where the original has gone, functions in functions are built anew and print alike."""
    text = print_function(elaborate(SMALL, "tiny", {"D": 12}))
    gc.collect()
    text_form._PRINTED.clear()
    back = read_function(text)
    assert verify(back) == []
    assert print_function(back) == text
    inner = [f.name for node in back.nodes() for f in held_functions(node)]
    assert any("for_layer" in name for name in inner)


def test_the_listing_reads_like_one() -> None:
    lines = print_function(small("core")).splitlines()
    assert lines[0] == "op @core"
    assert any(line.endswith("over=(K)") and "= contract(" in line for line in lines)
    assert any(line.startswith("  state S = ") for line in lines)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("over=(K)", "over=(K", "line"),
        ("= mul(", "= mull(", "no primitive 'mull'"),
        ("  return %", "  return %99", "not defined above"),
        ("op @core", "thing @core", "begins no function"),
        (" : Seq[", " : Sea[", "no type"),
        ("  state S = ", "  stat S = ", "no line begins with"),
        ("axes H = {H}", "axes H = {H +}", "no size"),
        ("%0 : Seq[H, K] = input() index=0", "%0 : Seq[H, K] = input() index=", "line"),
    ],
)
def test_a_broken_text_is_refused_with_its_line(old: str, new: str, complaint: str) -> None:
    text = print_function(small("core"))
    assert old in text
    with pytest.raises(TextError, match=r"line|begins") as error:
        read_function(text.replace(old, new, 1))
    assert complaint in str(error.value)


def test_what_is_no_function_is_refused() -> None:
    for text in ("", "\n\n", "  %0 : Seq[D] = input()", "op no_label"):
        with pytest.raises(TextError):
            read_function(text)


def test_a_function_that_holds_itself_is_refused() -> None:
    call = "  %1 : Tensor[] = call(%0) function=@f path=p results=(<Seq[D]>) sizes=()"
    text = (
        f"op @f\n  axes D = {{D}}\n  input x = %0\n  return %0\n  %0 : Seq[D] = input()\n{call}\n"
    )
    with pytest.raises(TextError, match="holds itself"):
        read_function(text)


NAMES = st.sampled_from(["D", "H", "K", "vocab"])
LEAVES = NAMES.map(Size.symbol) | st.integers(-40, 40).map(Size.of)


def _combined(parts: st.SearchStrategy[Size]) -> st.SearchStrategy[Size]:
    signs = st.sampled_from(["+", "-", "*", "%", "//", "max", "min", "<", "round"])
    whole = st.tuples(signs, parts, parts).map(lambda t: _tried(*t))
    return whole | st.tuples(parts, NAMES).map(lambda t: t[0] / Size.symbol(t[1]))


def _tried(sign: str, left: Size, right: Size) -> Size:
    try:
        return binary(sign, left, right)
    except ZeroDivisionError:
        return left


@given(st.recursive(LEAVES, _combined, max_leaves=8))
def test_sizes_come_back_from_their_text(size: Size) -> None:
    assert read_size(str(size)) == size


# -- the verifier ----------------------------------------------------------------------------------


def test_every_example_is_valid() -> None:
    for name, function in functions().items():
        assert verify(function) == [], name


def swapped(function: Function, op: str, change: Any, nth: int = 0) -> Function:
    """The function with its nth node of one primitive changed by `change(node, operands)`."""
    targets = [n for n in function.nodes() if n.op == op]
    target = targets[nth]

    def rule(old: Node, args: tuple[Node, ...]) -> Node:
        return (
            change(old, args) if old is target else make(old.op, args, old.type, **dict(old.attrs))
        )

    roots = [*function.inputs, *function.roots()]
    new = rewrite(roots, rule)
    return replace(
        function,
        outputs=tuple(new[n] for n in function.outputs),
        losses=tuple(new[n] for n in function.losses),
        states=tuple(
            StateInfo(s.name, new.get(s.leaf, s.leaf), new[s.initial], new[s.update])
            for s in function.states
        ),
    )


def retyped(axes: tuple[str, ...] | None = None, **attrs: Any) -> Any:
    def change(old: Node, args: tuple[Node, ...]) -> Node:
        kind = old.type if axes is None else old.type.with_axes(axes)
        return make(old.op, args, kind, **(dict(old.attrs) | attrs))

    return change


def without_operand(old: Node, args: tuple[Node, ...]) -> Node:
    return make(old.op, args[:-1], old.type, **dict(old.attrs))


def as_tensor(old: Node, args: tuple[Node, ...]) -> Node:
    return make(old.op, args, Type("tensor", old.type.axes), **dict(old.attrs))


def inner(attr: str, change: Any) -> Any:
    """Changes a function that the node holds."""

    def rule(old: Node, args: tuple[Node, ...]) -> Node:
        held = old.attr(attr)
        return make(old.op, args, old.type, **(dict(old.attrs) | {attr: change(held)}))

    return rule


def drop_input(function: Function) -> Function:
    return replace(function, inputs=function.inputs[:-1], input_names=function.input_names[:-1])


FAULTS: list[tuple[str, str, str, Any, str]] = [
    ("an axis that the function lacks", "core", "add", retyped(("H", "K", "Q")), "axis Q is not"),
    ("a pointwise value with an axis more", "core", "mul", retyped(("H", "K", "V", "V")), "twice"),
    ("a pointwise value without an operand", "core", "add", without_operand, "takes 2"),
    ("a pointwise value with an axis less", "core", "add", retyped(("H", "K")), "together"),
    ("a stream made a Tensor", "core", "add", as_tensor, "stream"),
    ("a sum over an axis of one side", "core", "contract", retyped(over=("V",)), "names axis V"),
    ("a contraction with a lost axis", "core", "contract", retyped(("H",)), "has axes [H]"),
    ("a sum that keeps its axis", "mixed", "sum", retyped(("P", "H", "K")), "has axes"),
    ("a softmax over another axis", "mixed", "softmax", retyped(over=("D",)), "names axis D"),
    ("a pick out of range", "mixed!", "pick", retyped(index=Size.of(7)), "out of range"),
    ("a split in another order", "mixed", "split", retyped(("K", "H")), "has axes [K, H]"),
    ("a merge of other parts", "mixed", "merge", retyped(parts=("K", "H")), "parts last"),
    ("a stack along another axis", "mixed", "stack", retyped(axis="H"), "has axes"),
    ("an expansion elsewhere", "mixed", "expand", retyped(("H", "K", "P")), "has axes"),
    ("a delay by no number", "mixed", "delay", retyped(steps=None), "goes back None"),
    ("an unknown running value", "mixed", "cumulative", retyped(which="median"), "no running"),
    ("a mean over an axis that is not", "mixed", "whole", retyped(over=("D",)), "names axis D"),
    ("a rename that changes the size", "windowed!", "rename", retyped(("H", "D")), "has size"),
    ("an attend with a read missing", "windowed", "attend", inner("body", drop_input), "reads"),
    ("an attend over other axes", "windowed", "attend", retyped(("K", "H")), "has axes"),
    ("an attend without its sink", "windowed", "attend", retyped(sink=True), "should give 4"),
    ("a result that is not there", "tiny", "result", retyped(index=3), "is number 3"),
    ("a call with a value missing", "tiny", "call", inner("function", drop_input), "takes 0"),
    ("a loop that carries more", "tiny", "loop", retyped(carried=2), "carries values"),
    ("a gather along another axis", "tiny", "gather", retyped(axis="D"), "has axes"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "op", "change", "complaint"),
    [fault[1:] for fault in FAULTS],
    ids=[fault[0].replace(" ", "-") for fault in FAULTS],
)
def test_a_planted_fault_is_found(name: str, op: str, change: Any, complaint: str) -> None:
    broken = swapped(small(name), op, change)
    assert any(complaint in text for text in verify(broken)), verify(broken)


def test_a_fault_in_an_inner_function_is_found() -> None:
    def spoil(body: Function) -> Function:
        return replace(body, outputs=(*body.outputs[:2], body.outputs[1]))

    broken = swapped(small("windowed"), "attend", inner("body", spoil))
    assert verify(broken)
    assert verify(small("windowed")) == []


def test_a_state_whose_update_has_other_axes_is_found() -> None:
    core = small("core")
    (state,) = core.states
    turned = make("order", (state.update,), state.update.type.with_axes(("H", "V", "K")))
    broken = replace(core, states=(StateInfo("S", state.leaf, state.initial, turned),))
    assert any("its update [H, V, K]" in text for text in verify(broken))
    started = replace(core, states=(StateInfo("S", state.leaf, core.inputs[0], state.update),))
    assert any("initial value is Seq" in text for text in verify(started))


def test_a_leaf_of_another_function_is_found() -> None:
    core, other = small("core"), small("windowed")
    broken = replace(core, outputs=(*core.outputs, other.inputs[0]))
    assert any("belongs to windowed" in text for text in verify(broken))
    undeclared = replace(core, states=())
    assert any("state S is not declared" in text for text in verify(undeclared))


def test_a_parameter_that_is_wrong_is_found() -> None:
    function = small("windowed")
    param = function.params[0]
    shifted = ParamInfo(param.leaf, param.path, param.axes[::-1], param.initial)
    assert any("declared over" in t for t in verify(replace(function, params=(shifted,))))
    twice = replace(function, params=(param, param, *function.params[1:]))
    assert any("two parameters are called" in t for t in verify(twice))
    drawn = replace(function, outputs=(*function.outputs, param.initial))
    assert any("a draw" in t for t in verify(drawn))


def test_a_node_made_behind_the_table_is_found() -> None:
    core = small("core")
    (output,) = core.outputs
    double = Node(output.op, output.args, output.attrs, output.type)
    assert any("not the one node" in t for t in verify(replace(core, outputs=(double,))))


def test_the_position_j_outside_of_attend_is_found() -> None:
    core = small("core")
    j = make("position", (), Type("seq", (), positional=True), which="j")
    late = make("add", (j, number(1)), Type("seq", (), positional=True))
    assert any("position j" in t for t in verify(replace(core, outputs=(late,))))


def test_a_form_is_no_node() -> None:
    core = small("core")
    form = make("linear", (core.inputs[0],), core.inputs[0].type)
    assert any("is a form" in t for t in verify(replace(core, outputs=(form,))))
