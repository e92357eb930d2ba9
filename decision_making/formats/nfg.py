"""Simple games in Gambit's format for normal form games, .nfg: read, and written in both of its versions.

The payoff version lists the payoffs of all agents, joint action by joint action, the first agent's action changing
fastest; the outcome version lists named vectors of payoffs, and then one number of an outcome for each joint action, 0
for none. Numbers are whole, decimal or fractions such as 1/3; commas and white space only separate.
Source: the documentation of Gambit 16, game representation formats.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from decision_making.checks import Array, shortened
from decision_making.files import write_whole
from decision_making.formats.text import is_whole, read_text
from decision_making.simple_game import SimpleGame, check_game

MOST = 5_000_000  # payoffs of a game beyond which it is refused
TOKEN = re.compile(r'[\s,]+|(?P<string>"(?:[^"\\]|\\.)*")|(?P<brace>[{}])|(?P<word>[^\s,{}"]+)', re.DOTALL)
NUMBER = re.compile(r"[+-]?(?:\d{1,300}/\d{1,300}|(?:\d{1,300}\.?\d{0,300}|\.\d{1,300})(?:[eE][+-]?\d{1,4})?)")


class Token(NamedTuple):
    """A word, number, brace or quoted text, and where it begins."""

    text: str
    kind: str  # "string", "brace" or "word"; "end" after the last
    at: int


def read_nfg(path: Path | str) -> SimpleGame:
    """The simple game in an .nfg file; agents and actions have the names that it gives them.

    Where the names of a list are missing or not all different, the numbers 1, 2, … are the names. Raises OSError where
    it cannot be read; ValueError, naming file, line and column, for an unexpected word or number of payoffs, for
    payoffs that are not finite numbers, and for more than 5 million payoffs.
    """
    return parse_nfg(read_text(path), str(path))


def parse_nfg(text: str, name: str = "text") -> SimpleGame:
    """The simple game that a text in the format describes; errors are those of `read_nfg` and begin with `name`.

    >>> P = parse_nfg('NFG 1 R "dinner or movie" { "she" "he" } { 2 2 } 2 1 0 0 0 0 1 2')
    >>> P, P.R(("1", "1"))
    (SimpleGame(γ=1, 2 agents, 2 x 2 actions), array([2., 1.]))
    """
    return _Parser(text, name).game()


class _Parser:
    def __init__(self, text: str, name: str):
        self.text, self.name, self.end = text, name, 0
        self.token = self.next()

    def fail(self, said: str, at: int | None = None) -> NoReturn:
        at = self.token.at if at is None else at
        line = self.text.count("\n", 0, at) + 1
        column = at - self.text.rfind("\n", 0, at)
        raise ValueError(f"{self.name}:{line}:{column}: {said}")

    def next(self) -> Token:
        """The token after the last one that was made."""
        while self.end < len(self.text):
            found = TOKEN.match(self.text, self.end)
            if found is None:
                self.fail("a quoted text does not end", self.end)
            at, self.end = self.end, found.end()
            if found.lastgroup is not None:
                return Token(found.group(), found.lastgroup, at)
        return Token("", "end", len(self.text))

    def take(self, kind: str, wanted: str, text: str = "") -> Token:
        """This token, if it has this kind and text; the next one becomes the current one."""
        token = self.token
        if token.kind != kind or (text and token.text != text):
            stands = "the file ends" if token.kind == "end" else f"{shortened(token.text)} stands"
            self.fail(f"{stands} where {wanted} is expected")
        self.token = self.next()
        return token

    def is_brace(self, text: str) -> bool:
        return self.token.kind == "brace" and self.token.text == text

    def string(self, wanted: str) -> str:
        return re.sub(r"\\(.)", r"\1", self.take("string", wanted).text[1:-1], flags=re.DOTALL)

    def whole(self, wanted: str, least: int, most: int) -> int:
        token = self.take("word", wanted)
        short = is_whole(token.text) and len(token.text) <= 12
        if not (short and least <= int(token.text) <= most):
            self.fail(f"{shortened(token.text)}: must be a whole number from {least} to {most:,}", token.at)
        return int(token.text)

    def number(self, wanted: str) -> float:
        token = self.take("word", wanted)
        if not (NUMBER.fullmatch(token.text) and token.text.isascii()):
            self.fail(f"{shortened(token.text)}: must be a number such as 2, -0.5 or 1/3", token.at)
        upper, _, lower = token.text.partition("/")
        try:
            x = int(upper) / int(lower) if lower else float(upper)
        except (ZeroDivisionError, OverflowError):
            x = math.inf
        if not math.isfinite(x):
            self.fail(f"{shortened(token.text)}: must be a finite number", token.at)
        return x

    def game(self) -> SimpleGame:
        self.take("word", "NFG", "NFG")
        self.take("word", "the version 1", "1")
        if self.token.text not in ("R", "D"):
            self.fail(f"{shortened(self.token.text)} stands where R or D is expected")
        self.take("word", "R or D")
        self.string("a title in quotes")
        agents = self.strings("the name of an agent in quotes")
        if not agents:
            self.fail("at least one agent is expected")
        A = self.actions(len(agents))
        sizes = [len(Ai) for Ai in A]
        if self.token.kind == "string":
            self.string("a comment")
        R = self.outcomes(sizes) if self.is_brace("{") else self.payoffs(sizes)
        if self.token.kind != "end":
            self.fail(f"{shortened(self.token.text)} stands where the file should end")
        return SimpleGame(1.0, named(agents), [named(Ai) for Ai in A], R)

    def strings(self, wanted: str) -> list[str]:
        self.take("brace", "{", "{")
        found = []
        while not self.is_brace("}"):
            found.append(self.string(f"{wanted}, or }},"))
        self.take("brace", "}", "}")
        return found

    def actions(self, n: int) -> list[Sequence[str]]:
        """The names of each agent's actions, or how many there are."""
        self.take("brace", "{", "{")
        found: list[Sequence[str]] = []
        at = self.token.at
        while not self.is_brace("}"):
            at = self.token.at
            if self.is_brace("{"):
                found.append(self.strings("the name of an action in quotes"))
            else:
                found.append([""] * self.whole("a list of actions, or their number,", 1, MOST))
            if not found[-1]:
                self.fail("at least one action is expected", at)
            if math.prod(map(len, found)) * n > MOST:
                self.fail(f"{math.prod(map(len, found)):,} joint actions of {n} agents are too many", at)
        if len(found) != n:
            self.fail(f"actions of {len(found)} agents: must be of {n}", at)
        self.take("brace", "}", "}")
        return found

    def payoffs(self, sizes: list[int]) -> Array:
        n = len(sizes)
        flat = np.array([self.number(f"one of {math.prod(sizes) * n} payoffs") for _ in range(math.prod(sizes) * n)])
        return flat.reshape(*reversed(sizes), n).transpose()

    def outcomes(self, sizes: list[int]) -> Array:
        n = len(sizes)
        self.take("brace", "{", "{")
        table = [[0.0] * n]
        while not self.is_brace("}"):
            self.take("brace", "an outcome in braces", "{")
            if self.token.kind == "string":
                self.string("the name of an outcome")
            table.append([self.number(f"one of {n} payoffs") for _ in range(n)])
            self.take("brace", "}", "}")
        self.take("brace", "}", "}")
        chosen = [self.whole("the number of an outcome", 0, len(table) - 1) for _ in range(math.prod(sizes))]
        return np.array(table)[chosen].reshape(*reversed(sizes), n).transpose()


