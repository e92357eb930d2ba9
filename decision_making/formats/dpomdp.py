"""Dec-POMDPs in the format of the MADP toolbox, .dpomdp: read into a `DecPOMDP`, and written.

A joint action or observation is a name or number for each agent, or `*` for any; or it is one `*`, or one number that
counts all joint ones, the last agent's changing fastest. Later lines override earlier ones; missing entries are 0;
rewards of next states and observations become expected rewards. A statement begins a line, its numbers follow on that
line after the last colon, or on the lines below it. Source: F. A. Oliehoek, the annotated example of the toolbox.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from decision_making.checks import Array, shortened, suggestion
from decision_making.formats.text import EXACT, MOST, NEARLY, is_whole, plain_number, read_text
from decision_making.pomg import DecPOMDP

NAMES = 5_000  # states, or actions or observations of an agent, beyond which it is refused
AGENTS = 16  # agents beyond which it is refused
HEADERS = ("agents", "discount", "values", "states", "start", "actions", "observations")
WORDS = (*HEADERS, "T", "O", "R")
TOKEN = re.compile(r"[^\s:]+|:")


class Token(NamedTuple):
    """A word of the file, and its line and column, counted from 1."""

    text: str
    line: int
    column: int


class Statement(NamedTuple):
    """A statement of the file: the fields of its first line between colons, and the lines below."""

    word: Token
    how: str  # include or exclude, of a start
    fields: list[list[Token]]
    below: list[list[Token]]  # of each further line

    @property
    def rest(self) -> list[Token]:
        """All words after the first colon."""
        return [x for part in (*self.fields, *self.below) for x in part]


def read_dpomdp(path: Path | str) -> DecPOMDP:
    """The Dec-POMDP in a .dpomdp file, with its names as labels.

    Rows whose sum differs from 1 by at most 1e-5 are divided by it. Raises OSError where it cannot be read; ValueError,
    naming file, line and column, for unknown or missing words, names and numbers, rows of the wrong length,
    probabilities that are outside [0, 1] or do not sum to 1, and arrays of more than 20 million numbers.
    """
    return parse_dpomdp(read_text(path), str(path))


def parse_dpomdp(text: str, name: str = "text") -> DecPOMDP:
    """The Dec-POMDP that a text in the format describes; errors are those of `read_dpomdp` and begin with `name`.

    >>> P = parse_dpomdp('''
    ... agents: 2
    ... discount: 1.0
    ... values: reward
    ... states: left right
    ... start: uniform
    ... actions:
    ... stay go
    ... 2
    ... observations:
    ... 1
    ... 1
    ... T: * :
    ... identity
    ... O: * :
    ... uniform
    ... R: go * : left : * : * : 3
    ... ''')
    >>> P, P.R("left", ("go", 1))
    (DecPOMDP(γ=1, 2 agents, 2 states, 2 x 2 actions, 1 x 1 observations), 3.0)
    """
    return _Parser(text, name).problem()


class _Parser:
    def __init__(self, text: str, name: str):
        self.name, self.last = name, Token("", 1, 1)
        self.lines = []
        for k, line in enumerate(text.splitlines(), start=1):
            found = [Token(x.group(), k, x.start() + 1) for x in TOKEN.finditer(line.partition("#")[0])]
            if found:
                self.lines.append(found)
                self.last = found[-1]
        self.seen: dict[str, Token] = {}
        self.labels: dict[str, Any] = {}
        self.γ, self.sign = 0.0, 1.0
        self.b: Array | None = None
        self.T: Array | None = None
        self.O = self.R = np.zeros((0, 0, 0))
        self.rows: dict[str, Array] = {}  # by table and row the number of the last statement that set it
        self.words: list[Token] = []  # where that is
        self.paid: Array | None = None  # rewards of next states and observations too, once there are any

    def fail(self, at: Token, said: str) -> NoReturn:
        raise ValueError(f"{self.name}:{at.line}:{at.column}: {said}")

    def statements(self) -> list[Statement]:
        """The lines grouped into statements."""
        found: list[Statement] = []
        for line in self.lines:
            word, how = line[0], ""
            colon = 1
            if word.text == "start" and len(line) > 2 and line[1].text in ("include", "exclude"):
                how, colon = line[1].text, 2
            if word.text in WORDS and len(line) > colon and line[colon].text == ":":
                found.append(Statement(word, how, _fields(line[colon + 1 :]), []))
            elif not found or any(x.text == ":" for x in line):
                hint = suggestion(word.text, WORDS) if word.text not in WORDS else "; ':' must follow"
                self.fail(word, f"{shortened(word.text)} begins no statement{hint}")
            else:
                found[-1].below.append(line)
        return found

    def problem(self) -> DecPOMDP:
        for x in self.statements():
            word = x.word
            if word.text in HEADERS:
                if word.text in self.seen:
                    self.fail(word, f"'{word.text}:' stands twice, first on line {self.seen[word.text].line}")
                self.seen[word.text] = word
                getattr(self, f"header_{word.text}")(x)
            else:
                self.prepare(word)
                getattr(self, f"statement_{word.text}")(x)
        self.prepare(self.last)
        return self.built()

    # The headers

    def one(self, x: Statement, wanted: str) -> Token:
        if len(x.rest) != 1:
            self.fail(x.rest[1] if x.rest else x.word, f"{x.word.text}: {wanted} is expected")
        return x.rest[0]

    def header_agents(self, x: Statement) -> None:
        self.labels["I"] = self.names(x.rest, x.word)
        if len(self.labels["I"]) > AGENTS:
            self.fail(x.word, f"{len(self.labels['I'])} agents: must be at most {AGENTS}")

    def header_discount(self, x: Statement) -> None:
        token = self.one(x, "one number")
        self.γ = self.number(token)
        if not 0 <= self.γ <= 1:
            self.fail(token, f"discount = {token.text}: must be from 0 to 1")

    def header_values(self, x: Statement) -> None:
        token = self.one(x, "reward or cost")
        if token.text not in ("reward", "cost"):
            self.fail(token, f"values: {shortened(token.text)}: must be reward or cost")
        self.sign = 1.0 if token.text == "reward" else -1.0

    def header_states(self, x: Statement) -> None:
        self.labels["S"] = self.names(x.rest, x.word)

    def header_actions(self, x: Statement) -> None:
        self.labels["A"] = self.lists(x)

    def header_observations(self, x: Statement) -> None:
        self.labels["Ω"] = self.lists(x)

    def lists(self, x: Statement) -> tuple[tuple[Any, ...], ...]:
        """Names or a number on a line for each agent."""
        rows, n = [part for part in (*x.fields, *x.below) if part], len(self.known("I", "agents", x.word))
        if len(rows) != n:
            self.fail(x.word, f"{x.word.text}: {len(rows)} lines: must be {n}, one of each agent")
        return tuple(self.names(row, x.word) for row in rows)

    def names(self, tokens: Sequence[Token], word: Token) -> tuple[Any, ...]:
        """A list of names, or how many there are."""
        if not tokens:
            self.fail(word, f"{word.text}: names or a number are missing")
        if len(tokens) == 1 and is_whole(tokens[0].text):
            n = int(tokens[0].text[:12])
            if not 1 <= n <= NAMES:
                self.fail(tokens[0], f"{word.text}: {n} of them: must be from 1 to {NAMES:,}")
            return tuple(range(n))
        found: dict[str, None] = {}
        for token in tokens:
            if token.text in found or token.text in ("*", ":") or is_whole(token.text):
                said = "names must differ, and be no numbers and no '*'"
                self.fail(token, f"{word.text}: {shortened(token.text)}: {said}")
            found[token.text] = None
        return tuple(found)

    def header_start(self, x: Statement) -> None:
        S = self.known("S", "states", x.word)
        tokens = x.rest
        if not tokens:
            self.fail(x.word, "start: states or probabilities are missing")
        if x.how:
            chosen = np.full(len(S), x.how == "exclude")
            for token in tokens:
                chosen[self.which(token, S, "states")] = x.how == "include"
            if not chosen.any():
                self.fail(x.word, "start: no state is left")
            self.b = chosen / chosen.sum()
        elif len(tokens) == 1 and tokens[0].text == "uniform":
            self.b = np.full(len(S), 1 / len(S))
        elif len(tokens) == 1 and (len(S) > 1 or tokens[0].text in S):  # of one state a number is its probability
            self.b = np.zeros(len(S))
            self.b[self.which(tokens[0], S, "states")] = 1
        else:
            self.b = self.numbers(tokens, (len(S),), x.word)
            self.probabilities(self.b, tokens[0])
            total = float(self.b.sum())
            if abs(total - 1) > NEARLY:
                self.fail(tokens[0], f"start: the probabilities sum to {total:.9g}, not to 1")
            self.b /= total if abs(total - 1) > EXACT else 1

    # Transitions, observations, rewards

    def known(self, key: str, word: str, at: Token) -> tuple[Any, ...]:
        if key not in self.labels:
            self.fail(at, f"'{word}:' must come before this")
        found: tuple[Any, ...] = self.labels[key]
        return found

    def prepare(self, at: Token) -> None:
        """Make the arrays, once all headers are read."""
        for word in HEADERS:
            if word not in self.seen:
                self.fail(at, f"'{word}:' must come before this")
        if self.T is not None:
            return
        sizes = [[len(x) for x in self.labels[key]] for key in "AΩ"]
        S, (A, Ω) = len(self.labels["S"]), (math.prod(x) for x in sizes)
        for name, size in (("T", A * S * S), ("O", A * S * Ω)):
            if size > MOST:
                said = f"{S:,} states, {A:,} joint actions and {Ω:,} joint observations"
                self.fail(at, f"{said} make {size:,} numbers in {name}: must be at most {MOST:,}")
        self.T, self.O, self.R = np.zeros((A, S, S)), np.zeros((A, S, Ω)), np.zeros((A, S))
        self.rows, self.words = {name: np.zeros((A, S), dtype=np.intp) for name in "TO"}, [at]

    def which(self, token: Token, labels: Sequence[Any], word: str) -> list[int]:
        """The indices that a name, a number or `*` stands for."""
        if token.text == "*":
            return list(range(len(labels)))
        if token.text in labels:
            return [labels.index(token.text)]
        if is_whole(token.text) and int(token.text[:12]) < len(labels):
            return [int(token.text[:12])]
        known = [x for x in labels if isinstance(x, str)]
        self.fail(token, f"{shortened(token.text)} is none of the {len(labels)} {word}{suggestion(token.text, known)}")

    def jointly(self, tokens: Sequence[Token], key: str, at: Token) -> list[int]:
        """The joint indices that names, numbers or `*` of all agents stand for, or one of them for all."""
        lists, word = self.labels[key], {"A": "actions", "Ω": "observations"}[key]
        sizes = [len(x) for x in lists]
        if len(tokens) == 1 and len(lists) > 1:
            return self.which(tokens[0], range(math.prod(sizes)), f"joint {word}")
        if len(tokens) != len(lists):
            self.fail(tokens[-1] if tokens else at, f"{len(tokens)} {word}: must be {len(lists)}, one of each agent")
        parts = [self.which(token, labels, word) for token, labels in zip(tokens, lists, strict=True)]
        return [int(np.ravel_multi_index(x, sizes)) for x in product(*parts)]

    def state(self, field: Sequence[Token], at: Token) -> list[int]:
        if len(field) != 1:
            self.fail(field[1] if field else at, "one state is expected")
        return self.which(field[0], self.labels["S"], "states")

    def statement_T(self, x: Statement) -> None:
        self.table(x, "T", lambda field: self.state(field, x.word))

    def statement_O(self, x: Statement) -> None:
        self.table(x, "O", lambda field: self.jointly(field, "Ω", x.word))

    def table(self, x: Statement, name: str, last: Any) -> None:
        """T or O: after the joint action and a state a number, or a word for a row or a matrix."""
        array: Array = getattr(self, name)
        S, n = array.shape[1:]
        fields, data = self.split(x, 3)
        at = [self.jointly(fields[0], "A", x.word), list(range(S))]
        if len(fields) > 1:
            at[1] = self.state(fields[1], x.word)
        self.rows[name][np.ix_(*at)] = len(self.words)
        self.words.append(x.word)
        whole = data[0].text if len(data) == 1 and len(fields) < 3 else ""
        if whole == "uniform":
            array[np.ix_(*at)] = 1 / n
        elif whole == "identity":
            if n != S or len(fields) > 1:
                self.fail(data[0], "identity is a matrix with as many columns as states")
            array[np.ix_(*at)] = np.eye(S)
        else:
            p = self.numbers(data, [(S, n), (n,), ()][len(fields) - 1], x.word)
            self.probabilities(p, data[0])
            array[np.ix_(*at, *map(last, fields[2:]))] = p

    def statement_R(self, x: Statement) -> None:
        fields, data = self.split(x, 4)
        if len(fields) < 2:
            self.fail(x.word, "R: a joint action and a state are needed")
        S, Ω = self.O.shape[1:]
        at = [self.jointly(fields[0], "A", x.word), self.state(fields[1], x.word), list(range(S)), list(range(Ω))]
        if len(fields) > 2:
            at[2] = self.state(fields[2], x.word)
        if len(fields) > 3:
            at[3] = self.jointly(fields[3], "Ω", x.word)
        r = self.numbers(data, [(S, Ω), (Ω,), ()][len(fields) - 2], x.word)
        if self.paid is None and not r.shape and len(at[2]) == S and len(at[3]) == Ω:
            self.R[np.ix_(*at[:2])] = r
            return
        if self.paid is None:
            size = self.R.size * S * Ω
            if size > MOST:
                self.fail(x.word, f"{size:,} rewards of next states and observations: must be at most {MOST:,}")
            self.paid = np.broadcast_to(self.R[:, :, None, None], (*self.R.shape, S, Ω)).copy()
        self.paid[np.ix_(*at)] = r

    def split(self, x: Statement, most: int) -> tuple[list[list[Token]], list[Token]]:
        """The positions of a statement, at most so many, and its numbers."""
        fields = [list(part) for part in x.fields]
        data = [token for line in x.below for token in line]
        if fields and not fields[-1]:
            fields.pop()
        elif len(fields) > most or (fields and not data):
            data = [*fields.pop(), *data]
        if not fields or not all(fields):
            self.fail(x.word, f"{x.word.text}: a joint action is needed, and nothing may be left out between colons")
        if len(fields) > most:
            self.fail(fields[most][0], f"{x.word.text}: at most {most} positions stand before the number")
        if not data:
            self.fail(fields[-1][-1], f"{x.word.text}: a number, numbers, uniform or identity is missing")
        return fields, data

    # Numbers

    def number(self, token: Token) -> float:
        x = plain_number(token.text)
        if math.isnan(x):
            self.fail(token, f"{shortened(token.text)} stands where a number is expected")
        return x

    def numbers(self, tokens: Sequence[Token], shape: tuple[int, ...], at: Token) -> Array:
        found = [self.number(x) for x in tokens]
        if len(found) != math.prod(shape):
            self.fail(tokens[-1] if tokens else at, f"{len(found)} numbers: must be {math.prod(shape)}")
        return np.array(found).reshape(shape)

    def probabilities(self, p: Array, at: Token) -> None:
        if p.min() < 0 or p.max() > 1 + NEARLY:
            self.fail(at, f"{p.min() if p.min() < 0 else p.max():g}: must be a probability")

    def built(self) -> DecPOMDP:
        assert self.T is not None
        for name in "TO":
            x: Array = getattr(self, name)
            sums = x.sum(axis=2)
            for a, s in np.argwhere(abs(sums - 1) > NEARLY).tolist()[:1]:
                where = f"{name} of joint action {a} and state {s}"
                self.fail(self.words[self.rows[name][a, s]], f"{where} sums to {sums[a, s]:.9g}, not to 1")
            off = abs(sums - 1) > EXACT
            x[off] /= sums[off][:, None]
        R = self.R
        if self.paid is not None:
            first = self.paid[:, :, :1, :1]
            same = (self.paid == first).all(axis=(2, 3))  # then rounding need not touch it
            expected = np.einsum("ast,ato,asto->as", self.T, self.O, self.paid, optimize=True)
            R = np.where(same, first[:, :, 0, 0], expected)
        S, A, Ω = self.labels["S"], self.labels["A"], self.labels["Ω"]
        sizes = [len(x) for x in A]
        T = self.T.transpose(1, 0, 2).reshape(len(S), *sizes, len(S))
        O = self.O.reshape(*sizes, len(S), *(len(x) for x in Ω))
        R = (self.sign * R).T.reshape(len(S), *sizes) + 0.0
        return DecPOMDP(self.γ, self.labels["I"], S, A, Ω, T, O, R, b=self.b)


def _fields(tokens: Sequence[Token]) -> list[list[Token]]:
    """The fields between the colons."""
    ends = [k for k, token in enumerate(tokens) if token.text == ":"]
    return [list(tokens[i + 1 : j]) for i, j in zip([-1, *ends], [*ends, len(tokens)], strict=True)]
