"""Small changes to the code that a test should notice: cosmic-ray's, and a few of ours."""

import ast
from pathlib import Path
from typing import NamedTuple

import parso
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator

BINARY = "Add_Sub Sub_Add Mul_Div Div_Mul FloorDiv_Mul Mod_FloorDiv BitAnd_BitOr BitOr_BitAnd"
COMPARISON = "Lt_LtE LtE_Lt Gt_GtE GtE_Gt Lt_Gt Gt_Lt LtE_GtE GtE_LtE Eq_NotEq NotEq_Eq"
IDENTITY = "Is_IsNot IsNot_Is"
KEYWORD = "TrueWithFalse FalseWithTrue AndWithOr OrWithAnd"
UNARY = "USub_UAdd Invert_UAdd Delete_Not"
REST = (
    "AddNot NumberReplacer ZeroIterationForLoop ReplaceBreakWithContinue ReplaceContinueWithBreak"
)
THEIRS = (
    *(f"core/ReplaceBinaryOperator_{x}" for x in BINARY.split()),
    *(f"core/ReplaceComparisonOperator_{x}" for x in f"{COMPARISON} {IDENTITY}".split()),
    *(f"core/ReplaceUnaryOperator_{x}" for x in UNARY.split()),
    *(f"core/Replace{x}" for x in KEYWORD.split()),
    *(f"core/{x}" for x in REST.split()),
)
"""Of cosmic-ray's. Not those that nearly always end in an error, as ``a << b`` for ``a + b``."""

SWAPPED = {"all": "any", "any": "all", "min": "max", "max": "min", "minimum": "maximum"}


class SwapName(Operator):
    """Another function of the same kind in its place, as in ``condition.all()``."""

    def mutation_positions(self, node):
        if node.type == "name" and node.value in SWAPPED and node.parent.type != "funcdef":
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        node.value = SWAPPED[node.value]
        return node

    @classmethod
    def examples(cls):
        return ()


class DropCall(Operator):
    """A statement that only calls something, left out."""

    def mutation_positions(self, node):
        if node.type in ("atom_expr", "power") and node.parent.type == "simple_stmt":
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        prefix = node.get_first_leaf().prefix
        return parso.python.tree.Name("None", node.start_pos, prefix)

    @classmethod
    def examples(cls):
        return ()


class KeepFirst(Operator):
    """Only one of two terms or conditions: ``a`` in place of ``a + b`` or ``a and b``."""

    def mutation_positions(self, node):
        if node.type in ("arith_expr", "and_test", "or_test"):
            for _ in node.children[::2]:
                yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        if len(node.children) == 3:
            kept = node.children[2 - 2 * index] if index < 2 else node.children[0]
            kept.get_first_leaf().prefix = node.get_first_leaf().prefix
            return kept
        del node.children[max(2 * index - 1, 0) : max(2 * index - 1, 0) + 2]
        return node

    @classmethod
    def examples(cls):
        return ()


def operators():
    """Every operator, by name."""
    ours = {f"ours/{kind.__name__}": kind() for kind in (SwapName, DropCall, KeepFirst)}
    return {name: get_operator(name)() for name in THEIRS} | ours


class Mutant(NamedTuple):
    """One change to a file."""

    path: str
    line: int
    column: int
    operator: str
    occurrence: int

    @property
    def room(self):
        """The folder or file of the package where it is."""
        return self.path.split("/")[1]

    def code(self):
        """The file with it."""
        return mutate_code(Path(self.path).read_text(), operators()[self.operator], self.occurrence)


def mutants_of(path):
    """The mutants of a file, but for those in annotations, ``__repr__`` and decorators."""
    code = path.read_text()
    tree, nowhere = get_ast(code), [*without_effect(ast.parse(code))]
    for name, operator in operators().items():
        occurrence = 0
        for node in ast_nodes(tree):
            for start, _ in operator.mutation_positions(node):
                if not any(first <= start < last for first, last in nowhere):
                    yield Mutant(str(path), *start, name, occurrence)
                occurrence += 1


def without_effect(tree):
    """Where a change has no effect that a user could see: places as (first, last)."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name="__repr__"):
                yield place(node)
            case ast.FunctionDef() if node.returns:
                yield place(node.returns)
            case ast.ClassDef():  # frozen=True and its like keep mistakes away
                yield from map(place, node.decorator_list)
            case ast.arg() | ast.AnnAssign() if node.annotation:
                yield place(node.annotation)
            case ast.If(test=ast.Name("TYPE_CHECKING")):
                yield place(node)


def place(node):
    """First and last place of a node, as parso counts them."""
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
