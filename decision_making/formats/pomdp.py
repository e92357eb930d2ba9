"""POMDPs in Cassandra's format, .pomdp: read into a tabular `POMDP`, and written.

Lines may stand in any order after the preamble; later ones override; `*` is every state, action or observation; names
or numbers from 0 are both known. R(s, a) is the expectation of what the file pays for each next state and observation.
Source: A. R. Cassandra, the grammar of pomdp-solve.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from decision_making.checks import Array, shortened, suggestion
from decision_making.files import write_whole
from decision_making.formats.text import is_whole, plain_number, read_text
from decision_making.pomdp import POMDP

NEARLY = 1e-5  # by which a row of a file may miss the sum 1; it is then divided by its sum
EXACT = 1e-9  # by which a row may miss it and is left as it is
MOST = 20_000_000  # numbers in the arrays of a problem beyond which it is refused
SECTIONS = {"states": "S", "actions": "A", "observations": "Ω"}
WORDS = ("discount", "values", *SECTIONS, "start", "T", "O", "R")
TOKEN = re.compile(r"[^\s:]+|:")

Row = dict[int, float]


class Token(NamedTuple):
    """A word of the file and its line."""

    text: str
    line: int


def read_pomdp(path: Path | str) -> POMDP:
    """The tabular POMDP in a .pomdp file; `names` has what it calls states, actions and observations.

    Rows that miss the sum 1 by at most 1e-5 are divided by it. Raises OSError where it cannot be read; ValueError,
    naming file and line, for what is no such file: unknown words, names and numbers, rows of the wrong length, negative
    or missing probabilities, more than 20 million numbers.
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
        lines = enumerate(text.splitlines(), start=1)
        self.tokens = [Token(x, i) for i, line in lines for x in TOKEN.findall(line.partition("#")[0])]
        self.name, self.at = name, 0
        self.given: dict[str, tuple[str, ...] | int] = {}
        self.γ: float | None = None
        self.sign = 1.0
        self.b: Array | None = None
        self.T: dict[tuple[int, int], Row] = {}
        self.O: dict[tuple[int, int], Row] = {}
        self.lines: dict[tuple[str, int, int], int] = {}
        self.rules: dict[tuple[int, int], list[tuple[slice | int, slice | int, float]]] = defaultdict(list)

    def fail(self, line: int, said: str) -> NoReturn:
        raise ValueError(f"{self.name}:{line}: {said}")

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead].text if self.at + ahead < len(self.tokens) else ""

    def take(self, wanted: str = "") -> Token:
        if self.at >= len(self.tokens):
            self.fail(self.tokens[-1].line if self.tokens else 1, f"the file ends where {wanted or 'more'} is expected")
        token = self.tokens[self.at]
        self.at += 1
        if wanted == ":" and token.text != ":":
            self.fail(token.line, f"{shortened(token.text)} stands where ':' is expected")
        return token

    def begins(self) -> bool:
        """Whether a statement begins here."""
        word, following = self.peek(), self.peek(1)
        return (word in WORDS and following == ":") or (word == "start" and following in ("include", "exclude"))

    def words(self) -> list[Token]:
        """What stands before the next statement."""
        found = []
        while self.at < len(self.tokens) and not self.begins():
            found.append(self.take())
        return found

    def problem(self) -> POMDP:
        while self.at < len(self.tokens):
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
            n, self.given[key] = len(names), names
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
        n, names = self.size(key, token.line), self.given[key]
        if token.text == "*":
            return range(n), token.line
        if not isinstance(names, int) and token.text in names:
            i = names.index(token.text)
        elif is_whole(token.text) and int(token.text[:12]) < n:
            i = int(token.text[:12])
        else:
            known = () if isinstance(names, int) else names
            word = next(x for x, y in SECTIONS.items() if y == key)
            self.fail(token.line, f"{shortened(token.text)} is none of the {n} {word}{suggestion(token.text, known)}")
        return range(i, i + 1), token.line

    def start(self, word: Token, how: str) -> None:
        n = self.size("S", word.line)
        if how or (self.peek() == "uniform"):
            chosen = np.full(n, not how or how == "exclude")
            if not how:
                self.take()
            while self.at < len(self.tokens) and how and not self.begins():
                chosen[self.which("S")[0]] = how == "include"
            if not chosen.any():
                self.fail(word.line, "start: no state is left")
            self.b = chosen / chosen.sum()
            return
        if n > 1 and (self.at + 1 >= len(self.tokens) or self.begins_after(1)):
            self.b = (
                np.eye(n)[self.which("S")[0][0]] if n <= 5000 else np.bincount([self.which("S")[0][0]], minlength=n)
            )
            return
        self.b = np.array(list(self.row(n, word).values()))

    def begins_after(self, ahead: int) -> bool:
        self.at += ahead
        found = self.at >= len(self.tokens) or self.begins()
        self.at -= ahead
        return found

    def row(self, n: int, word: Token) -> Row:
        """n probabilities, or a word for them, as a row."""
        if self.peek() == "uniform":
            self.take()
            return dict.fromkeys(range(n), 1 / n)
        if self.peek() == "reset":
            token = self.take()
            if self.b is None or len(self.b) != n:
                self.fail(token.line, "reset needs a start distribution before it")
            return {i: float(p) for i, p in enumerate(self.b)}
        return {i: self.probability(self.take(f"{n} probabilities")) for i in range(n)}

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
        rows = self.T if word.text == "T" else self.O
        n_states = self.size("S", word.line)
        if len(at) == 3:
            p = self.probability(self.take("a probability"))
            for a in at[0]:
                for s in at[1]:
                    rows.setdefault((a, s), {}).update(dict.fromkeys(at[2], p))
                    self.lines[word.text, a, s] = word.line
            return
        states = at[1] if len(at) == 2 else range(n_states)
        whole = self.peek() if len(at) == 1 and self.peek() in ("identity", "uniform") else ""
        if whole:
            token = self.take()
            if whole == "identity" and n != n_states:
                self.fail(token.line, "identity needs as many observations as states")
        if len(at) == 2:
            same = self.row(n, word)
        for s in states:
            if len(at) == 2:
                row = same
            elif whole:
                row = {s: 1.0} if whole == "identity" else dict.fromkeys(range(n), 1 / n)
            else:
                row = self.row(n, word)
            for a in at[0]:
                rows[a, s] = dict(row)
                self.lines[word.text, a, s] = word.line

    def reward(self, at: list[range], kinds: str) -> None:
        n_next, n_seen = self.size("S", 0), self.size("Ω", 0)
        if len(at) < 2:
            self.fail(self.tokens[self.at - 1].line, "R: an action and a state are needed")
        entries: list[tuple[slice | int, slice | int, float]] = []

        def part(x: range, n: int) -> slice | int:
            return slice(None) if len(x) == n else x[0]

        if len(at) == 4:
            entries.append((part(at[2], n_next), part(at[3], n_seen), self.number(self.take("a number"))))
        else:
            for s_next in [part(at[2], n_next)] if len(at) == 3 else list(range(n_next)):
                entries += [(s_next, o, self.number(self.take(f"{n_seen} numbers"))) for o in range(n_seen)]
        for a in at[0]:
            for s in at[1]:
                self.rules[a, s] += entries

    def built(self) -> POMDP:
        end = self.tokens[-1].line if self.tokens else 1
        S, A, Ω = (self.size(k, end) for k in "SAΩ")
        if self.γ is None or not 0 <= self.γ <= 1:
            self.fail(end, f"discount = {self.γ}: must be given, a number from 0 to 1")
        from scipy.sparse import csr_array

        indptr = [0]
        columns: list[int] = []
        p: list[float] = []
        O, R = np.zeros((A, S, Ω)), np.zeros((S, A))
        for s in range(S):
            for a in range(A):
                row = self.normalised("T", self.T, a, s)
                columns += row.keys()
                p += row.values()
                indptr.append(len(columns))
        for s in range(S):
            for a in range(A):
                seen = self.normalised("O", self.O, a, s)
                O[a, s, list(seen)] = list(seen.values())
        for (a, s), rules in self.rules.items():
            i = indptr[s * A + a], indptr[s * A + a + 1]
            after, weight = columns[slice(*i)], np.array(p[slice(*i)])
            paid, place = np.zeros((len(after), Ω)), {x: k for k, x in enumerate(after)}
            for s_next, o, r in rules:
                if isinstance(s_next, slice):
                    paid[:, o] = r
                elif s_next in place:
                    paid[place[s_next], o] = r
            certain = (paid == paid[0, 0]).all()  # then rounding need not touch it
            R[s, a] = self.sign * (paid[0, 0] if certain else (weight[:, None] * O[a, after] * paid).sum())
        T = csr_array((p, columns, indptr), (S * A, S))
        dense = S * A * S <= 1_000_000
        names = {k: x if not isinstance(x, int) else tuple(map(str, range(x))) for k, x in self.given.items()}
        b = None if self.b is None else self.b / self.start_sum()
        return POMDP.from_arrays(T.toarray().reshape(S, A, S) if dense else T, R, O, self.γ, b=b, names=names)

    def start_sum(self) -> float:
        total = float(self.b.sum()) if self.b is not None else 1.0
        if abs(total - 1) > NEARLY:
            self.fail(self.tokens[-1].line, f"start: the probabilities sum to {total:.9g}, not to 1")
        return total

    def normalised(self, what: str, rows: dict[tuple[int, int], Row], a: int, s: int) -> Row:
        row = {i: p for i, p in rows.get((a, s), {}).items() if p}
        total = math.fsum(row.values())
        if abs(total - 1) > NEARLY:
            line = self.lines.get((what, a, s), self.tokens[-1].line)
            self.fail(line, f"{what} of action {a} and state {s} sums to {total:.9g}, not to 1")
        scale = 1.0 if abs(total - 1) <= EXACT else total
        return {i: p / scale for i, p in sorted(row.items())}


