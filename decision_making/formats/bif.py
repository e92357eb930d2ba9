"""Bayesian networks in the interchange format, `.bif`: read and written by the names of variables and states.

    network cancer { }
    variable Smoker { type discrete [ 2 ] { yes, no }; }
    probability ( Smoker ) { table 0.3, 0.7; }
    probability ( Cancer | Pollution, Smoker ) { (low, yes) 0.03, 0.97; default 0.001, 0.999; }

Rows are identified by the names of the parents' states and may come in any order; `default` is used for rows that are
missing. In a `table` of a variable with parents the index of the variable changes slowest, that of the last parent
fastest. Properties are ignored.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import NoReturn

import numpy as np

from decision_making.checks import Array, instance, refuse, shortened, suggestion
from decision_making.files import path_of, write_whole
from decision_making.formats.text import LONGEST, plain_number
from decision_making.probabilistic_reasoning.representation import BayesianNetwork, Factor, Variable
from decision_making.probabilistic_reasoning.representation.factors import check_table
from decision_making.probabilistic_reasoning.representation.networks import wrong_row

TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/)|(?P<quoted>"[^"]*")|(?P<mark>[{}()\[\];,|])|(?P<word>[^\s{}()\[\];,|"]+)""",
    re.DOTALL,
)
PLAIN = re.compile(r"(?!/[/*])[^\s{}()\[\];,|\"]+")


class _Reader:
    """The words of a file one after the other, each with its line, for errors."""

    def __init__(self, text: str, name: str) -> None:
        self.name, self.line = name, 1
        self.tokens = self._tokens(text)
        self.token = next(self.tokens, "")

    def _tokens(self, text: str) -> Iterator[str]:
        """Words, marks and quoted texts, these with one quote in front."""
        at, line = 0, 1
        while at < len(text):
            found = TOKEN.match(text, at)
            self.line = line
            if found is None:
                self.wrong("a text with a closing quote", text[at : at + 20])
            piece = found.group()
            if found.lastgroup != "skip":
                yield '"' + piece[1:-1] if found.lastgroup == "quoted" else piece
            line += piece.count("\n")
            at = found.end()

    def wrong(self, expected: str, found: str | None = None) -> NoReturn:
        """Raise ValueError that names file, line, what is expected and what was found."""
        there = self.token if found is None else found
        shown = repr(there.lstrip('"')[:40]) if there else "the end"
        raise ValueError(f"{self.name}, line {self.line}: {shown} where {expected} must be")

    def next(self) -> str:
        """The current word; the next one becomes the current one."""
        token = self.token
        self.token = next(self.tokens, "")
        return token

    def take(self, mark: str) -> None:
        """Pass over this mark or word of the format. ValueError where another one is found."""
        if self.token.lower() != mark:
            self.wrong(repr(mark))
        self.next()

    def word(self, what: str) -> str:
        """A name or a number, without its quotes."""
        if not self.token or self.token in "{}()[];,|":
            self.wrong(what)
        return self.next().removeprefix('"')

    def words(self, what: str, end: str) -> list[str]:
        """Words up to a mark; commas between them may be missing."""
        found: list[str] = []
        while self.token != end:
            if self.token == ",":
                self.next()
            else:
                found.append(self.word(what))
        self.next()
        return found

    def numbers(self) -> list[float]:
        """Numbers up to a semicolon."""
        line, texts = self.line, self.words("a number", ";")
        found = [plain_number(x) for x in texts]
        if np.isnan(found).any():
            self.line = line
            self.wrong("a finite number", texts[int(np.argmax(np.isnan(found)))])
        return found

    def skip(self) -> None:
        """Pass everything up to a semicolon."""
        while self.token != ";":
            if self.token in ("", "}"):
                self.wrong("';'")
            self.next()
        self.next()


