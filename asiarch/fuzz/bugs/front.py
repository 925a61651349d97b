"""Bugs before the graph is flat: elaboration, inlining, the formatter, initial values."""

from __future__ import annotations

from asiarch.fuzz.bug import Bug

FRONT = (
    Bug("layers_share_weights", "tied weight", "ir/flatten.py",
        'path = _join(prefix, f"{node.attr(\'path\')}.{n}")',
        'path = _join(prefix, f"{node.attr(\'path\')}.0")'),
    Bug("last_layer_twice", "wrong parameter path", "ir/flatten.py",
        "body: Function = bodies[schedule[n] if schedule is not None else 0]",
        "body: Function = bodies[schedule[-1] if schedule is not None else 0]"),
    Bug("callee_axis_is_the_callers", "wrong axis", "ir/flatten.py",
        "while name in taken or flat.axes.get(name, size) != size:",
        "while flat.axes.get(name, size) != size:"),
    Bug("dead_initial_state", "wrong initial state", "ir/flatten.py",
        'StateInfo(leaf.attr("name"), leaf, new[state.initial], new[state.update])',
        'StateInfo(leaf.attr("name"), leaf, new[state.update], new[state.update])'),
    Bug("greater_is_less", "swapped operand", "elaborate/expression.py",
        '">": ("less", True)', '">": ("less", False)'),
    Bug("chain_forgets_a_link", "lost term", "elaborate/expression.py",
        'out = term if out is None else rules.pointwise("and", out, term)', "out = term"),
    Bug("older_state_is_younger", "off by one", "elaborate/expression.py",
        "for extra in range(2, steps + 1):", "for extra in range(2, steps):"),
    Bug("minus_is_nothing", "sign", "elaborate/expression.py",
        'return rules.pointwise("sub", rules.number(0), inner)',
        'return rules.pointwise("sub", inner, rules.number(0))'),
    Bug("argument_stays_in_its_order", "wrong axis", "elaborate/call.py",
        "return rules.order(arg, tuple(pairs[n] for n in wanted))", "return arg"),
    Bug("and_is_or", "wrong operator", "elaborate/expression.py",
        '"and": "and", "or": "or"}', '"and": "or", "or": "or"}'),
    Bug("branch_not_taken", "wrong branch", "elaborate/repeat.py",
        "(e.then, e.otherwise) if known else (e.otherwise, e.then)",
        "(e.then, e.otherwise) if known else (e.then, e.otherwise)"),
    Bug("carried_state_reads_its_new_value", "wrong read point", "elaborate/repeat.py",
        'before = inner.capture(found.leaf, f"{name}[t-1]")',
        'before = (inner.capture(found.leaf, f"{name}[t-1]")\n'
        "                      if len(inner.inputs) > len(carried) else leaf)"),
    Bug("minus_in_parentheses", "lost parentheses", "language/documents.py",
        'return bracketed("(", expression(e.inner, fields), ")")',
        "return (expression(e.inner, fields) if isinstance(e.inner, ast.Unary)\n"
        '                    else bracketed("(", expression(e.inner, fields), ")"))'),
    Bug("offset_loses_its_sign", "sign", "language/documents.py",
        'return f"t{e.op}{e.right.text}"', 'return f"t-{e.right.text}"'),
    Bug("second_argument_first", "swapped operand", "language/documents.py",
        "tail += [expression(first.right, fields), f\"{first.op} \", SPACE]",
        "tail += [expression(first.right, fields), \"+ \" if level == 2 else f\"{first.op} \", "
        "SPACE]"),
)  # fmt: skip
