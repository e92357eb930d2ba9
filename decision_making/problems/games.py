"""The simple games of appendix F: each a `SimpleGame` with the book's rewards."""

from __future__ import annotations

import numpy as np

from decision_making.checks import Named, count, finite
from decision_making.simple_game import SimpleGame


def PrisonersDilemma(γ: float = 0.9) -> SimpleGame:
    """Two prisoners, each of whom may defect (appendix F): years in prison, as negative rewards.

    Both cooperate: -1 each. Both defect: -3 each. Who defects alone goes free, and the other gets -4.

    >>> PrisonersDilemma().R(("cooperate", "defect"))
    array([-4.,  0.])
    """
    R = np.array([[-1.0, -4.0], [0.0, -3.0]])
    return SimpleGame.from_arrays(R, R.T, γ=γ, A=[("cooperate", "defect")] * 2)


def RockPaperScissors(γ: float = 0.9) -> SimpleGame:
    """Rock beats scissors, scissors beat paper, paper beats rock: the winner gets 1 from the loser (appendix F).

    >>> RockPaperScissors().R(("rock", "paper"))
    array([-1.,  1.])
    """
    R = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    return SimpleGame.zero_sum(R, γ, A=[("rock", "paper", "scissors")] * 2)


def TravelersDilemma(γ: float = 0.9, *, low: int = 2, high: int = 100, bonus: float = 2.0) -> SimpleGame:
    """Two travelers claim what their lost suitcase was worth, low to high dollars (appendix F).

    Both get the lower of the two claims. Where they differ, who claimed less gets `bonus` more, the other that much
    less.

    Raises ValueError unless low and high are whole numbers >= 1 and high >= low.

    >>> P = TravelersDilemma()
    >>> P.R((97, 100)), P.R((50, 50))
    (array([99., 95.]), array([50., 50.]))
    """
    count(None, Named("low"), low)
    count(None, Named("high"), high)
    finite(None, Named("bonus"), bonus)
    if high < low:
        raise ValueError(f"high = {high}: must be at least low = {low}")
    claims = np.arange(low, high + 1)
    mine, yours = claims[:, None], claims
    R = np.minimum(mine, yours) + bonus * np.sign(yours - mine)
    return SimpleGame.from_arrays(R, R.T, γ=γ, A=[range(low, high + 1)] * 2)
