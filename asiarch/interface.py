"""The Python interface: parse, compile, emit, copy_parameters, and the errors a caller can get."""

from __future__ import annotations

import builtins
import importlib
import linecache
from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any, SupportsIndex

from asiarch.elaborate.program import Elaborator, Named, SizesError
from asiarch.ir.flatten import inlined
from asiarch.ir.function import Function
from asiarch.language import ast
from asiarch.language.diagnostics import SpecError
from asiarch.language.parser import ParseResult
from asiarch.language.parser import parse as parse_text

BACKENDS = ("torch", "jax", "reference")
MOST = 1_000_000  # operations of what is compiled


class SizeError(SizesError):
    """Sizes that do not fit the program; the message names them."""


class BackendError(RuntimeError):
    """A backend that is missing, or a program that it does not run; says how to get on."""


def parse(text: str, filename: str = "<text>") -> ast.Program:
    """The syntax tree of a program. Raises SpecError with every diagnostic."""
    result = parse_text(text, filename)
    errors = [d for d in result.diagnostics if d.severity == "error"]
    if errors:
        raise SpecError(tuple(result.diagnostics), result.source)
    return result.program


def elaborate(
    text: str,
    op: str | None = None,
    sizes: Mapping[str, int] | None = None,
    filename: str = "<text>",
) -> Function:
    """The concrete function of one op or model. Raises SpecError, SizeError."""
    return elaborate_tree(parse_text(text, filename), op, sizes, filename)


def elaborate_tree(
    result: ParseResult,
    op: str | None = None,
    sizes: Mapping[str, int] | None = None,
    filename: str = "<text>",
) -> Function:
    """The same of a parsed text."""
    elaborator = Elaborator(concrete=True)
    elaborator.load(result, filename)
    _raise(elaborator, result.source)
    named = _choose(elaborator, filename, result.program, op)
    _known_sizes(named, sizes or {})
    try:
        function = elaborator.top(named, sizes)
    except SizesError as error:
        raise SizeError(str(error)) from None
    _raise(elaborator, result.source, sizes)
    if function is None:
        raise SpecError(tuple(elaborator.diagnostics), result.source)
    count = inlined(function)
    if count > MOST:
        raise SizeError(f"`{function.name}` has {count} operations at these sizes; at most {MOST} "
                        "are compiled (checking has no such limit)")  # fmt: skip
    return function


def _raise(elaborator: Elaborator, source: Any, sizes: Mapping[str, int] | None = None) -> None:
    errors = [d for d in elaborator.diagnostics if d.severity == "error"]
    if not errors:
        return
    if sizes is not None and all(d.code.startswith("E05") for d in errors):
        given = ", ".join(f"{k} = {v}" for k, v in sizes.items())
        raise SizeError(f"sizes {given} do not fit: " + "; ".join(d.message for d in errors))
    raise SpecError(tuple(elaborator.diagnostics), source)


def _choose(elaborator: Elaborator, filename: str, program: ast.Program, op: str | None) -> Named:
    names = [d.name.id for d in program.definitions]
    if op is None:
        if len(names) != 1:
            raise ValueError(f"say which definition: op= one of {', '.join(names) or 'none'}")
        op = names[0]
    found = elaborator.definition(filename, op)
    if found is None:
        raise ValueError(f"there is no `{op}`; the file defines {', '.join(names) or 'nothing'}")
    if any(f.type is None for f in found.syntax.formals):
        raise ValueError(f"`{op}` takes values of any type; call it from an op with types")
    return found


def _known_sizes(named: Named, sizes: Mapping[str, int]) -> None:
    header = {h.name.id for h in named.syntax.header}
    for name, value in sizes.items():
        if name not in header:
            raise SizeError(
                f"`{named.syntax.name.id}` has no size `{name}`; it has {', '.join(sorted(header))}"
            )
        if type(value) is not int or value < 0:
            raise SizeError(f"{name} = {value!r} is no size: sizes are whole numbers")


