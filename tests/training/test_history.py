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
from decision_making.problems import SimpleRegulator
from decision_making.training.history import METRICS

matplotlib = pytest.importorskip("matplotlib")
P = SimpleRegulator(0.9)


def trained(updates=5):
    return train(NaturalPolicyUpdate(P, P.b, 5, 20, 0.1), LinearGaussianPolicy(), [0.0, 1.0], rng=0, updates=updates)


def test_plot_is_a_figure_of_mean_returns_against_steps(tmp_path):
    history = trained(12)
    figure = history.plot(tmp_path / "new" / "curve.png", label="natural")
    (line,) = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_xdata(), 100 * np.arange(1, 13))
    means = history["return_mean"]  # each of 20 episodes
    expected = [means[max(k - 9, 0) : k + 1].mean() for k in range(12)]
    np.testing.assert_allclose(line.get_ydata(), expected)
    assert line.get_label() == "natural"
    assert (tmp_path / "new" / "curve.png").read_bytes().startswith(b"\x89PNG")


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
