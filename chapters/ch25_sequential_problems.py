# %% [markdown]
r"""
# Chapter 25. Sequential problems

A Markov game is a Markov decision process with many agents, and a simple game with many states. In state $s$ the agents
choose a joint action $a$; agent $i$ gets $R^i(s, a)$, and all move on together with $T(s' \mid s, a)$.

A joint policy is worth something to each agent from each state. Against fixed opponents an agent faces an ordinary
decision process, whose solution is its best response: what it would gain by it is its *gap*.
"""

# %%
from typing import Any

import numpy as np

import decision_making as dm
from decision_making.pictures import markov_games as drawn
from decision_making.pictures.notebooks import show
from decision_making.problems import PredatorPreyHexWorld, PrisonersDilemma, RockPaperScissors
from decision_making.problems.predator_prey import TWELVE_TILES

# %% [markdown]
# ## Predator and prey
#
# Both walk a slippery map of hexagonal tiles, a ring of six or a map of twelve. Here everybody moves at random, and the
# gap says how much better each could do alone. Rewards are those of the authors' package.

# %%
WORLDS = {"ring": PredatorPreyHexWorld(), "12 tiles": PredatorPreyHexWorld(tiles=TWELVE_TILES)}


def at_random(P: dm.MG) -> list[np.ndarray]:
    """Uniform policies of all agents."""
    return [np.full((len(P.S), k), 1 / k) for k in P.sizes]


def uniform_play() -> dict[str, dict[str, np.ndarray]]:
    """By world the utilities (2, S) of uniform play and what each agent could gain alone."""
    return {name: {"U": dm.utility(P, at_random(P)), "gap": dm.gap(P, at_random(P))} for name, P in WORLDS.items()}


show(uniform_play)

# %% [markdown]
# ## Iterated best response
#
# If each answers what the other did last, they run after each other for ever: no equilibrium without chance is reached,
# neither if both change at once nor in turn.


# %%
def iterated_best_response(worlds: tuple[str, ...] = ("ring", "12 tiles")) -> dict[str, dict[str, dm.Equilibrium]]:
    """By world the cycles of both at once and in turn."""
    return {
        name: {
            order: dm.solve(dm.IteratedBestResponse(100, order=order), WORLDS[name])
            for order in ("simultaneous", "cyclic")
        }
        for name in worlds
    }


show(iterated_best_response)

# %% [markdown]
# ## A Nash equilibrium of the chase
#
# There is an equilibrium with chance. It is found by following the softmax responses of growing precision from uniform
# play; its certificate is what anyone could gain alone, from any state. Arrows are as dark as their directions likely.


# %%
def equilibrium() -> dict[str, Any]:
    """The game of the ring, an equilibrium, and its utilities."""
    P = WORLDS["ring"]
    return {"P": P, "found": dm.solve(dm.NashEquilibrium(), P)}


show(equilibrium, drawn.chase)

# %% [markdown]
# ## Zero-sum games
#
# Where one agent's gain is the other's loss, Shapley's iteration takes the value of a matrix game in each state, again
# and again, and contracts by $\gamma$. The second game has two states, and values that are fractions.


# %%
def zero_sum_game() -> dm.MG:
    """Two states: in the first chance decides where to go, in the second whether both do the same."""
    R = np.array([[[3, -1], [-2, 1]], [[0, 2], [1, -1]]])
    T = np.array([np.full((2, 2, 2), 0.5), [[[1, 0], [0, 1]], [[0, 1], [1, 0]]]])
    return dm.MG.from_arrays(T, [R, -R], 0.9)


def zero_sum() -> dict[str, Any]:
    """The solutions of both, and the errors of the sweeps in the second."""
    ring = WORLDS["ring"]
    R = ring.R.array[0]
    chase = dm.MG(ring.γ, ring.I, ring.S, ring.A, ring.T, np.stack([R, -R]))
    P = zero_sum_game()
    U = np.array(list(dm.sweeps(dm.ShapleyIteration(100), P)))
    found = dm.solve(dm.NashEquilibrium(), P)
    return {
        "chase": dm.solve(dm.NashEquilibrium(), chase),
        "two states": found,
        "errors": abs(U - found.U[0]).max(axis=1),
    }


show(zero_sum)

# %% [markdown]
# ## Repeated games
#
# A game that is played again and again is a Markov game with one state. If agents remember the last joint action, that
# is the state, and a *grim trigger*, cooperating as long as both have, is an equilibrium for those who are patient.


