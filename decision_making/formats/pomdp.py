"""POMDPs in Cassandra's format, .pomdp, read into a tabular `POMDP`; `formats.pomdp_text` writes them.

Lines may come in any order after the preamble, and later ones override earlier ones; `*` is every state, action or
observation; these may be given by name or by number from 0. R(s, a) is the expectation of the file's rewards over next
states and observations. Source: A. R. Cassandra, the grammar of pomdp-solve.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict, deque
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from decision_making.checks import Array, shortened, suggestion
from decision_making.formats.text import EXACT, MOST, NEARLY, is_whole, plain_number, read_text
from decision_making.pomdp import POMDP

WORK = 10_000_000  # rows and numbers that a file may set; a wildcard counts as all it stands for
PAID = 1_000_000_000  # rewards of next states and observations that may have to be averaged
SECTIONS = {"states": "S", "actions": "A", "observations": "Ω"}
WORDS = ("discount", "values", *SECTIONS, "start", "T", "O", "R")
TOKEN = re.compile(r"[^\s:]+|:")

Row = dict[int, float]  # what is not 0


class Token(NamedTuple):
    """A word of the file and its line."""

    text: str
    line: int


class Payment(NamedTuple):
    """The rewards in an R statement for these next states and observations: a number, a row (Ω,) or a matrix (S, Ω)."""

    s_next: range
    o: range
    r: Array


def _tokens(text: str) -> Iterator[Token]:
    """The words of a text, one after the other: a list of them may be a hundred times as large as the text."""
    for i, line in enumerate(StringIO(text, newline=None), start=1):
        for found in TOKEN.finditer(line.partition("#")[0]):
            yield Token(found.group(), i)


def read_pomdp(path: Path | str) -> POMDP:
    """The tabular POMDP in a .pomdp file; `names` has its names of states, actions and observations.

    Rows whose sum differs from 1 by at most 1e-5 are divided by it. Raises OSError where it cannot be read; ValueError,
    naming file and line, for unknown words, names and numbers, rows of the wrong length, negative or missing
    probabilities, more than 20 million numbers in an array, and more than 10 million that are set.
    """
    return parse_pomdp(read_text(path), str(path))


def parse_pomdp(text: str, name: str = "text") -> POMDP:
    """The tabular POMDP that a text in the format describes; errors are those of `read_pomdp` and begin with `name`.

    >>> P = parse_pomdp('''
    ... discount: 0.95
    ... values: reward
    ... states: left right
    ... actions: listen
    ... observations: 2
    ... T: listen identity
    ... O: listen
    ... 0.85 0.15
    ... 0.15 0.85
    ... R: listen : * : * : * -1
    ... ''')
    >>> P, P.names["S"], float(P.O(0, 1, 1))
    (POMDP(γ=0.95, 2 states, 1 actions, 2 observations), ('left', 'right'), 0.85)
    """
    return _Parser(text, name).problem()


class _Parser:
    def __init__(self, text: str, name: str):
        self.tokens, self.ahead = _tokens(text), deque[Token]()
        self.name, self.line, self.work = name, 1, 0  # line: of the last word taken
        self.given: dict[str, tuple[str, ...] | int] = {}
        self.places: dict[str, dict[str, int]] = {}  # of the names
        self.γ: float | None = None
        self.sign = 1.0
        self.b: Array | None = None
        self.rows: dict[str, dict[tuple[int, int], Row]] = {"T": {}, "O": {}}  # by action and state
        self.lines: dict[str, dict[tuple[int, int], int]] = {"T": {}, "O": {}}  # which said them last
        self.payments: dict[tuple[int, int], list[Payment]] = defaultdict(list)

    def fail(self, line: int, said: str) -> NoReturn:
        raise ValueError(f"{self.name}:{line}: {said}")

    def peek(self, ahead: int = 0) -> str:
        while len(self.ahead) <= ahead:
            token = next(self.tokens, None)
            if token is None:
                return ""
            self.ahead.append(token)
        return self.ahead[ahead].text

    def take(self, wanted: str = "") -> Token:
        if not self.peek():
            self.fail(self.line, f"the file ends where {wanted or 'more'} is expected")
        token = self.ahead.popleft()
        self.line = token.line
        if wanted == ":" and token.text != ":":
            self.fail(token.line, f"{shortened(token.text)} stands where ':' is expected")
        return token

    def begins(self, ahead: int = 0) -> bool:
        """Whether a statement begins here, or nothing is left."""
        word, following = self.peek(ahead), self.peek(ahead + 1)
        return (
            not word
            or (word in WORDS and following == ":")
            or (word == "start" and following in ("include", "exclude"))
        )

    def words(self) -> list[Token]:
        """The words before the next statement."""
        found = []
        while not self.begins():
            found.append(self.take())
        return found

    def charge(self, n: int, line: int) -> None:
        """Count n rows and numbers before they are set."""
        self.work += n
        if self.work > WORK:
            self.fail(line, f"with this, {self.work:,} rows and numbers are set: must be at most {WORK:,}")

    def problem(self) -> POMDP:
        while self.peek():
            word = self.take()
            if word.text not in WORDS:
                self.fail(word.line, f"{shortened(word.text)} begins no statement{suggestion(word.text, WORDS)}")
            how = self.take().text if word.text == "start" and self.peek() in ("include", "exclude") else ""
            self.take(":")
            if word.text in SECTIONS:
                self.section(word)
            elif word.text == "discount":
                self.γ = self.number(self.take("a number"))
            elif word.text == "values":
                self.values(self.take("reward or cost"))
            elif word.text == "start":
                self.start(word, how)
            else:
                self.statement(word)
        return self.built()

    def section(self, word: Token) -> None:
        """A list of names, or how many there are."""
        found = self.words()
        key = SECTIONS[word.text]
        if not found:
            self.fail(word.line, f"{word.text}: names or a number are missing")
        if len(found) == 1 and is_whole(found[0].text):
            n = int(found[0].text[:12])
            self.given[key] = n
        else:
            names = tuple(x.text for x in found)
            if len(set(names)) < len(names) or ":" in names or "*" in names:
                self.fail(word.line, f"{word.text}: names must differ, and be neither ':' nor '*'")
            n, self.given[key], self.places[key] = len(names), names, {x: i for i, x in enumerate(names)}
        if not 1 <= n <= MOST:
            self.fail(word.line, f"{word.text}: {n} of them: must be from 1 to {MOST:,}")

    def values(self, word: Token) -> None:
        if word.text not in ("reward", "cost"):
            self.fail(word.line, f"values: {shortened(word.text)}: must be reward or cost")
        self.sign = 1.0 if word.text == "reward" else -1.0

    def size(self, key: str, line: int) -> int:
        if key not in self.given:
            word = next(x for x, y in SECTIONS.items() if y == key)
            self.fail(line, f"'{word}:' must come before this")
        x = self.given[key]
        return x if isinstance(x, int) else len(x)

    def number(self, token: Token) -> float:
        x = plain_number(token.text)
        if math.isnan(x):
            self.fail(token.line, f"{shortened(token.text)} stands where a number is expected")
        return x

    def probability(self, token: Token) -> float:
        p = self.number(token)
        if not 0 <= p <= 1 + NEARLY:
            self.fail(token.line, f"{token.text}: must be a probability")
        return p

    def which(self, key: str) -> tuple[range, int]:
        """A name, a number or `*`: the indices it stands for, and its line."""
        token = self.take("a name")
        n, names = self.size(key, token.line), self.places.get(key, {})
        if token.text == "*":
            return range(n), token.line
        if token.text in names:
            i = names[token.text]
        elif is_whole(token.text) and int(token.text[:12]) < n:
            i = int(token.text[:12])
        else:
            word = next(x for x, y in SECTIONS.items() if y == key)
            self.fail(token.line, f"{shortened(token.text)} is none of the {n} {word}{suggestion(token.text, names)}")
        return range(i, i + 1), token.line

    def start(self, word: Token, how: str) -> None:
        n = self.size("S", word.line)
        if how or (self.peek() == "uniform"):
            chosen = np.full(n, not how or how == "exclude")
            if not how:
                self.take()
            while how and not self.begins():
                chosen[self.which("S")[0]] = how == "include"
            if not chosen.any():
                self.fail(word.line, "start: no state is left")
            self.b = chosen / chosen.sum()
            return
        self.b = np.zeros(n)
        if self.begins(1) and (n > 1 or self.peek() in self.places.get("S", {})):  # of one state a number is its own
            self.b[self.which("S")[0]] = 1
        else:
            row = self.row(n, word)
            self.b[list(row)] = list(row.values())

    def row(self, n: int, word: Token) -> Row:
        """n probabilities, or a word for them, as a row."""
        how = self.peek() if self.peek() in ("uniform", "reset") else ""
        if not how:
            found = (self.probability(self.take(f"{n} probabilities")) for _ in range(n))
            return {i: p for i, p in enumerate(found) if p}
        token = self.take()
        self.charge(n, word.line)
        if how == "uniform":
            return dict.fromkeys(range(n), 1 / n)
        if self.b is None or len(self.b) != n:
            self.fail(token.line, "reset needs a start distribution before it")
        return {i: p for i, p in enumerate(self.b.tolist()) if p}

    def statement(self, word: Token) -> None:
        """T, O or R, with one to four positions before the numbers."""
        line, kinds = word.line, {"T": "ASS", "O": "ASΩ", "R": "ASSΩ"}[word.text]
        sizes = [self.size(k, line) for k in "ASΩ"]
        if sizes[0] * sizes[1] > MOST or math.prod(sizes) > MOST:
            self.fail(line, f"{sizes[1]} states, {sizes[0]} actions and {sizes[2]} observations are too many")
        at = [self.which(kinds[0])[0]]
        while self.peek() == ":" and len(at) < len(kinds):
            self.take()
            at.append(self.which(kinds[len(at)])[0])
        if word.text == "R":
            self.reward(at, kinds)
        else:
            self.probabilities(word, at, self.size(kinds[2], line))

    def probabilities(self, word: Token, at: list[range], n: int) -> None:
        n_states, line = self.size("S", word.line), word.line
        states = at[1] if len(at) > 1 else range(n_states)
        if len(at) == 3:
            p = self.probability(self.take("a probability"))
            self.charge(len(at[0]) * len(states) * (1 + (len(at[2]) if p else 0)), line)
            for s in states:
                self.change(word, at[0], s, at[2], p, n)
            return
        whole = self.peek() if len(at) == 1 and self.peek() in ("identity", "uniform") else ""
        if whole:
            token = self.take()
            if whole == "identity" and n != n_states:
                self.fail(token.line, "identity needs as many observations as states")
            self.charge(len(at[0]) * n_states * (2 if whole == "identity" else 1 + n), line)
        elif len(at) == 2:
            same = self.row(n, word)
            self.charge(len(at[0]) * len(states) * (1 + len(same)), line)
        for s in states:
            if whole:
                row = {s: 1.0} if whole == "identity" else dict.fromkeys(range(n), 1 / n)
            elif len(at) == 2:
                row = same
            else:
                row = self.row(n, word)
                self.charge(len(at[0]) * (1 + len(row)), line)
            for a in at[0]:
                self.rows[word.text][a, s] = dict(row)
                self.lines[word.text][a, s] = line

    def change(self, word: Token, actions: range, s: int, which: range, p: float, n: int) -> None:
        """Some entries of the rows of a state."""
        for a in actions:
            row = self.rows[word.text].setdefault((a, s), {})
            if p:
                row.update(dict.fromkeys(which, p))
            elif len(which) == n:
                row.clear()
            else:
                row.pop(which[0], None)
            self.lines[word.text][a, s] = word.line

    def reward(self, at: list[range], kinds: str) -> None:
        n_next, n_seen = self.size("S", 0), self.size("Ω", 0)
        if len(at) < 2:
            self.fail(self.line, "R: an action and a state are needed")
        shape = ((n_next, n_seen), (n_seen,), ())[len(at) - 2]
        numbers = [
            self.number(self.take(f"{n_seen} numbers" if shape else "a number")) for _ in range(math.prod(shape))
        ]
        at += [range(n_next), range(n_seen)][len(at) - 2 :]
        self.charge(len(at[0]) * len(at[1]), self.line)
        paid = Payment(at[2], at[3], np.array(numbers).reshape(shape))
        for a in at[0]:
            for s in at[1]:
                self.payments[a, s].append(paid)

    def built(self) -> POMDP:
        S, A, Ω = (self.size(k, self.line) for k in "SAΩ")
        if self.γ is None or not 0 <= self.γ <= 1:
            self.fail(self.line, f"discount = {self.γ}: must be given, a number from 0 to 1")
        from scipy.sparse import csr_array

        indptr = [0]
        columns: list[int] = []
        p: list[float] = []
        O = np.zeros((A, S, Ω))
        for s in range(S):
            for a in range(A):
                row = self.normalised("T", a, s)
                columns += row.keys()
                p += row.values()
                indptr.append(len(columns))
        for s in range(S):
            for a in range(A):
                seen = self.normalised("O", a, s)
                O[a, s, list(seen)] = list(seen.values())
        T = csr_array((p, columns, indptr), (S * A, S))
        R = self.rewards(T, O)
        dense = S * A * S <= 1_000_000
        names = {k: x if not isinstance(x, int) else tuple(map(str, range(x))) for k, x in self.given.items()}
        b = None if self.b is None else self.b / self.start_sum()
        return POMDP.from_arrays(T.toarray().reshape(S, A, S) if dense else T, R, O, self.γ, b=b, names=names)

    def rewards(self, T: Any, O: Array) -> Array:
        """Expected rewards (S, A) of transitions T (S·A, S), sparse, and observations O (A, S, Ω)."""
        A, S, Ω = O.shape
        R, work = np.zeros((S, A)), 0
        for (a, s), payments in self.payments.items():
            i = slice(*T.indptr[[s * A + a, s * A + a + 1]])
            after, weight = T.indices[i], T.data[i]
            work += len(after) * Ω * len(payments)
            if work > PAID:
                self.fail(self.line, f"R: more than {PAID:,} rewards of next states and observations")
            paid = np.zeros((len(after), Ω))
            for s_next, o, r in payments:
                if r.ndim == 2:
                    paid[:] = r[after]
                else:
                    paid[slice(None) if len(s_next) == S else after == s_next[0], o.start : o.stop] = r
            certain = (paid == paid[0, 0]).all()  # then rounding need not touch it
            R[s, a] = self.sign * (paid[0, 0] if certain else (weight[:, None] * O[a, after] * paid).sum())
        return R

    def start_sum(self) -> float:
        """By what the start is divided: 1 where its sum misses 1 by rounding alone."""
        total = float(self.b.sum()) if self.b is not None else 1.0
        if abs(total - 1) > NEARLY:
            self.fail(self.line, f"start: the probabilities sum to {total:.9g}, not to 1")
        return total if abs(total - 1) > EXACT else 1.0

    def normalised(self, what: str, a: int, s: int) -> Row:
        row = self.rows[what].get((a, s), {})
        total = math.fsum(row.values())
        if abs(total - 1) > NEARLY:
            self.fail(
                self.lines[what].get((a, s), self.line),
                f"{what} of action {a} and state {s} sums to {total:.9g}, not to 1",
            )
        scale = 1.0 if abs(total - 1) <= EXACT else total
        return {i: p / scale for i, p in sorted(row.items())}
