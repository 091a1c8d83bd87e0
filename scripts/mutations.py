"""Small faults for a Python module, made one at a time in its syntax tree."""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
"""The neighbour at the boundary, and the opposite."""

_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_HIDDEN = ("annotation", "returns", "decorator_list", "type_params")
"""What does not decide anything: types, and how a dataclass is built."""

_Change = Callable[[ast.AST], None]
_Changes = Iterator[tuple[str, _Change]]


@dataclass(frozen=True)
class Mutant:
    """One fault: the `number`-th of its file; the lines are those of the statement it is in."""

    path: Path
    number: int
    lines: range
    kind: str
    before: str
    after: str

    def __str__(self) -> str:
        before, after = (text.partition("\n")[0] for text in (self.before, self.after))
        return f"{self.path}:{self.lines.start} {self.kind}: {before} -> {after}"


def mutants(path: Path, source: str) -> list[Mutant]:
    """Return every fault there is for a module, in the order of its text."""
    found = []
    for number, (statement, node, kind, change) in enumerate(_faults(ast.parse(source))):
        before = ast.unparse(node)
        changed = copy.deepcopy(node)
        change(changed)
        lines = range(statement.lineno, _last_line(statement) + 1)
        found.append(Mutant(path, number, lines, kind, before, ast.unparse(changed)))
    return found


def mutated(mutant: Mutant, source: str) -> ast.Module:
    """Return the module with that fault; line numbers stay what they were."""
    tree = ast.parse(source)
    _, node, _, change = list(_faults(tree))[mutant.number]
    change(node)
    return ast.fix_missing_locations(tree)


_Fault = tuple[ast.stmt, ast.AST, str, _Change]


def _faults(tree: ast.Module) -> Iterator[_Fault]:
    for statement in tree.body:
        yield from _within(statement, statement)


def _within(node: ast.AST, statement: ast.stmt) -> Iterator[_Fault]:
    if isinstance(node, ast.stmt):
        statement = node
    changes = _KINDS.get(type(node))
    for kind, change in changes(node) if changes else ():
        yield statement, node, kind, change
    for name, value in ast.iter_fields(node):
        if name in _HIDDEN:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _within(child, statement)


def _last_line(statement: ast.stmt) -> int:
    """Return where a statement ends; one with a body ends before it."""
    body = getattr(statement, "body", None)
    if isinstance(body, list) and body:
        return max(statement.lineno, int(body[0].lineno) - 1)
    return statement.end_lineno or statement.lineno


def _set(field: str, value: object) -> _Change:
    return lambda node: setattr(node, field, value)


def _comparison(node: ast.Compare) -> _Changes:
    for at, op in enumerate(node.ops):
        for new in _COMPARISONS[type(op)]:
            yield "comparison", _set("ops", [*node.ops[:at], new(), *node.ops[at + 1 :]])


def _arithmetic(node: ast.BinOp | ast.AugAssign) -> _Changes:
    sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
    is_text = any(isinstance(side, ast.JoinedStr) for side in sides)
    if type(node.op) in _ARITHMETIC and not is_text:
        yield "arithmetic", _set("op", _ARITHMETIC[type(node.op)]())


def _boolean(node: ast.BoolOp) -> _Changes:
    yield "boolean", _set("op", ast.Or() if isinstance(node.op, ast.And) else ast.And())


def _negation(node: ast.UnaryOp) -> _Changes:
    if isinstance(node.op, ast.Not):
        yield "negation", _set("operand", _not(node.operand))
    elif isinstance(node.op, ast.USub):
        yield "negation", _set("op", ast.UAdd())


def _constant(node: ast.Constant) -> _Changes:
    value = node.value
    if isinstance(value, bool):
        yield "constant", _set("value", not value)
    elif isinstance(value, int):
        yield "constant", _set("value", value + 1)
    elif isinstance(value, float):
        yield "constant", _set("value", value * 2 or 1.0)


def _return(node: ast.Return) -> _Changes:
    is_nothing = isinstance(node.value, ast.Constant) and node.value.value is None
    if node.value is not None and not is_nothing:
        yield "return", _set("value", ast.Constant(None))


def _condition(node: ast.If | ast.IfExp | ast.While) -> _Changes:
    is_negated = isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
    if not is_negated and not isinstance(node.test, ast.Compare):  # those are changed as such
        yield "condition", _set("test", _not(node.test))


def _filter(node: ast.comprehension) -> _Changes:
    for at in range(len(node.ifs)):
        yield "filter", _set("ifs", [*node.ifs[:at], *node.ifs[at + 1 :]])


def _not(node: ast.expr) -> ast.UnaryOp:
    return ast.UnaryOp(op=ast.Not(), operand=node)


_KINDS: dict[type[ast.AST], Callable[[Any], _Changes]] = {
    ast.Compare: _comparison,
    ast.BinOp: _arithmetic,
    ast.AugAssign: _arithmetic,
    ast.BoolOp: _boolean,
    ast.UnaryOp: _negation,
    ast.Constant: _constant,
    ast.Return: _return,
    ast.If: _condition,
    ast.IfExp: _condition,
    ast.While: _condition,
    ast.comprehension: _filter,
}
