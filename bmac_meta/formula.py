"""What a formula may say: column names, + - * :, 0 and 1, C(), and a closed list of transforms.

A formula is text from anywhere, and libraries that read formulas run it as Python. Here it is taken apart
first: every word is a column or on the list, and arithmetic is done by this module on arrays of floats, so that
nothing else can be called.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmac_meta.errors import InputError, unknown_word

Array = NDArray[np.float64]
Token = tuple[str, str]
State = dict[int, tuple[float, float]]

LONGEST = 300
TOKEN = re.compile(
    r"\s*(?:(?P<name>[^\W\d]\w*)|(?P<quoted>`[^`]+`)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<sign>\*\*|[-+*:/()]))"
)
FUNCTIONS = {
    "I": lambda values: values,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "sqrt": np.sqrt,
}
STANDARDIZING = ("center", "scale")
CALLS = ("C", *FUNCTIONS, *STANDARDIZING)
OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: np.power,
}


@dataclass(frozen=True, slots=True)
class Factor:
    """A column, a category C(column), or arithmetic on columns.

    `text` is how it was written, `columns` are the columns that it needs, `tree` is the arithmetic, with
    column i as the name `_i`; None for a bare column.
    """

    text: str
    columns: tuple[str, ...]
    category: bool = False
    tree: ast.expr | None = None


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula taken apart: parts with a sign, each the factors that are multiplied and by which sign.

    `parts` holds (sign, factors, joints); factors are numbers of `factors`, or "0" and "1".
    """

    text: str
    factors: tuple[Factor, ...]
    parts: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the formula needs, each once."""
        return tuple(dict.fromkeys(column for factor in self.factors for column in factor.columns))


def read_formula(text: str, known: Iterable[str]) -> Formula:
    """Take a formula apart; raise `InputError` for what it may not say, `UnknownWordError` for unknown names.

    >>> read_formula("~ log(dose) + age", ["dose", "age"]).columns
    ('dose', 'age')
    >>> read_formula("~ __import__('os')", ["dose"])
    Traceback (most recent call last):
    bmac_meta.errors.InputError: The formula "~ __import__('os')" holds "'" at place 14. It may hold column names...
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        raise InputError(f"A formula is a text of at most {LONGEST} characters, such as '~ year + C(design)'.")
    if "~" in text and text.partition("~")[0].strip():
        raise _unreadable(text, "the left side is always the effect; begin with ~")
    reader = _Reader(text, _tokens(text), tuple(name for name in known if isinstance(name, str)))
    parts = reader.parts()
    return Formula(text.strip(), tuple(reader.factors.values()), parts)


def _tokens(text: str) -> list[Token]:
    start, tokens = text.find("~") + 1, []
    while text[start:].strip():
        found = TOKEN.match(text, start)
        if found is None:
            place = start + len(text[start:]) - len(text[start:].lstrip())
            raise InputError(
                f"The formula {text!r} holds {text[place]!r} at place {place + 1}. It may hold column names (in "
                f"`backticks` if they have spaces), + - * :, 0 and 1, and {', '.join(f'{c}()' for c in CALLS)}."
            )
        tokens.append((found.lastgroup, found[found.lastgroup]))
        start = found.end()
    return tokens


def _unreadable(text: str, why: str) -> InputError:
    return InputError(f"The formula {text!r} cannot be read: {why}. Write for instance '~ year + C(design)'.")