# %%
def grim_trigger(P: dm.MG) -> list[dict[Any, str]]:
    """Cooperate if both have just done so."""
    return [{s: "cooperate" if s == ("cooperate", "cooperate") else "defect" for s in P.S}] * 2


def repeated_games() -> dict[str, Any]:
    """What fixed policies are worth, and the gap of the grim trigger by γ."""
    P, rock = dm.MG.repeated(PrisonersDilemma()), dm.MG.repeated(RockPaperScissors())
    same = {a: dm.utility(P, [dm.SimpleGamePolicy(a, P.A[0])] * 2)[0, 0] for a in P.A[0]}
    gaps = {}
    for γ in (0.2, 0.3, 1 / 3, 0.5, 0.9):
        remembered = dm.MG.remembering(PrisonersDilemma(), γ)
        gaps[γ] = dm.gap(remembered, grim_trigger(remembered)).max()
    return same | {"rock, paper, scissors": dm.utility(rock, [np.full(3, 1 / 3)] * 2)[0, 0], "gaps": gaps}


show(repeated_games)

# %% [markdown]
# ## Learning while playing
#
# Fictitious play answers the frequencies it has counted in each state. Gradient ascent climbs learnt action values;
# in zero-sum games its policy wanders. Nash Q-learning believes that all play an equilibrium of such values. In the
# zero-sum game of two states an answer is exact: several seeds side by side; the picture has the gaps, from the
# worst state.


# %%
LEARNERS: dict[str, Any] = {
    "fictitious play": dm.MGFictitiousPlay,
    "gradient ascent": lambda P, i: dm.MGGradientAscent(P, i, α=0.1),
    "Nash Q-learning": dm.NashQLearning,
}


def learning(rounds: int = 16, seeds: int = 4) -> dict[str, dict[str, np.ndarray]]:
    """By learner the steps so far, and the largest gaps (rounds, seeds) of the policies; of fictitious play those of
    the frequencies."""
    P, found = zero_sum_game(), {}
    for name, settings in LEARNERS.items():
        models, steps, gaps, h = [dm.start(settings(P, i), seeds) for i in P.I], [], [], 4
        for k in range(rounds):
            models, _ = dm.learn(P, models, None, h, rng=k)
            π = models[0].frequencies() if name == "fictitious play" else models
            steps.append(int(models[0].k[0]))
            gaps.append(dm.gap(P, π).max(axis=(-2, -1)))
            h = round(h * 1.4)
        found[name] = {"steps": np.array(steps), "gap": np.array(gaps)}
    return found


show(learning, drawn.gaps_while_learning)

# %% [markdown]
# ## Exercise: tit for tat
#
# Begin with cooperation, then do what the other one did last. Each patient agent who expects that of the other
# cooperates. But is it an equilibrium from every state, also after somebody has defected? What could one gain for
# $\gamma$ = 0.2, 1/3 and 0.9?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def tit_for_tat() -> dict[str, float]:
    """Only for γ = 1/3: below it defecting pays, above it revenge does not, nor being the second to forgive.

    For γ = 0.9 both would defect for ever after both did, -30, where one who forgives gets -4 - 0.9 · 10.
    """
    gaps = {}
    for γ in (0.2, 1 / 3, 0.9):
        P = dm.MG.remembering(PrisonersDilemma(), γ)
        gaps[f"{γ:.3f}"] = float(dm.gap(P, [{s: s[1] for s in P.S}, {s: s[0] for s in P.S}]).max())
    return gaps


show(tit_for_tat)

# %% [markdown]
# ## Exercise: one state, again and again
#
# Agent 1 gets 2 if both show heads, 1 if both show tails, and pays 1 otherwise. The game is repeated with $\gamma =
# 0.9$. What is it worth to agent 1?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def heads_or_tails() -> float:
    """(2 · 1 - 1 · 1) / (2 + 1 + 1 + 1) = 1/5 each time, so 2 in all."""
    R = np.array([[[2.0, -1.0], [-1.0, 1.0]]])
    return float(dm.solve(dm.NashEquilibrium(), dm.MG.from_arrays(np.ones((1, 2, 2, 1)), [R, -R], 0.9)).U[0, 0])


show(heads_or_tails)

# %% [markdown]
# ## Every number beside the book's
#
# `decision-making chapter 25` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("25")
