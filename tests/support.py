"""What tests share: structs that cannot simulate, derivatives by differences, chapters, local models, memory."""

import math
import re
import tracemalloc

import numpy as np
import pytest

from decision_making import MDP, FunctionPolicy, book
from decision_making.sequential_problems.policy_gradient_optimization import evidence

OVER_STEPS = ["mean", "sum"]
regulator = book.part("book_values.regulator")
UPDATES = [regulator.in_numbers(row) for row in regulator.UPDATES]  # γ, θ, U, ∇U, diag F, restricted, natural, its KL
LINE_SEARCHES = [  # d, γ, θ, ε; natural step, its constraint; result, backtracks, surrogate before and after
    (*row[:-1], *row[-1]) for row in map(regulator.in_numbers, regulator.LINE_SEARCHES)
]
TRUE_UTILITIES = [(float(ε), float(U)) for ε, U in regulator.TRUE_UTILITIES.items()]  # of the first three results


def replayed(Struct, *rest, γ=1.0, **options):
    """A struct for recorded trajectories: its problem cannot be simulated."""

    def TR(s, a, rng):
        raise AssertionError("simulated")

    return Struct(MDP(γ, None, None, None, None, TR), lambda m, rng: np.zeros(m), 1, 1, *rest, **options)


def counting(problem):
    """The problem, and a list of the numbers of states handed to its sampler."""
    rows = []

    def TR(s, a, rng):
        rows.append(len(s))
        return problem.TR(s, a, rng)

    return MDP(problem.γ, None, None, None, None, TR), rows


def unit_normal(*, kl=True):
    """a ~ N(θ, 1) whatever the state: scores a - θ, KL ½ (θ - θ')², which may be withheld."""
    return FunctionPolicy(
        1,
        lambda θ, s, rng: rng.normal(θ[0] + 0 * s),
        lambda θ, a, s: -0.5 * (a - θ[0]) ** 2 - 0.5 * math.log(2 * math.pi),
        (lambda θ, θ_new, s: 0.5 * (θ[0] - θ_new[0]) ** 2 + 0 * s) if kl else None,
    )


def gradient_of(f, θ, h=1e-5):
    """Central differences of fourth order of f, scalar or vector valued; the derivative's axis comes last."""

    def slope(e):
        return (8 * (f(θ + h * e) - f(θ - h * e)) - (f(θ + 2 * h * e) - f(θ - 2 * h * e))) / (12 * h)

    return np.stack([slope(e) for e in np.eye(len(θ))], axis=-1)


def hessian_of(f, θ, h=1e-3):
    """The same of the gradient of f, (n, n)."""
    return gradient_of(lambda x: gradient_of(f, x, h), θ, h)


def surrogate(M, π, θ, τs):
    """The local model of an update on recorded trajectories."""
    return evidence(M, π, θ, None, τs)


def scores_and_returns(M, π, θ, τs):
    """Rows (G, R) whose natural direction M wants."""
    return surrogate(M, π, θ, τs).scores_and_returns(M.direction)


def assert_refused(call, error, said):
    """A call is one error of this type, whose message has `said`, a regular expression."""
    with pytest.raises(error) as raised:
        call()
    assert re.search(said, str(raised.value)), str(raised.value)


def assert_item_agrees(number, name):
    """The item of that name agrees with the book, computed quickly."""
    (item,) = (item for item in table(number).ITEMS if item.name == name)
    assert judged(item.compare, item.compute(**item.fast))


def assert_short(x):
    """What is printed of x fits three lines."""
    assert len(repr(x)) <= 360
    assert "\n" not in repr(x)


def script(number):
    """The script of a chapter as a module; its name on the command line is "7", or "trpo"."""
    return book.script(number)


def table(number):
    """The module that compares it with the book."""
    return book.values(number)


def judged(compare, data):
    """Whether every row that `compare` makes of the data agrees with the book."""
    report = book.part("book_values.report").Report("a chapter")
    compare(report, data)
    assert report.rows
    return report.agrees


def assert_described(chapter, values, figures=None):
    """Every function has a docstring, and the book's examples, figures and exercises are items, with these figures."""
    computed = {item.compute.__name__ for item in values.ITEMS}
    for module in (chapter, values):
        for name, f in vars(module).items():
            if callable(f) and getattr(f, "__module__", "") == module.__name__:
                assert f.__doc__, name
                if name.startswith(("example_", "figure", "exercise_")):
                    assert name in computed, name
    if figures is not None:
        assert sorted(item.file for item in values.ITEMS if item.draw) == sorted(figures)


def assert_main_agrees(values, out, capsys, figures):
    """main() says that the rows agree, and draws these figures."""
    assert values.main(out=out, fast=True, progress=False) == 0
    printed = capsys.readouterr().out
    assert "rows agree" in printed
    assert "DO NOT" not in printed
    for name in figures:
        image = (out / f"{name}.png").read_bytes()
        assert image.startswith(b"\x89PNG")
        assert len(image) > 10_000


def peak(work):
    """What it gives, and the most bytes it had at a time; done once before, so that all parts are loaded."""
    work()
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
