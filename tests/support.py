"""What tests share: chapters and their tables, the regulator's values, the local model of recorded trajectories."""

from decision_making import book
from decision_making.sequential_problems.policy_gradient_optimization import evidence

regulator = book.part("book_values.regulator")
UPDATES = [regulator.in_numbers(row) for row in regulator.UPDATES]  # γ, θ, U, ∇U, diag F, restricted, natural, its KL
LINE_SEARCHES = [  # d, γ, θ, ε; natural step, its constraint; result, backtracks, surrogate before and after
    (*row[:-1], *row[-1]) for row in map(regulator.in_numbers, regulator.LINE_SEARCHES)
]


def surrogate(M, π, θ, τs):
    """The local model of an update on recorded trajectories."""
    return evidence(M, π, θ, None, τs)


def scores_and_returns(M, π, θ, τs):
    """Rows (G, R) whose natural direction M wants."""
    return surrogate(M, π, θ, τs).scores_and_returns(M.direction)


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


def assert_described(chapter, values):
    """Every function has a docstring, and those of the book's examples, figures and exercises are items."""
    computed = {item.compute.__name__ for item in values.ITEMS}
    for module in (chapter, values):
        for name, f in vars(module).items():
            if callable(f) and getattr(f, "__module__", "") == module.__name__:
                assert f.__doc__, name
                if name.startswith(("example_", "figure", "exercise_")):
                    assert name in computed, name


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
