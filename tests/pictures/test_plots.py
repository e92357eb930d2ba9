"""`x.plot()` and tables in notebooks: what is drawn is what the object holds."""

import pickle
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from decision_making import (
    MDP,
    QMDP,
    BayesianNetwork,
    Factor,
    LookaheadAlphaVectorPolicy,
    SimpleGame,
    TabularPolicy,
    ValueFunctionPolicy,
    Variable,
    plot,
    solve,
    value_iteration,
)
from decision_making.pictures.plots import ROWS
from decision_making.problems import CryingBaby, HexWorld, MachineReplacement, PrisonersDilemma
from decision_making.shown import Shown
from decision_making.training.history import METRICS, History
from decision_making.training.policy_files import TrainedPolicy

pytest.importorskip("matplotlib.figure")


def texts(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def lines(figure):
    return [line for line in figure.axes[0].lines if np.isfinite(line.get_ydata()).all()]


class Cells(HTMLParser):
    """The rows of the tables in a text of HTML."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open = [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.open = True

    def handle_endtag(self, tag):
        self.open = self.open and tag not in ("td", "th")

    def handle_data(self, text):
        assert self.open
        self.rows[-1][-1] += text


def table(x):
    return Cells(x._repr_html_()).rows


def test_every_picture_is_a_method_of_what_it_is_drawn_of():
    types = {t for t in plot.registry if t is not object}
    assert len(types) > 8
    assert all(issubclass(t, Shown) for t in types)


def test_a_hex_world_shows_utilities_or_else_its_rewards():
    P = HexWorld()
    U = np.linspace(-3, 4, len(P.S))
    assert texts(P.plot(U))[: len(P.tiles)] == [f"{u:.1f}".replace("-0.0", "0.0") for u in U[:-1]]
    shown = texts(P.plot())
    assert {tile: float(text) for tile, text in zip(P.tiles, shown, strict=True) if float(text)} == P.rewards
    with pytest.raises(ValueError, match=r"U has shape \(3,\)"):
        P.plot(np.zeros(3))


def test_a_greedy_policy_shows_its_own_utilities_and_a_table_those_of_the_policy():
    P = HexWorld()
    U = np.zeros(len(P.S))
    assert set(texts(ValueFunctionPolicy(P, U).plot())) <= {"0.0", ""}
    east = TabularPolicy(P, np.zeros(len(P.S), int))
    assert "10.0" in texts(east.plot())
    assert "10.0" not in texts(east.plot(U))


def test_a_grid_has_its_states_row_by_row_with_the_names_of_likely_actions():
    T = np.tile(np.eye(6)[:, None], (1, 2, 1))
    P = MDP.from_arrays(T, np.zeros((6, 2)), 0.9)
    π = np.array([0, 1, 0, 1, 1, 0])
    figure = P.plot(np.arange(6.0), π, shape=(2, 3))
    placed = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in figure.axes[0].texts}
    assert placed == {(k // 3, k % 3): f"{k}\n{π[k]}" for k in range(6)}
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), [[0, 1, 2], [3, 4, 5]])
    assert len(P.plot(np.arange(6.0), shape=(1, 5)).axes[0].texts) == 5  # without a state that is off the grid
    with pytest.raises(ValueError, match="shape"):
        P.plot(np.zeros(6), shape=(4, 2))


def test_an_mdp_without_a_grid_is_a_table_of_the_policy_or_of_what_is_greedy():
    P = MDP.from_arrays(np.tile(np.eye(3)[:, None], (1, 2, 1)), [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], 0.9)
    U = np.array([1.0, 2.0, 3.0])
    greedy, given = P.plot(U), P.plot(U, np.array([0, 0, 1]))
    np.testing.assert_array_equal(greedy.axes[0].images[0].get_array(), [[0, 1], [1, 0], [0, 1]])
    np.testing.assert_array_equal(given.axes[0].images[0].get_array(), [[1, 0], [1, 0], [0, 1]])
    for figure in (greedy, given):
        assert sorted(bar.get_width() for ax in figure.axes for bar in ax.patches) == [1.0, 2.0, 3.0]
    with pytest.raises(TypeError, match="U = None: must be utilities of the states"):
        P.plot()
    with pytest.raises(ValueError, match=r"U has shape \(2,\): must be \(S,\) = \(3,\)"):
        P.plot(U[:2])


def test_a_network_shows_its_posteriors():
    rain, wet = Variable("rain", 2), Variable("wet", 2)
    bn = BayesianNetwork([rain, wet], [Factor([rain], [0.8, 0.2]), Factor([wet, rain], [[0.9, 0.1], [0.1, 0.9]])])
    assert {"rain", "wet", "0.200", "0.260", "0.740"} <= set(texts(bn.plot()))
    assert {"0.692", "1.000"} <= set(texts(bn.plot({"wet": 1})))  # 0.18 / 0.26


def test_alpha_vectors_of_two_states_are_lines_named_after_their_actions():
    P = CryingBaby()
    π = solve(QMDP(30), P)
    figure = π.plot()
    drawn = [line.get_ydata()[[0, -1]] for line in lines(figure)]
    np.testing.assert_allclose(drawn, π.Γ)
    assert [t.get_text() for t in figure.legends[0].texts] == [f"action {a}" for a in dict.fromkeys(π.a.tolist())]
    bare = LookaheadAlphaVectorPolicy(P, π.Γ).plot()
    assert [t.get_text() for t in bare.legends[0].texts] == [f"α-vector {k + 1}" for k in range(len(π.Γ))]


def test_plans_of_one_action_share_a_colour_and_a_name():
    plans = value_iteration(CryingBaby(), 3)
    figure = plans.plot(["feed", "sing", "ignore"])
    names = [("feed", "sing", "ignore")[a] for a in plans.a]
    assert len(set(names)) < len(names)
    assert [t.get_text() for t in figure.legends[0].texts] == list(dict.fromkeys(names))
    colours = [line.get_color() for line in lines(figure)]
    assert len(set(zip(names, colours, strict=True))) == len(set(names)) == len(set(colours))


def test_alpha_vectors_of_more_states_are_a_table_of_colours():
    P = MachineReplacement()
    Γ = np.arange(6.0).reshape(2, 3)
    ax = LookaheadAlphaVectorPolicy(P, Γ).plot().axes[0]
    np.testing.assert_array_equal(ax.images[0].get_array(), Γ)
    assert ax.get_ylabel()
    assert ax.get_xlabel()


def test_a_game_of_two_agents_is_a_table_and_of_three_refused():
    P = PrisonersDilemma()
    assert texts(P.plot()) == ["-1", "-1", "-4", "0", "0", "-4", "-3", "-3"]
    assert table(P) == [["", "cooperate", "defect"], ["cooperate", "-1, -1", "-4, 0"], ["defect", "0, -4", "-3, -3"]]
    three = SimpleGame(1.0, range(3), [range(2)] * 3, np.zeros((3, 2, 2, 2)))
    several = SimpleGame(1.0, range(2), [range(2)] * 2, np.zeros((5, 2, 2, 2)))
    for other in (three, several):
        assert other._repr_html_() is None
        with pytest.raises(ValueError, match="two agents"):
            other.plot()


def test_a_history_is_drawn_as_its_own_method_draws_it():
    metrics = np.full((50, len(METRICS)), np.nan)
    metrics[:, METRICS.index("steps")] = np.arange(50) * 10
    metrics[:, [METRICS.index("return_mean"), METRICS.index("episodes")]] = 1.0
    history = History(np.zeros(1), None, metrics, np.ones(50), "done", 0)
    (line,) = plot(history, label="mine").axes[0].lines
    np.testing.assert_array_equal(line.get_xdata(), np.arange(50) * 10)
    assert line.get_label() == "mine"
    head, *rows = table(history)
    assert head == ["steps", "return_mean", "episodes"]
    assert len(rows) == ROWS + 1
    assert [rows[k][0] for k in (0, ROWS // 2 - 1, ROWS // 2, ROWS // 2 + 1, -1)] == ["0", "190", "…", "300", "490"]


def test_a_trained_policy_of_two_observations_is_a_map():
    from decision_making import NeuralPolicy
    from decision_making.policies.heads import Categorical

    π = NeuralPolicy((2, 4, 3), Categorical(3))
    figure = TrainedPolicy(π, π.init(rng=0)).plot([0, 0], [1, 2])
    assert figure.axes[0].get_ylim() == (0, 2)


def test_a_factor_is_a_table_with_the_names_of_its_states_and_no_markup_of_its_own():
    φ = Factor([Variable("<b>", 2, ["no", "a&b"]), Variable("y", 1)], [[0.25], [1 / 3]])
    assert table(φ) == [["<b>", "y", "φ"], ["no", "0", "0.25"], ["a&b", "0", "0.333333"]]
    assert "<b>" not in φ._repr_html_()


def test_what_has_no_table_stays_a_text_and_a_figure_shows_itself():
    P = HexWorld()
    assert P._repr_html_() is None
    assert P.plot()._repr_png_().startswith(b"\x89PNG")


def test_what_has_no_picture_says_what_has():
    with pytest.raises(TypeError, match=r"plot knows .*BayesianNetwork.*HexWorld"):
        plot(3)


def test_looking_adds_no_data_and_stays_out_of_pickles():
    P = MDP.from_arrays([[[1.0]]], [[0.0]], 0.9)
    assert not hasattr(P, "__dict__")
    assert pickle.loads(pickle.dumps(PrisonersDilemma())).plot() is not None


def test_pictures_are_loaded_when_something_is_looked_at():
    program = """
import sys
from decision_making import Factor, Variable
φ = Factor([Variable("x", 2)], [0.5, 0.5])
assert not any(name.startswith("decision_making.pictures") for name in sys.modules)
assert "<table>" in φ._repr_html_()
assert "matplotlib" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