class _Reader:
    """Reads the tokens of one formula from left to right."""

    def __init__(self, text: str, tokens: list[Token], known: Sequence[str]) -> None:
        self.text, self.tokens, self.known = text, tokens, known
        self.place, self.factors = 0, {}

    def parts(self) -> tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]:
        """Read part after part, each with the sign in front of it."""
        parts = []
        while not parts or self.place < len(self.tokens):
            sign = self._sign("+-") or ("+" if not parts else "")
            if not sign:
                raise _unreadable(self.text, f"a sign is missing before {self._peek()!r}")
            operands, joints = [self._operand()], []
            while joint := self._sign("*:"):
                joints.append(joint)
                operands.append(self._operand())
            if len(operands) > 1 and {"0", "1"} & set(operands):
                raise _unreadable(self.text, "0 and 1 stand alone, for the intercept")
            parts.append((sign, tuple(operands), tuple(joints)))
        return tuple(parts)

    def _peek(self) -> str:
        return self.tokens[self.place][1] if self.place < len(self.tokens) else ""

    def _sign(self, allowed: str) -> str:
        found = self._peek()
        if not found or found not in allowed:
            return ""
        self.place += 1
        return found

    def _operand(self) -> str:
        """Return the name of the next operand: "0", "1", or that of a factor."""
        if self.place >= len(self.tokens):
            raise _unreadable(self.text, "it ends where a name should stand")
        kind, text = self.tokens[self.place]
        self.place += 1
        if kind == "number" and text in ("0", "1"):
            return text
        if kind in ("number", "sign"):
            raise _unreadable(self.text, f"{text!r} stands where a name should; put arithmetic into I()")
        factor = self._call(text) if self._peek() == "(" and kind == "name" else self._column(kind, text)
        names = list(self.factors)
        name = next((old for old in names if self.factors[old].text == factor.text), f"factor{len(names)}_")
        self.factors.setdefault(name, factor)
        return name

    def _column(self, kind: str, text: str) -> Factor:
        column = self._known(kind, text)
        return Factor(column, (column,))

    def _known(self, kind: str, text: str) -> str:
        column = text[1:-1] if kind == "quoted" else text
        if column not in self.known:
            raise unknown_word("column of these effects", column, self.known)
        return column

    def _call(self, function: str) -> Factor:
        if function not in CALLS:
            raise unknown_word("function in a formula", function, CALLS)
        tokens = [("name", function), *self._argument()]
        if function == "C":
            if len(tokens) != 4 or tokens[2][0] not in ("name", "quoted"):
                raise _unreadable(self.text, "C() takes one column")
            column = self._known(*tokens[2])
            return Factor(f"C({column})", (column,), category=True)
        return self._arithmetic(tokens)

    def _argument(self) -> list[Token]:
        """Return the tokens from an opening bracket to the one that closes it."""
        depth, start = 0, self.place
        while self.place < len(self.tokens):
            depth += {"(": 1, ")": -1}.get(self._peek(), 0)
            self.place += 1
            if depth == 0:
                return self.tokens[start : self.place]
        raise _unreadable(self.text, "a bracket is not closed")

    def _arithmetic(self, tokens: list[Token]) -> Factor:
        columns, words = [], []
        for number, (kind, text) in enumerate(tokens):
            called = tokens[number + 1 : number + 2] == [("sign", "(")]
            if kind == "name" and called and text not in (*FUNCTIONS, *STANDARDIZING):
                raise unknown_word("function inside a formula's arithmetic", text, CALLS[1:])
            if kind == "quoted" or (kind == "name" and not called):
                column = self._known(kind, text)
                columns += [column] if column not in columns else []
                words.append(f"_{columns.index(column)}")
            else:
                words.append(repr(float(text)) if kind == "number" else text)
        return Factor(_joined(tokens), tuple(columns), tree=self._tree(" ".join(words)))

    def _tree(self, source: str) -> ast.expr:
        try:
            tree = ast.parse(source, mode="eval").body
        except (SyntaxError, RecursionError, MemoryError):
            raise _unreadable(self.text, "the arithmetic in it is not well formed") from None
        for node in ast.walk(tree):
            if not _allowed(node):
                raise _unreadable(self.text, "the arithmetic in it is not well formed")
        return tree


def _allowed(node: ast.AST) -> bool:
    """Tell whether a part of an expression is arithmetic; an infinite number is a name that no column has."""
    if isinstance(node, ast.Name):
        return node.id in (*FUNCTIONS, *STANDARDIZING) or node.id[1:].isdigit()
    if isinstance(node, ast.Call):
        named = isinstance(node.func, ast.Name) and node.func.id in (*FUNCTIONS, *STANDARDIZING)
        return named and len(node.args) == 1 and not node.keywords
    kinds = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.USub, ast.UAdd, ast.Load, *OPERATIONS)
    return isinstance(node, kinds)


def _joined(tokens: list[Token]) -> str:
    return "".join(f" {text} " if kind == "sign" and text in "+-" else text for kind, text in tokens)


def evaluate(node: ast.expr, columns: Mapping[str, Array], state: State) -> Array:
    """Return the value of arithmetic on columns, by name; NaN or infinite where it has none.

    `state` keeps the mean and the SD that `center` and `scale` took; one that is filled is used as it is, so that
    new rows are moved as the first ones were.

    >>> factor = read_formula("~ I(dose**2 / 10)", ["dose"]).factors[0]
    >>> evaluate(factor.tree, {"_0": np.array([1.0, 5.0])}, {}).tolist()
    [0.1, 2.5]
    """
    if isinstance(node, ast.Constant):
        return np.float64(node.value)
    if isinstance(node, ast.Name):
        return columns[node.id]
    if isinstance(node, ast.UnaryOp):
        value = evaluate(node.operand, columns, state)
        return -value if isinstance(node.op, ast.USub) else value
    with np.errstate(all="ignore"):
        if isinstance(node, ast.BinOp):
            sides = (evaluate(side, columns, state) for side in (node.left, node.right))
            return OPERATIONS[type(node.op)](*sides)
        value = evaluate(node.args[0], columns, state)
        if node.func.id in FUNCTIONS:
            return FUNCTIONS[node.func.id](value)
        mean, sd = state.setdefault(node.col_offset, (float(np.mean(value)), _sd(value)))
        return value - mean if node.func.id == "center" else (value - mean) / sd


def _sd(values: Array) -> float:
    return float(np.std(values, ddof=1)) if np.size(values) > 1 else 0.0