def emit(
    text: str,
    op: str | None = None,
    sizes: Mapping[str, int] | None = None,
    backend: str = "torch",
    *,
    chunk: int | None = None,
    bare: bool = False,
    filename: str = "<text>",
) -> str:
    """A module file that imports its library (`torch` or `jax`) only.

    `bare`, of torch: forward alone, no states, no packing.
    """
    if backend not in ("torch", "jax"):
        raise BackendError(f"emit: backend {backend!r} is not there; use 'torch' or 'jax'")
    if bare and backend != "torch":
        raise BackendError(f"emit: backend {backend!r} has no bare form; 'torch' has one")
    return _emitted(elaborate(text, op, sizes, filename), backend, chunk, bare).source


def _emitted(function: Function, backend: str, chunk: int | None, bare: bool = False) -> Any:
    from asiarch.codegen.plan import Unsupported

    try:
        if backend == "jax":
            from asiarch.codegen.jax_backend import emit as emit_jax

            return emit_jax(function, chunk)
        from asiarch.codegen.torch_backend import emit as emit_torch

        return emit_torch(function, chunk, bare=bare)
    except Unsupported as error:
        raise BackendError(f"`{function.name}`: {error}") from None


def compile(
    text: str,
    op: str | None = None,
    sizes: Mapping[str, int] | None = None,
    backend: str = "torch",
    seed: int = 0,
    chunk: int | None = None,
    dtype: str = "float32",
    device: str = "cpu",
    filename: str = "<text>",
) -> Any:
    """A running module of one op or model; see docs/interface for its calls.

    `module.emitted_source` is the text that runs, `module.report` the ledger, `module.schedule`
    what was chosen. Raises SpecError, SizeError, BackendError.
    """
    if backend not in BACKENDS:
        raise BackendError(f"no backend {backend!r}; there are {', '.join(BACKENDS)}")
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk must be at least 1, got {chunk}")
    function = elaborate(text, op, sizes, filename)
    from asiarch.codegen.parameters import initial_values
    from asiarch.ir.flatten import flatten

    flat = flatten(function)
    values = initial_values(flat, seed)
    if backend == "reference":
        from asiarch.codegen.reference import Reference

        module = Reference(flat, values)
        return _described(module, text, function, filename, {"backend": "reference"})
    on = (_OnJax if backend == "jax" else _OnTorch)(dtype, device)
    emitted = _emitted(function, backend, chunk)
    module = on.module(function, emitted, values)
    module.emitted_source = emitted.source
    return _described(module, text, function, filename, _schedule(emitted, backend))


def _library(backend: str, note: str = "") -> Any:
    try:
        return importlib.import_module(backend)
    except ImportError:
        raise BackendError(
            f"backend {backend!r} needs {backend}: pip install 'asiarch[{backend}]'{note}"
        ) from None


class _OnJax:
    """Running modules of jax, on a device by its name."""

    def __init__(self, dtype: str, device: str) -> None:
        self.jax, self.dtype, self.device = _library("jax"), dtype, device

    def module(self, function: Function, emitted: Any, values: Mapping[str, Any]) -> Any:
        from asiarch.codegen.jax_program import JaxProgram

        names = namespace(emitted.source, emitted.entry)
        try:
            place = self.jax.devices(self.device)[0]
        except RuntimeError:
            raise BackendError(f"jax has no device {self.device!r} here") from None
        return JaxProgram(function, names, values, self.dtype, place)


class _OnTorch:
    """Running modules of torch."""

    def __init__(self, dtype: str, device: str) -> None:
        self.torch, self.device = _library("torch", " (CPU: see the README)"), device
        self.kind: Any = getattr(self.torch, dtype, None)
        if not isinstance(self.kind, self.torch.dtype) or not self.kind.is_floating_point:
            raise ValueError(f"dtype {dtype!r} is no floating-point type of torch")

    def module(self, function: Function, emitted: Any, values: Mapping[str, Any]) -> Any:
        module = load_source(emitted.source, emitted.entry)
        state = {path: self.torch.from_numpy(value.copy()) for path, value in values.items()}
        module = module.to(device=self.device, dtype=self.kind)
        module.load_state_dict(state)
        return module


def _schedule(emitted: Any, backend: str) -> dict[str, Any]:
    chosen = {
        f"{cls}.{r.states[0].name}": {"class": r.cls, "kernel": r.kernel, "note": r.note}
        for cls, r in emitted.recurrences()
    }
    return {"backend": backend, "recurrences": chosen, "attends": dict(emitted.attends())}


