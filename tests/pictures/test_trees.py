"""The picture of a search tree shows the actions with their numbers and marks the chosen one."""

import numpy as np

import decision_making as dm
from decision_making.pictures.canvas import VERMILION
from decision_making.pictures.trees import search_tree
from decision_making.problems import HexWorld, TwentyFortyEight


def test_tree_of_hex_world_names_tiles_and_actions():
    P = HexWorld()
    found = dm.plan(dm.MonteCarloTreeSearch(P, None, None, 6, 100, 5.0, dm.RolloutEstimate(5), rng=0), 0)
    (ax,) = search_tree(found).axes
    texts = [t.get_text() for t in ax.texts]
    assert "(0, 0)" in texts
    assert f"NE  {found.Q[1]:.3g} ({found.N[1]:.0f})" in texts
    chosen = [line for line in ax.lines if line.get_color() == VERMILION]
    assert len(chosen) == 1
    assert chosen[0].get_linewidth() == max(line.get_linewidth() for line in ax.lines)
    assert "100 simulations" in ax.get_title(loc="left")


def test_tree_of_2048_shows_boards():
    game = TwentyFortyEight()
    M = dm.MonteCarloTreeSearch(game, None, None, 6, 60, 100.0, dm.RolloutEstimate(5), rng=0)
    (ax,) = search_tree(dm.plan(M, game.b(1, np.random.default_rng(0))[0])).axes
    assert len(ax.artists) >= 4
    assert any(t.get_text().startswith(("left", "up", "down", "right")) for t in ax.texts)


def test_a_terminal_state_has_no_branches():
    found = dm.plan(dm.MonteCarloTreeSearch(HexWorld(), None, None, 6, 60, 5.0, dm.RolloutEstimate(5), rng=0), 24)
    (ax,) = search_tree(found).axes
    assert not ax.lines
