# %% [markdown]
r"""
# Chapter 24. Multiagent reasoning

In a simple game each agent $i$ chooses an action $a^i$, and gets a reward $R^i(a)$ that depends on what all of them
did. What is best for one depends on the others: a policy is judged by how it answers theirs.

The payoffs of a game are one array with an axis an agent. Every answer says how good it is: its *gap* is what an agent
could gain alone, and is 0 at an equilibrium.
"""

# %%
from typing import Any

import numpy as np

import decision_making as dm
from decision_making.pictures import games as drawn
from decision_making.pictures.notebooks import show
from decision_making.problems import PrisonersDilemma, RockPaperScissors, TravelersDilemma

# %% [markdown]
# ## The games
#
# Two of appendix F, and those of the exercises. The first number of a cell goes to the agent who chooses the row.

# %%
ALMOST = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]  # win 1, otherwise 0
GAMES = {
    "prisoner's dilemma": PrisonersDilemma(),
    "rock, paper, scissors": RockPaperScissors(),
    "win 1, otherwise 0": dm.SimpleGame.from_arrays(
        ALMOST, np.transpose(ALMOST), A=[("rock", "paper", "scissors")] * 2
    ),
    "descend or climb": dm.SimpleGame.from_arrays(
        [[-4, 0], [-1, -5]], [[-4, -1], [0, -5]], A=[("descend", "climb")] * 2
    ),
    "dinner or movie": dm.SimpleGame.from_arrays([[2, 0], [0, 1]], [[1, 0], [0, 2]], A=[("dinner", "movie")] * 2),
    "chicken": dm.SimpleGame.from_arrays([[6, 2], [7, 0]], [[6, 7], [2, 0]], A=[("yield", "go on")] * 2),
}


def the_games() -> dict[str, dm.SimpleGame]:
    """The games with few actions, by name."""
    return GAMES


def best_responses() -> dict[str, dm.SimpleGame]:
    """Three of them, whose regions of best response are drawn."""
    return {name: GAMES[name] for name in ("descend or climb", "dinner or movie", "rock, paper, scissors")}


show(the_games, drawn.game_tables)
show(best_responses, drawn.best_response_regions)

# %% [markdown]
# ## Example 24.3 and the exercises: all Nash equilibria
#
# With two agents all equilibria are found; the certificate of each is its gap.


# %%
def all_equilibria() -> dict[str, list[dm.Equilibrium]]:
    """All equilibria of each game; the traveler's dilemma, too large for that, has one."""
    found = {name: dm.nash(P, all=True) for name, P in GAMES.items()}
    return found | {"traveler's dilemma": [dm.nash(TravelersDilemma())]}


def uniform_play() -> dict[str, float]:
    """What agent 1 gets where both choose at random."""
    both = {"prisoner's dilemma": PrisonersDilemma(), "traveler's dilemma": TravelersDilemma()}
    return {name: dm.utility(P, [np.full(k, 1 / k) for k in P.sizes], 0) for name, P in both.items()}


show(all_equilibria)
show(uniform_play)

# %% [markdown]
# ## Example 24.4 and exercise 24.5: correlated equilibria
#
# Someone draws a joint action and tells each agent its own part. Nobody gains by doing something else: that is a linear
# program. It may be worth more than any Nash equilibrium.


# %%
def correlated_equilibria() -> dict[str, dm.JointCorrelatedPolicy]:
    """The ones with the largest sum of utilities; for dinner or movie the fairest."""
    best = {name: dm.solve(dm.CorrelatedEquilibrium(), P) for name, P in GAMES.items()}
    fair = dm.solve(dm.CorrelatedEquilibrium("egalitarian"), GAMES["dinner or movie"])
    return best | {"dinner or movie": fair}


show(correlated_equilibria)

# %% [markdown]
# ## Softmax responses
#
# A softmax response prefers what is better the more, the larger its precision $\lambda$. Defecting is always worth 1
# more, so the response is the same against any opponent.


# %%
def softmax_responses() -> np.ndarray:
    """P(cooperate) for λ = 0.5, 1, 2 against one who cooperates."""
    P = GAMES["prisoner's dilemma"]
    return np.array([dm.softmax_response(P, ["cooperate", "cooperate"], 0, λ)("cooperate") for λ in (0.5, 1, 2)])


show(softmax_responses)