def load_source(source: str, entry: str) -> Any:
    """An instance of the class `entry` that a module text defines; tracebacks show its lines."""
    return namespace(source, entry)[entry]()


def namespace(source: str, entry: str) -> dict[str, Any]:
    """What a module text defines. Its modules can be pickled: the text goes with them."""
    name = f"<asiarch {entry} {hash(source) & 0xFFFFFFFF:08x}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    found: dict[str, Any] = {"__name__": f"asiarch_emitted_{entry}"}
    exec(builtins.compile(source, name, "exec"), found)
    for made in found.values():
        if hasattr(made, "state_dict") and made.__module__ == found["__name__"]:
            _pickled_by_text(made, source, entry)
    return found


def _pickled_by_text(cls: Any, source: str, entry: str) -> None:
    """No file can be imported where a pickle of `cls` is read: it is made from the text there.

    A copy in this process stays of the same class.
    """

    def reduced(self: Any, protocol: SupportsIndex) -> Any:
        if type(self) is not cls:
            return object.__reduce_ex__(self, protocol)
        return restored, (source, entry, cls.__name__), self.__dict__

    def empty(kind: Any) -> Any:
        return kind.__new__(kind)

    def copied(self: Any) -> Any:
        made = empty(type(self))
        made.__setstate__(self.__dict__)
        return made

    def copied_deeply(self: Any, memo: dict[int, Any]) -> Any:
        made = memo[id(self)] = empty(type(self))
        made.__setstate__(deepcopy(self.__dict__, memo))
        return made

    cls.__reduce_ex__, cls.__copy__, cls.__deepcopy__ = reduced, copied, copied_deeply


@lru_cache(maxsize=8)
def _known(source: str, entry: str) -> dict[str, Any]:
    return namespace(source, entry)


def restored(source: str, entry: str, name: str) -> Any:
    """An empty instance of a class of a module text, for what unpickles one."""
    cls = _known(source, entry)[name]
    if name == entry:
        cls.report = property(_ledger)
    return cls.__new__(cls)


def _described(
    module: Any, text: str, function: Function, filename: str, schedule: Mapping[str, Any]
) -> Any:
    module.schedule = dict(schedule)
    module.spec = {"text": text, "op": function.name,
                   "sizes": {k: v.integer for k, v in function.header.items()},
                   "filename": filename}  # fmt: skip
    module.__class__.report = property(_ledger)
    return module


def _ledger(module: Any) -> Any:
    """The ledger of the module's definition, made when asked for."""
    from asiarch.analysis.report import check

    spec = module.spec
    return check(spec["text"], spec["filename"]).ops.get(spec["op"])


# -- parameters ------------------------------------------------------------------------------------


def parameters_of(module: Any) -> dict[str, Any]:
    """Parameters by path as float64 numpy arrays, of a module of any backend."""
    if hasattr(module, "state_dict"):
        return {k: v.detach().cpu().double().numpy() for k, v in module.state_dict().items()}
    import numpy as np

    return {k: np.array(v, np.float64) for k, v in module.params.items()}


def copy_parameters(source: Any, target: Any) -> None:
    """Copy every parameter from one backend's module to another's; paths must agree."""
    values = parameters_of(source)
    if hasattr(target, "load_state_dict"):
        import torch

        own = target.state_dict()
        _same_paths(values, own)
        target.load_state_dict(
            {k: torch.from_numpy(v.copy()).to(own[k]) for k, v in values.items()}
        )
        return
    _same_paths(values, target.params)
    if hasattr(target, "load"):
        target.load(values)
        return
    target.params.update({k: v.copy() for k, v in values.items()})


def _same_paths(source: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    missing, extra = sorted(set(target) - set(source)), sorted(set(source) - set(target))
    if missing or extra:
        raise ValueError(f"parameters differ: missing {missing[:5]}, unknown {extra[:5]}")
    for path, value in source.items():
        if tuple(value.shape) != tuple(target[path].shape):
            raise ValueError(
                f"{path}: shape {tuple(value.shape)} against {tuple(target[path].shape)}"
            )