def named(names: Sequence[str]) -> list[str]:
    """These names where all are given and different, else the numbers 1, 2, …."""
    good = len(set(names)) == len(names) and all(names)
    return list(names) if good else [str(k) for k in range(1, len(names) + 1)]


def nfg_text(P: SimpleGame, *, title: str = "", outcomes: bool = False) -> str:
    """P in the format, every number in full: `parse_nfg` gives the same payoffs, and the same names as texts.

    With outcomes=True the outcome version, which lists each vector of payoffs once. Raises TypeError unless P is a
    simple game, ValueError for a batch of games.
    """
    check_game(P)
    if P.batch:
        raise ValueError(f"P is a batch {P.batch} of games: a file holds one")
    lists = " ".join("{ " + " ".join(quoted(str(a)) for a in Ai) + " }" for Ai in P.A)
    head = [f"NFG 1 R {quoted(title)} {{ {' '.join(quoted(str(i)) for i in P.I)} }}", f"{{ {lists} }}", '""', ""]
    rows = P.R.array.transpose().reshape(-1, P.n)  # the first agent's action changes fastest
    if not outcomes:
        return "\n".join([*head, " ".join(" ".join(map(short, row)) for row in rows.tolist())]) + "\n"
    different, which = np.unique(rows, axis=0, return_inverse=True)
    table = [f'{{ "" {", ".join(map(short, row))} }}' for row in different.tolist()]
    return "\n".join([*head, "{", *table, "}", " ".join(str(k + 1) for k in which.ravel().tolist())]) + "\n"


def write_nfg(P: SimpleGame, path: Path | str, *, title: str = "", outcomes: bool = False) -> None:
    """Write P as an .nfg file, whole or not at all; options and errors of `nfg_text`. OSError where that fails."""
    write_whole(path, nfg_text(P, title=title, outcomes=outcomes).encode("utf-8"))


def quoted(text: Any) -> str:
    """A text in quotes, with a backslash before each quote and backslash within it."""
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def short(x: float) -> str:
    """A number with all its digits; whole ones without a point."""
    return str(int(x)) if x == int(x) and abs(x) < 2**53 else repr(x)
