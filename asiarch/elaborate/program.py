"""Files to functions: definitions by name, `use`, the prelude, and one instance per binding of a
header.

Checking elaborates every definition once with symbols for sizes; compiling elaborates with numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from importlib import resources
from operator import itemgetter
from pathlib import Path

from asiarch.elaborate.builder import Builder
from asiarch.elaborate.call import Bound, words
from asiarch.elaborate.claims import elaborate_claims, lookahead_of
from asiarch.elaborate.expression import static_size
from asiarch.elaborate.known import Memory, head_of
from asiarch.elaborate.scope import Quiet, Static, Value
from asiarch.elaborate.statement import block
from asiarch.ir.function import Function
from asiarch.ir.node import make
from asiarch.ir.size import Size
from asiarch.ir.types import Type
from asiarch.language import ast
from asiarch.language.diagnostics import Diagnostic
from asiarch.language.names import suggest
from asiarch.language.parser import ParseResult, parse

PRELUDE = "<prelude>"
LIBRARY = "<library>/"
MOST = 100  # diagnostics of one run
LASTING = 1_000  # instances of the prelude's definitions that outlive a run

_lasting: dict[tuple[object, ...], Function | None] = {}
_eras = [0]  # how often they were dropped


@dataclass(frozen=True, slots=True)
class Named:
    """A definition and the file that holds it."""

    file: str
    syntax: ast.Definition


class SizesError(ValueError):
    """Sizes that do not fit the program, named."""


@cache
def _library(name: str) -> ParseResult | None:
    """A file of the package's library, parsed once."""
    root = resources.files("asiarch.library")
    path = root.joinpath(f"{name}.asi")
    if not path.is_file():
        return None
    label = PRELUDE if name == "prelude" else f"{LIBRARY}{name}.asi"
    return parse(path.read_text(encoding="utf-8"), label)


def _within_library(label: str) -> str:
    """A library file by its label: `asi_arch/parts` for `<library>/asi_arch/parts.asi`."""
    return label.removeprefix(LIBRARY).removesuffix(".asi")