def read_bif(path: Path | str) -> BayesianNetwork:
    """The network of a .bif file, or one packed as .gz.

    Rows that sum to 1 within 1e-6 are scaled. Raises OSError where it cannot be read; ValueError, naming file and line,
    where it does not follow the format, names an unknown variable or state, lacks a row, says something twice, or has a
    row that does not sum to 1; TooLargeError, before it is allocated, for a table of more than 2²⁷ entries.
    """
    path = path_of(path)
    with open(path, "rb") as file:  # once: what comes through a pipe is there once
        data = file.read(LONGEST + 1)
    try:
        if data.startswith(b"\x1f\x8b") and len(data) <= LONGEST:
            with gzip.open(BytesIO(data)) as unpacked:
                data = unpacked.read(LONGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: is not a whole gzip file ({error})") from error
    if len(data) > LONGEST:
        raise ValueError(f"{path}: is longer than {LONGEST} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return parse_bif(text, str(path))


def parse_bif(text: str, name: str = "text") -> BayesianNetwork:
    """The network of a text in the format; `name` stands for the file in errors, which are those of `read_bif`."""
    instance(text, "text", str)
    reader = _Reader(text, name)
    variables: dict[str, Variable] = {}
    declared: dict[str, int] = {}  # on which line each of them begins
    factors: dict[str, Factor] = {}
    later: list[tuple[list[str], _Block]] = []
    named = False
    while reader.token:
        kind = reader.token.lower()
        if kind == "network" and not named:
            named = True
            reader.next()
            while reader.token != "{":
                reader.word("'{'")
            _properties(reader)
        elif kind == "variable":
            line, v = reader.line, _variable(reader)
            if v.name in variables:
                said = f"the variable {v.name} is declared twice, first on line {declared[v.name]}"
                raise ValueError(f"{name}, line {line}: {said}")
            variables[v.name], declared[v.name] = v, line
        elif kind == "probability":
            later.append(_probability(reader))
        else:
            reader.wrong("'variable' or 'probability'" if named else "'network', 'variable' or 'probability'")
    for family, block in later:  # a block may come before the variables that it names
        child, φ = _factor(family, block, variables, name)
        if child in factors:
            raise ValueError(f"{name}, line {block.line}: {child} has a table already")
        factors[child] = φ
    missing = [x for x in variables if x not in factors]
    if missing or not variables:
        raise ValueError(f"{name}: has no table of {', '.join(missing[:6]) or 'anything'}")
    try:
        return BayesianNetwork(list(variables.values()), [factors[x] for x in variables])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _properties(reader: _Reader) -> None:
    reader.take("{")
    while reader.token != "}":
        reader.skip()
    reader.next()


def _variable(reader: _Reader) -> Variable:
    """variable X { type discrete [ k ] { a, b }; property ...; }"""
    reader.next()
    if reader.token == '"':
        reader.wrong("the name of a variable")
    name, states, line = reader.word("the name of a variable"), None, reader.line
    reader.take("{")
    while reader.token != "}":
        if reader.token.lower() != "type":
            reader.skip()
            continue
        reader.next()
        reader.take("discrete")
        size = None
        if reader.token == "[":
            reader.next()
            size = reader.words("a number", "]")
        reader.take("{")
        line = reader.line
        states = reader.words("the name of a state", "}")
        if size is not None and size != [str(len(states))]:
            reader.line = line
            reader.wrong(f"the number of states, {len(states)}", " ".join(size))
        reader.take(";")
    reader.next()
    if not states or len(set(states)) != len(states):
        reader.line = line
        reader.wrong(f"one or more different states of {name}", ", ".join(states or []))
    return Variable(name, len(states), states)


class _Block:
    """The rows of one table as the file has them."""

    def __init__(self, line: int) -> None:
        self.line = line  # where it begins
        self.tables: list[tuple[int, list[float]]] = []  # each with its line, as are the others
        self.defaults: list[tuple[int, list[float]]] = []
        self.rows: list[tuple[int, list[str], list[float]]] = []


def _probability(reader: _Reader) -> tuple[list[str], _Block]:
    """probability ( X | P, Q ) { table ...; default ...; (p, q) ...; property ...; }"""
    block = _Block(reader.line)
    reader.next()
    reader.take("(")
    family = [reader.word("the name of a variable")]
    if reader.token in ("|", ","):
        reader.next()
    family += reader.words("the name of a parent", ")")
    reader.take("{")
    while reader.token != "}":
        line, kind = reader.line, reader.token.lower()
        if kind == "table":
            reader.next()
            block.tables.append((line, reader.numbers()))
        elif kind == "default":
            reader.next()
            block.defaults.append((line, reader.numbers()))
        elif kind == "(":
            reader.next()
            block.rows.append((line, reader.words("the name of a state", ")"), reader.numbers()))
        elif kind == "property":
            reader.skip()
        else:
            reader.wrong("'table', 'default' or a row")
    reader.next()
    return family, block


def _factor(family: list[str], block: _Block, known: dict[str, Variable], file: str) -> tuple[str, Factor]:
    """The child's name and its factor, the parents first."""

    def wrong(said: str, line: int = block.line) -> NoReturn:
        raise ValueError(f"{file}, line {line}: {said}")

    for x in family:
        if x not in known:
            wrong(f"{shortened(x)} is no variable{suggestion(x, known)}")
    if len(set(family)) != len(family):
        wrong(f"{family[0]} has a parent twice, or itself")
    child, *parents = (known[x] for x in family)
    check_table(f"the table of {child.name}, in {file}, line {block.line}", [child, *parents], "use fewer parents")
    shape = [v.r for v in parents]
    values, lines = np.full((*shape, child.r), np.nan), np.full(shape, block.line)
    for what, given in (("default row", block.defaults), ("table", block.tables)):
        if len(given) > 1:
            wrong(f"the {what} of {child.name} is there twice", given[1][0])
    for line, numbers in block.defaults:
        values[...], lines[...] = _row(numbers, child.r, wrong, line), line
    for line, numbers in block.tables:
        if len(numbers) != values.size:
            wrong(f"the table of {child.name} has {len(numbers)} numbers; there must be {values.size}", line)
        values[...], lines[...] = np.moveaxis(np.reshape(numbers, (child.r, *shape)), 0, -1), line
    seen: set[tuple[int, ...]] = set()
    for line, states, numbers in block.rows:
        if len(states) != len(parents):
            wrong(f"a row has {len(states)} states; there must be {len(parents)}, one for each parent", line)
        for v, state in zip(parents, states, strict=True):
            if state not in v.labels:
                wrong(f"{shortened(state)} is no state of {v.name}, {', '.join(v.labels[:12])}", line)
        at = tuple(v.labels.index(state) for v, state in zip(parents, states, strict=True))
        if at in seen or block.tables:
            there = "in its table already" if block.tables else "there twice"
            wrong(f"the row ({', '.join(states)}) of {child.name} is {there}", line)
        seen.add(at)
        values[at], lines[at] = _row(numbers, child.r, wrong, line), line
    absent = np.isnan(values).any(axis=-1)
    if absent.any():
        at = tuple(int(k) for k in np.unravel_index(int(np.argmax(absent)), absent.shape))
        states = [v.labels[k] for v, k in zip(parents, at, strict=True)]
        wrong(f"the table of {child.name} has no row{' (' + ', '.join(states) + ')' if states else ''}")
    try:
        φ = Factor([*parents, child], values)
    except ValueError as error:
        wrong(str(error))
    no_distribution = wrong_row(φ.vars, φ.values)
    if no_distribution is not None:
        place, said = no_distribution
        wrong(said, int(lines[place]))
    return child.name, φ


def _row(numbers: Sequence[float], r: int, wrong: Callable[[str, int], NoReturn], line: int) -> Array:
    """One row, of r numbers."""
    if len(numbers) != r:
        wrong(f"a row has {len(numbers)} numbers; there must be {r}", line)
    return np.asarray(numbers)


def write_bif(bn: BayesianNetwork, path: Path | str, name: str = "unknown") -> None:
    """Write a network, whole or not at all, with all digits, so that `read_bif` gives the same tables, bit for bit.

    A path that ends in .gz is packed. Raises ValueError for a network without variables, and for a name that the format
    cannot hold: one with a quote or a line break in it.
    """
    data = bif_text(bn, name).encode()
    write_whole(path, gzip.compress(data, mtime=0) if path_of(path).suffix == ".gz" else data)


def bif_text(bn: BayesianNetwork, name: str = "unknown") -> str:
    """The text that `write_bif` writes."""
    if not instance(bn, "bn", BayesianNetwork).vars:
        refuse(None, "bn", bn, "a network of one or more variables, for a file")
    lines = [f"network {_name(name)} {{", "}"]
    for v in bn.vars:
        states = ", ".join(map(_name, v.labels))
        lines += [f"variable {_name(v.name)} {{", f"  type discrete [ {v.r} ] {{ {states} }};", "}"]
    for φ in bn.factors:
        *parents, child = φ.vars
        given = f" | {', '.join(_name(v.name) for v in parents)}" if parents else ""
        lines.append(f"probability ( {_name(child.name)}{given} ) {{")
        for at in np.ndindex(φ.values.shape[:-1]):
            row = ", ".join(map(repr, φ.values[at].tolist()))
            states = ", ".join(_name(v.labels[k]) for v, k in zip(parents, at, strict=True))
            lines.append(f"  ({states}) {row};" if parents else f"  table {row};")
        lines.append("}")
    return "\n".join(lines) + "\n"


def _name(text: str) -> str:
    """A name as the file has it: in quotes where it is not plain."""
    if '"' in instance(text, "name", str) or "\n" in text or "\r" in text:
        raise ValueError(f"{text!r}: a name in a .bif file must have no quote and no line break")
    return text if PLAIN.fullmatch(text) and "/*" not in text else f'"{text}"'
