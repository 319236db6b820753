"""From the text of an expression to its tree."""

from collections.abc import Callable

from wke.describe.expression.expression import (
    MOST_DEPTH,
    Calculation,
    Expression,
    Junction,
    Literal,
    Minus,
    Name,
    Node,
    Not,
    Quantity,
    Relation,
)
from wke.describe.expression.tokens import Token, tokens
from wke.describe.toml.shape import FlawError
from wke.describe.toml.wording import quoted

MOST_CHARACTERS = 2000
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


def parse(text: str) -> Expression:
    """Return the expression that a text spells; raise FlawError for any other text."""
    if len(text) > MOST_CHARACTERS:
        raise FlawError(f"is {len(text)} characters long; at most {MOST_CHARACTERS} are allowed")
    parser = _Parser(tuple(tokens(text)))
    node = parser.junction("or")
    if parser.next is not None:
        raise FlawError(f"has {quoted(parser.next.text)} after the end of a value", "put a sign, `and` or `or` between two values")
    return Expression(text, node)


def parse_condition(text: str) -> Expression:
    """Return an expression that is true or false; raise FlawError for other texts."""
    expression = parse(text)
    if isinstance(expression.node, Minus | Calculation) or (
        isinstance(expression.node, Literal) and not isinstance(expression.node.value, bool)
    ):
        raise FlawError("is not a condition", f"compare it with something: {text.strip()} > 0")
    return expression


def parse_calculation(text: str) -> Expression:
    """Return an expression that is a number; raise FlawError for other texts."""
    expression = parse(text)
    node = expression.node
    if isinstance(node, Not | Junction | Relation) or (isinstance(node, Literal) and not isinstance(node.value, Quantity)):
        raise FlawError("is not a calculation", "write a number computed from metrics: cpu / throughput")
    return expression


class _Parser:
    """Reads tokens by recursive descent; one method per precedence, from the loosest sign to the tightest."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    @property
    def next(self) -> Token | None:
        """The next token."""
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, *texts: str) -> str | None:
        """Take the next token if it is one of these signs or words."""
        token = self.next
        if token is None or token.kind not in {"sign", "name"} or token.text not in texts:
            return None
        self._at += 1
        return token.text

    def junction(self, word: str) -> Node:
        parts = [self._junction_part(word)]
        while self._take(word):
            parts.append(self._junction_part(word))
        return parts[0] if len(parts) == 1 else Junction(word, tuple(parts))

    def _junction_part(self, word: str) -> Node:
        return self.junction("and") if word == "or" else self._negation()

    def _negation(self) -> Node:
        return Not(self._deeper(self._negation)) if self._take("not") else self._comparison()

    def _comparison(self) -> Node:
        left = self._calculation("+", "-")
        sign = self._take(*COMPARISONS)
        if sign is None:
            return left
        right = self._calculation("+", "-")
        if self._take(*COMPARISONS):
            raise FlawError("compares more than two values in a row", "write a < b and b < c")
        return Relation(sign, left, right)

    def _calculation(self, *signs: str) -> Node:
        first, rest = self._calculation_part(signs), []
        while sign := self._take(*signs):
            rest.append((sign, self._calculation_part(signs)))
        return Calculation(first, tuple(rest)) if rest else first

    def _calculation_part(self, signs: tuple[str, ...]) -> Node:
        return self._calculation("*", "/") if "+" in signs else self._signed()

    def _signed(self) -> Node:
        return Minus(self._deeper(self._signed)) if self._take("-") else self._value()

    def _value(self) -> Node:
        token = self.next
        if token is None:
            raise FlawError("ends where a value is missing")
        if self._take("("):
            inner = self._deeper(lambda: self.junction("or"))
            if not self._take(")"):
                raise FlawError("has a bracket that is not closed")
            return inner
        self._at += 1
        if token.kind == "number":
            return Literal(Quantity(token.number, token.unit), token.text)
        if token.kind == "text":
            return Literal(token.text[1:-1], token.text)
        if token.text in {"true", "false"}:
            return Literal(token.text == "true", token.text)
        if token.kind == "sign" or token.text in {"and", "or", "not"}:
            raise FlawError(f"has {quoted(token.text)} where a value should be")
        return Name(token.text)

    def _deeper(self, read: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise FlawError("is nested too deeply")
        node = read()
        self._depth -= 1
        return node