@dataclass(slots=True)
class Elaborator:
    """One run over a file. `concrete`: sizes are numbers, `if` and `for` are decided. `memory`: of
    earlier runs; what is said then has no places.
    """

    concrete: bool = False
    memory: Memory | None = None
    files: dict[str, ParseResult] = field(default_factory=dict[str, ParseResult])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])
    loop_bounds: dict[str, Size] = field(default_factory=dict[str, Size])
    broken_return: bool = False
    failed: int = 0  # statements that were given up
    nowhere: ast.Span = field(default_factory=lambda: ast.Span(0, 0))
    calling: ast.Span = field(default_factory=lambda: ast.Span(0, 0))
    not_imported: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _instances: dict[tuple[object, ...], Function | None] = field(
        default_factory=dict[tuple[object, ...], "Function | None"]
    )
    _building: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])
    _declared: list[tuple[Type, ...] | None] = field(
        default_factory=list["tuple[Type, ...] | None"]
    )
    _scopes: dict[str, dict[str, Named]] = field(default_factory=dict[str, "dict[str, Named]"])
    _numbers: dict[tuple[str, str], int | None] = field(
        default_factory=dict[tuple[str, str], "int | None"]
    )

    # -- files -----------------------------------------------------------------------------------

    def load(self, result: ParseResult, filename: str) -> None:
        self.files[filename] = result
        self.diagnostics += result.diagnostics
        self._scopes[filename] = self._scope_of(result, filename)

    def text(self, file: str | None) -> str:
        if file == PRELUDE:
            found = _library("prelude")
        else:
            found = self.files.get(file or "")
            if found is None and file is not None and file.startswith(LIBRARY):
                found = _library(_within_library(file))
        return found.source.text if found is not None else ""

    @property
    def full(self) -> bool:
        """Enough has been said about this file."""
        return len(self.diagnostics) >= MOST

    def report(self, diagnostic: Diagnostic) -> None:
        if not self.full and diagnostic not in self.diagnostics:
            self.diagnostics.append(diagnostic)

    def _scope_of(self, result: ParseResult, filename: str) -> dict[str, Named]:
        out: dict[str, Named] = {}
        for definition in result.program.definitions:
            name = definition.name.id
            if name in out:
                self.report(
                    Diagnostic(
                        "E0113",
                        f"`{name}` is defined twice in this file",
                        definition.name.span,
                        file=filename,
                    )
                )
                continue
            out[name] = Named(filename, definition)
        for use in result.program.uses:
            found = self._use(use, filename)
            if found is not None:
                out.setdefault(found.syntax.name.id, found)
            else:
                self.not_imported.add((filename, use.path[-1].id))
        return out

    def _use(self, use: ast.Use, filename: str) -> Named | None:
        stem, name = "/".join(n.id for n in use.path[:-1]), use.path[-1].id
        if len(use.path) == 1:
            self.report(Diagnostic("E0107", "`use` names a file and a definition: `use file.name`",
                                   use.span, file=filename))  # fmt: skip
            return None
        found = self._file(stem, filename)
        if found is None:
            self.report(
                Diagnostic(
                    "E0107",
                    f"there is no file `{stem}.asi` beside this one or in the library",
                    use.path[0].span,
                    file=filename,
                )
            )
            return None
        label, result = found
        for definition in result.program.definitions:
            if definition.name.id == name:
                return Named(label, definition)
        near = suggest(name, [d.name.id for d in result.program.definitions])
        self.report(
            Diagnostic(
                "E0107",
                f"`{stem}.asi` defines no `{name}`",
                use.path[-1].span,
                help=f"did you mean `{near}`?" if near else None,
                file=filename,
            )
        )
        return None

    def _file(self, stem: str, beside: str) -> tuple[str, ParseResult] | None:
        path = Path(beside).parent / f"{stem}.asi"
        label = str(path)
        if label in self.files:
            return label, self.files[label]
        if not beside.startswith("<") and path.is_file():
            result = parse(path.read_text(encoding="utf-8"), label)
            self.files[label] = result
            self.diagnostics += result.diagnostics
            self._scopes[label] = {}
            self._scopes[label] = self._scope_of(result, label)
            return label, result
        if stem == "prelude":
            return None
        names = [stem]
        if beside.startswith(LIBRARY):
            names.insert(0, (Path(_within_library(beside)).parent / stem).as_posix())
        found = next((n for n in names if _library(n) is not None), None)
        result = _library(found) if found is not None else None
        if found is None or result is None:
            return None
        label = f"{LIBRARY}{found}.asi"
        if label not in self.files:
            self.files[label] = result
            self._scopes[label] = {}
            self._scopes[label] = self._scope_of(result, label)
        return label, result

    # -- names -----------------------------------------------------------------------------------

    def definition(self, file: str | None, name: str) -> Named | None:
        """A definition by name: of the file, used by it, or of the prelude."""
        found = self._scopes.get(file or "", {}).get(name)
        if found is not None:
            return found
        prelude = _library("prelude")
        if prelude is None or name in words():
            return None
        if PRELUDE not in self._scopes:
            self._scopes[PRELUDE] = {
                d.name.id: Named(PRELUDE, d) for d in prelude.program.definitions
            }
        return self._scopes[PRELUDE].get(name)

    def broken(self, file: str | None, name: str) -> bool:
        """A definition that could not be read: what is wrong with it is reported already."""
        found = self.files.get(file or "")
        if (file or "", name) in self.not_imported:
            return True
        return found is not None and name in found.broken

    def definition_names(self, file: str | None) -> list[str]:
        self.definition(file, "")
        return [*self._scopes.get(file or "", {}), *self._scopes.get(PRELUDE, {})]

    def loop_axis(self, b: Builder, variable: Static, axis: str) -> bool:
        """Does this loop variable pick along `axis` (the axis that names its bound)?"""
        return variable.axis == axis

    def results(self, b: Builder) -> tuple[Type, ...] | None:
        return self._declared[-1]

    # -- sizes -----------------------------------------------------------------------------------

    def default_size(
        self, b: Builder, syntax: ast.Definition, entry: ast.HeaderAxis, sizes: Mapping[str, Size]
    ) -> Size:
        """A header default, evaluated with what is bound so far."""
        assert entry.default is not None
        named = self._named(syntax)
        env = Builder(
            elaborator=self,
            name=syntax.name.id,
            kind="op",
            file=named.file if named else b.file,
            axes=dict(sizes),
            header=dict(sizes),
        )
        size = static_size(env, entry.default, f"the default of `{entry.name.id}`")
        known = size.constant
        if known is not None and known.denominator != 1:
            env.fail(
                "E0505",
                f"`{entry.name.id}` = "
                f"{self.text(env.file)[entry.default.span.start : entry.default.span.end]}"
                f" = {known} is no whole number",
                entry.default.span,
            )
        return size

    def _named(self, syntax: ast.Definition) -> Named | None:
        for scope in self._scopes.values():
            found = scope.get(syntax.name.id)
            if found is not None and found.syntax is syntax:
                return found
        return None

    # -- instances -------------------------------------------------------------------------------

    def check_all(self, filename: str) -> dict[str, Function]:
        """Every definition of a file with symbols for sizes. Library definitions need a caller's
        types.
        """
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 12_000))
        if len(_lasting) > LASTING:
            _lasting.clear()
            _eras[0] += 1
        if self.memory is not None:
            self.memory.tidy(_eras[0])
        out: dict[str, Function] = {}
        for name, named in self._scopes[filename].items():
            if named.file != filename or is_polymorphic(named.syntax):
                continue
            function = self.top(named)
            if function is not None:
                out[name] = function
        return out

    def top(self, named: Named, sizes: Mapping[str, int] | None = None) -> Function | None:
        """A definition by itself: symbols, or numbers with defaults put in."""
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 12_000))
        bound = Bound()
        try:
            for entry in named.syntax.header:
                size = self._top_size(named, entry, bound, sizes)
                bound.bind(entry.name.id, size, entry.name.id, "given")
        except Quiet:
            return None
        types = [self._formal_type(f) for f in named.syntax.formals]
        return self.instance(named, bound, types, None)

    def _top_size(
        self, named: Named, entry: ast.HeaderAxis, bound: Bound, sizes: Mapping[str, int] | None
    ) -> Size:
        name = entry.name.id
        if not self.concrete:
            return Size.symbol(name)
        if sizes and name in sizes:
            return Size.of(sizes[name])
        if entry.default is None:
            missing = [h.name.id for h in named.syntax.header
                       if h.default is None and h.name.id not in (sizes or {})]  # fmt: skip
            raise SizesError(
                f"`{named.syntax.name.id}` needs a number for {', '.join(missing)}: "
                f"sizes={{{', '.join(repr(m) + ': ...' for m in missing)}}}"
            )
        env = Builder(
            self, named.syntax.name.id, "op", named.file, dict(bound.sizes), dict(bound.sizes)
        )
        return self.default_size(env, named.syntax, entry, bound.sizes)

    def _formal_type(self, formal: ast.Formal) -> Type:
        assert formal.type is not None
        kind = formal.type.name.id
        axes = tuple(a.id for a in formal.type.axes or ())
        if kind == "Token":
            return Type("token", vocab="vocab")
        return Type("tensor" if kind == "Tensor" else "seq", axes)

    def instance(
        self, named: Named, bound: Bound, types: Sequence[Type], caller: Builder | None
    ) -> Function | None:
        """The function of a definition at one binding, elaborated once; None after an error."""
        poly = is_polymorphic(named.syntax)
        key = self._key(named, bound, types, poly, caller)
        lasting = poly and named.file == PRELUDE and not self.concrete
        known = _lasting if lasting and key in _lasting else self._instances
        if key in known:
            return known[key]
        number = None if poly else self._number(named)
        if number is not None and self.memory is not None and number in self.memory.functions:
            self._instances[key] = self.memory.functions[number]
            return self._instances[key]
        if any(k[0] == id(named.syntax) for k in self._building):
            assert caller is not None
            caller.fail("E0108", f"`{named.syntax.name.id}` calls itself", self.calling,
                        help="repetition is `for n in N { ... }` with a static bound")  # fmt: skip
        self._building.append(key)
        mark, failed = len(self.diagnostics), self.failed
        try:
            function = self._elaborate(named, bound, types, poly, caller)
        except Quiet:
            function = None
        finally:
            self._building.pop()
        if failed != self.failed or any(d.severity == "error" for d in self.diagnostics[mark:]):
            function = None
        if self.concrete and function is not None:
            function = self._known(named, function)
        self._instances[key] = function
        if lasting and function is not None:
            _lasting[key] = function
        silent = function is not None and len(self.diagnostics) == mark
        if function is not None and silent and self.memory is not None and number is not None:
            self.memory.functions[number] = function
        return function

    def _number(self, named: Named) -> int | None:
        """The number of a definition in memory."""
        name = named.syntax.name.id
        if self.memory is None or self.concrete or self.definition(named.file, name) is not named:
            return None
        return self.known_number(named.file, name)

    def known_number(self, file: str, name: str) -> int | None:
        """The number, in memory, of what a name calls in a file; -1 for what is the same in every
        text, None for what is not kept.
        """
        key = (file, name)
        if self.memory is not None and key not in self._numbers:
            self._numbers[key] = None  # of a definition that calls itself
            named = self.definition(file, name)
            if named is None or (named.file == PRELUDE and is_polymorphic(named.syntax)):
                self._numbers[key] = -1
            elif not is_polymorphic(named.syntax) and named.syntax.kind == "op":
                self._numbers[key] = self.memory.number(self, named.file, named.syntax)
        return self._numbers.get(key)

    def _known(self, named: Named, function: Function) -> Function:
        """An earlier instance with the same terms (a header number that decided nothing)."""
        for key, other in self._instances.items():
            if other is None or key[0] != id(named.syntax):
                continue
            if same_terms(function, other) and function.axes == other.axes:
                return other
        return function

    def _key(
        self, named: Named, bound: Bound, types: Sequence[Type], poly: bool, caller: Builder | None
    ) -> tuple[object, ...]:
        """By the definition's place in memory: its syntax tree lives as long as this object."""
        sizes: tuple[object, ...] = ()
        if self.concrete or poly:
            sizes = tuple(sorted(bound.sizes.items(), key=itemgetter(0)))
        if not poly:
            return (id(named.syntax), sizes)
        seen = sorted({a for t in types for a in t.axes})
        outer = tuple(str(caller.axes[a]) for a in seen) if self.concrete and caller else ()
        axes = tuple(sorted(bound.axes.items()))
        spreads = tuple(sorted(bound.spreads.items()))
        return (id(named.syntax), sizes, tuple(types), axes, spreads, outer)

    def _elaborate(
        self, named: Named, bound: Bound, types: Sequence[Type], poly: bool, caller: Builder | None
    ) -> Function | None:
        syntax = named.syntax
        b = Builder(self, syntax.name.id, syntax.kind, named.file, {}, {}, polymorphic=poly)
        b.lookahead = lookahead_of(syntax.claims)
        if self.memory is not None and not poly and syntax.kind == "op":
            b.head = head_of(self, named.file, syntax)
        if poly:
            self._poly_header(b, syntax, bound, types, caller)
        else:
            self._header(b, syntax, bound)
        self._inputs(b, syntax, types, poly)
        self._declared.append(self._results(b, syntax, types, poly))
        broken, self.broken_return = self.broken_return, False
        try:
            block(b, syntax.body)
        finally:
            self._declared.pop()
            failed, self.broken_return = self.broken_return, broken
        for state in b.states:
            if state.current is None:
                b.report("E0112", f"state `{state.leaf.attr('name')}` has no equation", state.span,
                         help=f"write `{state.leaf.attr('name')} = ...`")  # fmt: skip
        if not b.outputs and not failed:
            b.report("E0116", f"`{syntax.name.id}` returns nothing", syntax.name.span,
                     help="end it with `return ...`")  # fmt: skip
        elaborate_claims(b, syntax.claims)
        return b.finish(named)

    def _header(self, b: Builder, syntax: ast.Definition, bound: Bound) -> None:
        seen: set[str] = set()
        for entry in syntax.header:
            name = entry.name.id
            if name in seen:
                b.report("E0113", f"`{name}` is twice in the header", entry.name.span)
            seen.add(name)
            size = bound.sizes[name] if self.concrete else Size.symbol(name)
            b.axes[name] = b.header[name] = size
            b.scope.names[name] = Static(size, "header", entry.name.span)
            if entry.default is not None and not self.concrete:
                try:
                    b.defaults[name] = static_size(b, entry.default, f"the default of `{name}`")
                except Quiet:
                    continue

    def _poly_header(
        self,
        b: Builder,
        syntax: ast.Definition,
        bound: Bound,
        types: Sequence[Type],
        caller: Builder | None,
    ) -> None:
        assert caller is not None
        for kind in types:
            for axis in kind.axes:
                b.axes[axis] = caller.axes[axis] if self.concrete else Size.symbol(axis)
        b.spreads.update(bound.spreads)
        for axes in bound.spreads.values():
            for axis in axes:
                if axis != "time":
                    size = caller.axes[axis] if self.concrete else Size.symbol(axis)
                    b.axes.setdefault(axis, size)
        for entry in syntax.header:
            name = entry.name.id
            if entry.spread or entry.each:
                continue
            size = bound.sizes[name]
            if not self.concrete and size.constant is None:
                size = Size.symbol(name)
            axis = bound.axes.get(name)
            if axis is not None:
                b.axes.setdefault(axis, size)
                size = b.axes[axis]
            else:
                axis = f"{name}'" if name in b.axes else name
                b.axes[axis] = size
            if axis != name:
                b.alias[name] = axis
            b.header[name] = size
            b.scope.names[name] = Static(size, "header", entry.name.span)

    def _inputs(
        self, b: Builder, syntax: ast.Definition, types: Sequence[Type], poly: bool
    ) -> None:
        formals = list(syntax.formals)
        if syntax.kind == "model":
            leaf = make(
                "input", (), Type("token", vocab="vocab"), name="tokens", index=0, of=b.name
            )
            b.inputs.append(leaf)
            b.input_names.append("tokens")
            b.scope.names["tokens"] = Value(leaf, "input", syntax.name.span)
            return
        for index, (formal, given) in enumerate(zip(formals, types, strict=True)):
            kind = self._input_type(b, formal, given, poly)
            leaf = make("input", (), kind, name=formal.name.id, index=index, of=b.name)
            b.inputs.append(leaf)
            b.input_names.append(formal.name.id)
            b.scope.names[formal.name.id] = Value(leaf, "input", formal.name.span)
            b.names[formal.name.id] = leaf

    def _input_type(self, b: Builder, formal: ast.Formal, given: Type, poly: bool) -> Type:
        if formal.type is None or (
            poly and formal.type.axes and isinstance(formal.type.axes[0], ast.Spread)
        ):
            return given
        kind = formal.type.name.id
        if kind not in ("Seq", "Tensor", "Token"):
            b.fail("E0201", f"`{kind}` is no type; types are Seq, Tensor, Token", formal.type.span)
        if kind == "Token":
            return Type("token", vocab="vocab")
        from asiarch.elaborate.statement import known_axes

        axes = known_axes(b, formal.type.axes or (), formal.type.span)
        return Type("seq" if kind == "Seq" else "tensor", axes)

    def _results(
        self, b: Builder, syntax: ast.Definition, types: Sequence[Type], poly: bool
    ) -> tuple[Type, ...] | None:
        if syntax.kind == "model" or not syntax.results:
            return None
        out: list[Type] = []
        from asiarch.elaborate.statement import known_axes

        for result in syntax.results:
            formal = next(
                (i for i, f in enumerate(syntax.formals) if f.name.id == result.name.id), None
            )
            if result.axes is None and formal is not None:
                out.append(Type("seq", b.inputs[formal].type.axes))
                continue
            if result.name.id not in ("Seq", "Tensor"):
                b.fail("E0201", f"`{result.name.id}` is no result type; results are Seq or Tensor",
                       result.span)  # fmt: skip
            axes = known_axes(b, result.axes or (), result.span)
            out.append(Type("seq" if result.name.id == "Seq" else "tensor", axes))
        return tuple(out)


def same_terms(a: Function, b: Function) -> bool:
    """Equal terms are one object, so equal functions have identical roots and parameters."""
    return (
        a.outputs == b.outputs
        and a.losses == b.losses
        and [s.update for s in a.states] == [s.update for s in b.states]
        and [(p.leaf, p.initial) for p in a.params] == [(p.leaf, p.initial) for p in b.params]
    )


def is_polymorphic(syntax: ast.Definition) -> bool:
    """Has it a formal of any type, or a spread in its header?"""
    return any(
        f.type is None or any(isinstance(a, ast.Spread) for a in f.type.axes or ())
        for f in syntax.formals
    ) or any(h.spread or h.each for h in syntax.header)


__all__ = ["PRELUDE", "Elaborator", "Fraction", "Named", "SizesError", "is_polymorphic"]