# %% [markdown]
# ## Exercise 24.7: iterated best response
#
# In the traveler's dilemma each answers the claim that the other made last. Where does that end, and after how many
# rounds? Does it come to rest where agents should coordinate, if both change at once, and if one changes after the
# other?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def iterated_best_response() -> dict[str, Any]:
    """The first claims and the result; by game the cycle of both at once, and the result of one after the other.

    Each round takes one dollar off, down to the only equilibrium. Where agents should coordinate, changing both at once
    goes round for ever; changing one after the other comes to rest.
    """
    P = TravelersDilemma()
    claims = [dm.solve(dm.IteratedBestResponse(k), P).π[0].mode for k in (1, 2, 3, 94, 95, 96)]
    names = ("dinner or movie", "descend or climb", "rock, paper, scissors")
    return {
        "tied": np.flatnonzero(dm.best_actions(P, [np.full(99, 1 / 99)] * 2, 0)) + 2,
        "worth": dm.payoffs(P, [np.full(99, 1 / 99)] * 2, 0).max(),
        "claims": claims,
        "at once": {name: dm.solve(dm.IteratedBestResponse(50), GAMES[name]) for name in names},
        "in turn": {name: dm.solve(dm.IteratedBestResponse(50, order="cyclic"), GAMES[name]) for name in names},
    }


show(iterated_best_response)

# %% [markdown]
# ## Hierarchical softmax
#
# People do not claim 2 dollars. Agents of level $k$ answer those of level $k - 1$ by a softmax response, and claim
# about what people do.


# %%
def hierarchical_softmax(levels: int = 4) -> dict[float, np.ndarray]:
    """Probabilities (levels + 1, claims) of the levels 0, 1, … by λ."""
    P = TravelersDilemma()
    return {
        λ: np.stack([dm.solve(dm.HierarchicalSoftmax(λ, k), P).π[0].p for k in range(levels + 1)]) for λ in (0.3, 0.5)
    }


def logit_equilibrium(k: int = 1000) -> dm.Equilibrium:
    """Level k for λ = 0.5, where the levels have come to rest."""
    return dm.solve(dm.HierarchicalSoftmax(0.5, k), TravelersDilemma())


show(hierarchical_softmax, drawn.claims)
show(logit_equilibrium)

# %% [markdown]
# ## Fictitious play
#
# Each agent counts what the others do, and answers these frequencies. In rock, paper, scissors the frequencies
# spiral into the equilibrium; where a tie is worth as little as a loss, the turns get longer for ever.


# %%
def fictitious_play(k_max: int = 2000) -> dict[str, Any]:
    """By game and first joint action: what both had done (k_max, 3), and the runs of equal joint actions."""
    found = {}
    for name, first in (
        ("rock, paper, scissors", (0, 0)),
        ("rock, paper, scissors", (0, 1)),
        ("win 1, otherwise 0", (0, 1)),
    ):
        P = GAMES[name]
        played = dm.play(P, [dm.FictitiousPlay(P, i) for i in P.I], k_max, 0, first=first)
        said = f"{name}, from {P.A[0][first[0]]} and {P.A[1][first[1]]}"
        found[said] = {"P": P, "frequencies": [played.frequencies(i) for i in range(2)], "runs": played.runs()}
    return found


show(fictitious_play, drawn.play_over_time)

# %% [markdown]
# ## Gradient ascent
#
# Steps along the payoffs, projected onto the probabilities. The policy wanders; its average over time comes to rest.


# %%
def gradient_ascent(k_max: int = 4000, seeds: int = 20) -> dict[str, np.ndarray]:
    """Gaps (seeds, 2) in rock, paper, scissors of the last policies and of the averages; and a prisoner's P(defect)."""
    P, D = GAMES["rock, paper, scissors"], GAMES["prisoner's dilemma"]
    π = dm.play(P, [dm.GradientAscent(P, i, batch=seeds) for i in P.I], k_max, 0).π
    prisoners = dm.play(D, [dm.GradientAscent(D, i, batch=seeds) for i in D.I], 1, 0).π
    return {
        "last": dm.gap(P, π),
        "average": dm.gap(P, [x.average for x in π]),
        "defect": np.stack([x.policy[..., 1] for x in prisoners]),
    }


show(gradient_ascent)

# %% [markdown]
# ## Every number beside the book's
#
# `decision-making chapter 24` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("24")
