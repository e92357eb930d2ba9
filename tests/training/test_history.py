"""History: its learning curve as a picture."""

import sys

import numpy as np
import pytest

from decision_making import (
    History,
    LinearGaussianPolicy,
    NaturalPolicyUpdate,
    PolicyGradientUpdate,
    train,
)
from decision_making.pictures.curves import curve, figure
from decision_making.problems import SimpleRegulator
from decision_making.training.history import METRICS

matplotlib = pytest.importorskip("matplotlib")
P = SimpleRegulator(0.9)


def trained(updates=5):
    return train(NaturalPolicyUpdate(P, P.b, 5, 20, 0.1), LinearGaussianPolicy(), [0.0, 1.0], rng=0, updates=updates)


def test_plot_is_a_figure_of_mean_returns_against_steps(tmp_path):
    history = trained(200)
    figure = history.plot(tmp_path / "new" / "curve.png", label="natural")
    (line,) = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_xdata(), 100 * np.arange(1, 201))
    means = history["return_mean"]
    expected = [means[max(k - 9, 0) : k + 1].mean() for k in range(200)]
    np.testing.assert_allclose(line.get_ydata(), expected)
    assert figure.axes[0].get_ylabel() == "mean return, smoothed over 10 updates"
    assert line.get_label() == "natural"
    assert (tmp_path / "new" / "curve.png").read_bytes().startswith(b"\x89PNG")


def recorded(returns, episodes):
    """A run of 100 steps an update, with these means of so many episodes."""
    rows = np.full((len(returns), len(METRICS)), np.nan)
    for name, x in (("steps", 100 * np.arange(1, len(returns) + 1)), ("return_mean", returns), ("episodes", episodes)):
        rows[:, METRICS.index(name)] = x
    return History(np.zeros(1), None, rows, np.zeros(0), "stopped", 0)


def test_a_curve_counts_every_update_once_and_is_smoothed_by_the_length_of_the_run():
    """Eighty short episodes of the first updates do not outweigh the four long ones of the last."""
    (ax,) = recorded([20, 100, 500], [80, 20, 4]).plot().axes
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [20, 100, 500])
    assert ax.get_ylabel() == "mean return of an update's episodes"

    returns = np.arange(59.0)  # 59 updates: over two of them
    returns[[3, 57]] = np.nan  # no episode ended there
    (ax,) = recorded(returns, np.where(np.isnan(returns), 0, np.arange(59, 0, -1))).plot().axes
    some = returns[np.isfinite(returns)]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [0, *(some[1:] + some[:-1]) / 2])
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), 100 * (some + 1))
    assert ax.get_ylabel() == "mean return, smoothed over 2 updates"


def test_curves_of_runs_of_different_lengths_say_over_how_many_updates_at_least_and_at_most():
    curves = [curve({name: recorded(np.ones(n), 1)[name] for name in METRICS}) for n in (9, 20, 39, 40, 199, 200, 999)]
    assert [x.updates for x in curves] == [1, 1, 1, 2, 9, 10, 10]
    (ax,) = figure([("a", curves[1:4]), ("b", curves[6:])]).axes
    assert ax.get_ylabel() == "mean return, smoothed over 1 to 10 updates"


def test_plot_leaves_the_style_and_the_windows_of_matplotlib_alone():
    before = dict(matplotlib.rcParams)
    history = trained(2)
    assert history.plot().canvas.manager is None
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("episodes", [0, 3])
def test_plot_of_a_run_without_an_ended_episode_says_so(episodes):
    rows = np.full((episodes, len(METRICS)), np.nan)
    figure = History(np.zeros(1), None, rows, np.zeros(0), "stopped", 0).plot()
    assert [text.get_text() for text in figure.axes[0].texts] == ["no episode has ended yet"]


def test_plot_of_updates_that_simulate_nothing():
    history = train(PolicyGradientUpdate(lambda θ: -θ, 0.1), LinearGaussianPolicy(), [1.0, 1.0], rng=0, updates=3)
    assert not history.plot().axes[0].lines


def test_plot_without_matplotlib_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "decision_making.pictures.curves", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'algorithms-for-decision-making\[plot\]'"):
        trained(1).plot()