def pomdp_text(P: POMDP) -> str:
    """P in the format, every number in full: `parse_pomdp` gives the same arrays. TypeError where it has no lists."""
    P = P.tabulated()
    names = {k: _names(P, k, n) for k, n in (("S", len(P.S)), ("A", len(P.A)), ("Ω", len(P.Ω)))}
    lines = [f"discount: {P.γ!r}", "values: reward"]
    lines += [f"{word}: {' '.join(names[key])}" for word, key in SECTIONS.items()]
    if P.b is not None:
        lines.append("start: " + " ".join(repr(float(x)) for x in P.b))
    for a, T_a in enumerate(P.transitions):
        T = T_a if isinstance(T_a, np.ndarray) else T_a.tocoo()
        entries = (
            zip(*np.nonzero(T), T[np.nonzero(T)], strict=True)
            if isinstance(T, np.ndarray)
            else zip(*T.coords, T.data, strict=True)
        )
        lines += [f"T: {names['A'][a]} : {names['S'][s]} : {names['S'][x]} {float(p)!r}" for s, x, p in entries]
        O = P.O.array[a]
        lines += [
            f"O: {names['A'][a]} : {names['S'][s]} : {names['Ω'][o]} {float(O[s, o])!r}"
            for s, o in np.argwhere(O).tolist()
        ]
        R = P.R.array[:, a]
        lines += [f"R: {names['A'][a]} : {names['S'][s]} : * : * {float(R[s])!r}" for s in np.flatnonzero(R).tolist()]
    return "\n".join(lines) + "\n"


def write_pomdp(P: POMDP, path: Path | str) -> None:
    """Write P as a .pomdp file, whole or not at all. OSError where that is not possible."""
    write_whole(path, pomdp_text(P).encode("utf-8"))


def _names(P: POMDP, key: str, n: int) -> Sequence[str]:
    """The names of P where the format can have them, else numbers with a letter."""
    given = () if P.names is None else tuple(P.names.get(key, ()))
    fit = len(given) == n and len(set(given)) == n and n > 1
    if fit and all(re.fullmatch(r"[A-Za-z][\w-]*", x) and x not in WORDS for x in given):
        return given
    return [f"{key.lower().replace('ω', 'o')}{i}" for i in range(n)]
