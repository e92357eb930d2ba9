"""Pictures of policies and values show what the policy does, and every kind of run that has one is drawn."""

import numpy as np
import pytest

from decision_making import MDP, NeuralPolicy, SoftmaxPolicy, ValueIteration, policy_evaluation, solve
from decision_making.pictures.policies import draw_hex_world, policy_map
from decision_making.pictures.runs import plane_map, run_picture
from decision_making.policies.heads import Categorical, Gaussian
from decision_making.problems import HexWorld
from decision_making.problems.hex_world import DIRECTIONS
from decision_making.training import Configuration, TrainedPolicy, run

Figure = pytest.importorskip("matplotlib.figure").Figure
imread = pytest.importorskip("matplotlib.image").imread
WORLD = HexWorld()


def arrows(ax):
    return [x for x in ax.texts if x.get_text() == ""]


def test_hex_world_shows_the_utilities_and_an_arrow_for_every_tile_that_goes_on():
    π = solve(ValueIteration(1000, δ=1e-9), WORLD)(WORLD.S)
    U = policy_evaluation(WORLD, π)
    ax = policy_map(WORLD, π).axes[0]
    numbers = [x.get_text() for x in ax.texts if x.get_text()]
    assert numbers == [f"{u:.1f}" for u in U[:-1]]
    np.testing.assert_allclose(ax.collections[0].get_array(), U[:-1])
    plain = [s for s, tile in enumerate(WORLD.tiles) if tile not in WORLD.rewards]
    assert len(arrows(ax)) == len(plain)
    for s, arrow in zip(plain, arrows(ax), strict=True):
        (i, j), (Δx, Δy) = DIRECTIONS[π[s]], np.subtract(arrow.xy, arrow.get_position())
        assert np.arctan2(Δy, Δx) == pytest.approx(np.arctan2(j * 3**0.5 / 2, i + j / 2))


def test_arrows_of_probabilities_are_longer_where_likelier_and_none_where_by_chance():
    p = np.zeros((25, 6))
    p[:, 0], p[:, 2] = 0.6, 0.4
    p[0] = 1 / 6
    ax = Figure().add_subplot()
    draw_hex_world(ax, WORLD, np.zeros(25), p)
    found = arrows(ax)
    assert len(found) == 2 * 20
    east, north_west = (np.hypot(*np.subtract(x.xy, x.get_position())) for x in found[:2])
    assert east > north_west > 0
    assert len(ax.lines) == 1  # a dot for the tile that knows nothing


def test_table_shows_probabilities_and_utilities_of_any_tabular_problem():
    P = MDP.from_arrays(np.full((3, 2, 3), 1 / 3), [[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]], 0.5)
    p = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]])
    left, right = policy_map(P, p).axes[:2]
    np.testing.assert_array_equal(left.images[0].get_array(), p)
    np.testing.assert_allclose([bar.get_width() for bar in right.patches], policy_evaluation(P, p))


def steered(head, weights, bias):
    """A policy whose outputs are linear in two observations."""
    return TrainedPolicy(NeuralPolicy((2,), head), np.concatenate([np.ravel(weights), bias]).astype(float))


def test_plane_is_coloured_by_the_most_likely_action():
    policy = steered(Categorical(2), [[0.0, 9.0], [0.0, 0.0]], [0.0, 0.0])  # action 1 where the first is positive
    figure = plane_map(policy, (-1, -2), (1, 2), actions=("left", "right"), points=21)
    ax = figure.axes[0]
    image = ax.collections[0].get_array()[..., :3].reshape(21, 21, 3)
    assert (image == image[0]).all()  # the second observation does not matter
    assert np.ptp(image[0, :9], axis=0).max() < np.abs(image[0, 0] - image[0, -1]).max()
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"left", "right"}
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 1), (-2, 2))


def test_plane_has_a_panel_for_each_component_of_the_action_and_for_the_value():
    policy = steered(Gaussian(2), [[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0, 0.0, 0.0])  # the observations themselves
    value = lambda s: s[:, 0] * s[:, 1]  # noqa: E731
    figure = plane_map(policy, (0, 0), (1, 2), value=value, visited=np.array([[0.5, 0.5]]), points=11)
    panels = [ax for ax in figure.axes if ax.get_xlabel() == "observation 1"]
    x, y = np.meshgrid(np.linspace(0, 1, 11), np.linspace(0, 2, 11))
    for ax, expected in zip(panels, (x, y, x * y), strict=True):
        np.testing.assert_allclose(ax.collections[0].get_array().reshape(11, 11), expected, atol=1e-6)
        assert len(ax.lines) == 1


@pytest.mark.parametrize("box", [((0, 0), (1, 0)), ((0,), (1,)), ((0, 0), (1, np.inf))])
def test_box_that_is_none_is_refused(box):
    with pytest.raises(ValueError, match="two finite numbers each, low < high"):
        plane_map(steered(Categorical(2), np.zeros((2, 2)), [0, 0]), *box)


RUNS = {
    "HexWorld": {"updates": 2},
    "SimpleRegulator": {"updates": 2},
    "MountainCar": {"updates": 2, "hidden": [4], "steps_per_update": 64, "checkpoint_every": 1},
    "MountainCarContinuous-v0": {"updates": 1, "hidden": [4], "steps_per_update": 64},
    "FrozenLake-v1": {"updates": 2, "hidden": [4], "steps_per_update": 64, "checkpoint_every": 1, "critic": "linear"},
}


@pytest.mark.parametrize("env", RUNS)
def test_policy_of_every_kind_of_run_is_drawn(env, tmp_path):
    run(Configuration({"env": env, **RUNS[env]}), tmp_path / "run")
    out = run_picture(tmp_path / "run", tmp_path / "policy.png", episodes=2)
    image = imread(out)
    assert image.shape[1] >= 700
    assert len(np.unique(image.reshape(-1, image.shape[2]), axis=0)) > 50


def test_run_of_four_observations_has_no_picture(tmp_path):
    settings = {"env": "CartPole-v1", "updates": 1, "hidden": [4], "steps_per_update": 64}
    run(Configuration(settings), tmp_path / "run")
    with pytest.raises(ValueError, match="CartPole-v1 has 4 observations: pictures of policies are for"):
        run_picture(tmp_path / "run", tmp_path / "policy.png")
    assert not (tmp_path / "policy.png").exists()


def test_a_policy_of_a_table_is_drawn_with_the_probabilities_it_has():
    π, θ = SoftmaxPolicy(25, 6), np.random.default_rng(0).normal(size=150)
    p = np.exp(π.log_probabilities(θ, WORLD.S))
    ax = policy_map(WORLD, p, np.zeros(25)).axes[0]
    plain = [s for s, tile in enumerate(WORLD.tiles) if tile not in WORLD.rewards]
    assert len(arrows(ax)) == sum((p[s] > 0.2).sum() for s in plain)
