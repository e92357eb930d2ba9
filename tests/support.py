"""What tests share: chapter scripts as the command line loads them, and the local model of recorded trajectories."""

from decision_making import cli
from decision_making.sequential_problems.policy_gradient_optimization import evidence


def surrogate(M, π, θ, τs):
    """The local model of an update on recorded trajectories."""
    return evidence(M, π, θ, None, τs)


def scores_and_returns(M, π, θ, τs):
    """Rows (G, R) whose natural direction M wants."""
    return surrogate(M, π, θ, τs).scores_and_returns(M.direction)


def script(number):
    """The script of a chapter as a module; its name on the command line is "7", or "trpo"."""
    return cli.load(cli.chapters()[number])


def judged(chapter, compare, data):
    """Whether every row that `compare` makes of the data agrees with the book."""
    report = chapter.Report("a chapter")
    compare(report, data)
    assert report.rows
    return report.agrees


def assert_described(chapter):
    """Every function has a docstring, and those of the book's examples, figures and exercises are items."""
    computed = {item.compute for item in chapter.ITEMS}
    for name, f in vars(chapter).items():
        if callable(f) and getattr(f, "__module__", "") == chapter.__name__:
            assert f.__doc__, name
            if name.startswith(("example_", "figure", "exercise_")):
                assert f in computed, name


def assert_main_agrees(chapter, out, capsys, figures):
    """main() says that the rows agree, and draws these figures."""
    assert chapter.main(out=out, fast=True, progress=False) == 0
    printed = capsys.readouterr().out
    assert "rows agree" in printed
    assert "DO NOT" not in printed
    for name in figures:
        image = (out / f"{name}.png").read_bytes()
        assert image.startswith(b"\x89PNG")
        assert len(image) > 10_000
