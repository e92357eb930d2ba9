# %% [markdown]
"""
# Chapter 9. Online planning

A policy for all states may be too much to ask. An online planner starts from the state at hand, looks at what can
follow, and returns one action; after the next step it starts again.

All searches here are called alike: `search(s)` gives an action, `plan(search, s)` what was found, `explain(search, s)`
says it in words. A batch of states is as many searches side by side.
"""

# %%
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import autograd.numpy as anp
import numpy as np

import decision_making as dm
from decision_making.pictures import planning, trees
from decision_making.pictures.notebooks import show
from decision_making.problems import CollisionAvoidance, HexWorld, MountainCar, TwentyFortyEight

P = HexWorld()
U_BEST = dm.policy_evaluation(P, dm.solve(dm.PolicyIteration(np.zeros(25, dtype=int), 50), P))
Q_BEST = P.R.array + P.γ * P.T.array @ U_BEST  # of the optimal policy
TILES = {name: P.tiles.index(name) for name in ((0, 0), (8, 1), (3, 0))}
TEN = np.full(25, 10.0)  # a bound for every state

# %% [markdown]
# ## Example 9.1: how far to look ahead
#
# A planner that looks d steps ahead sees the closest approach of two aircraft only from d - 1 seconds before it on, and
# until then has no reason to act. Looking farther ahead it acts earlier, and fewer encounters end in a collision. What
# it does within its sight is here taken from the solution on a grid.

# %%
AIRCRAFT = CollisionAvoidance()


def example_9_1(n: int = 4000, depths: tuple[int, ...] = (10, 20, 40)) -> dict[str, Any]:
    """Collisions in n encounters for each depth (3,), advisories by t_col and h, and Q (3,) at and beyond the sight."""
    grid = dm.GridSolution(AIRCRAFT)
    h, t = np.linspace(-200, 200, 81), np.arange(41.0)
    level = np.stack(np.broadcast_arrays(h[:, None], 0.0, 0.0, t), axis=-1)  # ḣ = 0, no advisory before
    ahead = dm.ForwardSearch(AIRCRAFT, 10, lambda s: np.zeros(len(s)))
    return {
        "depths": depths,
        "collisions": np.array([collisions(grid, d, n) for d in depths]),
        "n": n,
        "maps": [looking_ahead(grid, d, level) for d in depths],
        "out of sight": dm.plan(ahead, np.array([0.0, 0.0, 0.0, 10.0])).Q,
        "in sight": dm.plan(ahead, np.array([0.0, 0.0, 0.0, 9.0])).Q,
    }


def looking_ahead(grid: Any, d: int, s: np.ndarray) -> np.ndarray:
    """The actions of a planner that looks d steps ahead: the command is kept until the end is in sight."""
    kept = np.searchsorted([-5.0, 0.0, 5.0], s[..., 2])
    return np.where(s[..., 3] < d, grid(s), kept)


def collisions(grid: Any, d: int, n: int, seed: int = 0) -> int:
    """How many of n encounters end within 50 m."""
    rng = np.random.default_rng(seed)
    s = AIRCRAFT.b(n, rng)
    for _ in range(40):
        s, _ = AIRCRAFT.TR(s, looking_ahead(grid, d, s), rng)
    return int((abs(s[:, 0]) < AIRCRAFT.h_collision).sum())


show(example_9_1, planning.advisories)

# %% [markdown]
# ## Forward search
#
# Every path of $d$ steps: $U_d(s) = \max_a R(s, a) + \gamma \sum_{s'} T(s' \mid s, a)\, U_{d-1}(s')$ (algorithm 9.2).
# The number of visits grows by a factor of about ten with every step.


# %%
def forward_search_on_hex_world() -> dict[str, np.ndarray]:
    """Utilities, actions and visits of forward search from tile (0, 0) with d = 1..4, each (4,)."""
    found = [dm.plan(dm.ForwardSearch(P, d, np.zeros(25)), TILES[0, 0]) for d in range(1, 5)]
    return {"u": np.array([x.u for x in found]), "a": np.array([x.a for x in found]), "visits": _visits(found)}


def _visits(found: list[Any]) -> np.ndarray:
    """How many states each search visited."""
    return np.array([x.visits for x in found])


show(forward_search_on_hex_world)

# %% [markdown]
# ## Branch and bound
#
# With a lower bound $\underline{U}(s)$ and an upper bound $\overline{Q}(s, a)$, actions that cannot beat the best so
# far are left out (algorithm 9.3). The value stays that of forward search; how much is saved is a matter of the bounds.


# %%
def branch_and_bound_on_hex_world() -> dict[str, np.ndarray]:
    """Utilities and visits (4,) for d = 1..4, with the optimal Q as upper bound, and visits with a loose one."""
    low = np.append(np.full(24, -10.0), 0.0)
    loose = P.R.array + P.γ * P.T.array @ TEN
    tight = [dm.plan(dm.BranchAndBound(P, d, low, Q_BEST), TILES[0, 0]) for d in range(1, 5)]
    wide = [dm.plan(dm.BranchAndBound(P, d, low, loose), TILES[0, 0]) for d in range(1, 5)]
    forward = [dm.plan(dm.ForwardSearch(P, d, low), TILES[0, 0]) for d in range(1, 5)]
    return {
        "u": np.array([x.u for x in tight]),
        "forward": np.array([x.u for x in forward]),
        "best bound": _visits(tight),
        "loose bound": _visits(wide),
        "forward search": _visits(forward),
    }


show(branch_and_bound_on_hex_world, planning.visits)

# %% [markdown]
# Example 9.2 and exercise 9.6, on the mountain car: below is what a car gets that always pushes the way it moves, above
# the fewest steps it would take on a plane. The plane is an upper bound only on the way up: elsewhere the hill helps.
# The order of the actions does not matter for the value, and little for the visits.


# %%
def push_along(s: np.ndarray) -> np.ndarray:
    """The return (n,) of pushing the way the car moves, at most 300 steps."""
    return dm.rollout(MountainCar(), s, lambda s: np.where(s[:, 1] < 0, 0, 2), 300)


def on_a_plane(s: np.ndarray, a: int) -> float:
    """Minus the fewest steps to the goal without the hill, from a state (2,) with the first action a."""
    (x, v), steps = s, 0
    while x < 0.6 and steps < 300:
        v += 0.001 * (a - 1 if steps == 0 else 1)
        x, v, steps = x + v, min(v, 0.07), steps + 1
    return -float(steps)


def example_9_2(d: int = 5) -> dict[str, Any]:
    """Utilities and visits of forward search, and of branch and bound with the actions in each of six orders (6,)."""
    car, s = MountainCar(), np.array([0.2, 0.06])
    forward = dm.plan(dm.ForwardSearch(car, d, push_along), s)
    found = []
    for order in permutations(range(3)):
        P = SimpleNamespace(A=np.array(order), **{name: getattr(car, name) for name in OF_A_CAR})
        found.append(dm.plan(dm.BranchAndBound(P, d, push_along, on_a_plane, check=True), s))
    return {"forward": (forward.u, forward.visits), "u": np.array([x.u for x in found]), "visits": _visits(found)}


OF_A_CAR = ("γ", "R", "TR", "successors", "terminal", "state_bounds")

show(example_9_2)

# %% [markdown]
# ## Sparse sampling, and rollouts
#
# Samples in place of sums (algorithm 9.4): no transition probabilities are needed. The largest of several noisy values
# is too large on average, the more so the fewer samples there are. A rollout (algorithm 9.1) is the cheapest look
# ahead.


# %%
def sparse_sampling_on_hex_world(n: int = 20_000) -> dict[str, Any]:
    """For m = 1, 3, 10 samples the mean utility from (0, 0) with d = 2 over n searches, and its standard error."""
    found, some = {}, np.full(1000, TILES[0, 0])  # a thousand at a time: of more, the samples are too many
    for m in (1, 3, 10):
        M = dm.SparseSampling(P, 2, m, np.zeros(25), rng=m)
        found[m] = np.concatenate([dm.plan(M, some).u for _ in range(n // 1000)])
    exact = dm.plan(dm.ForwardSearch(P, 2, np.zeros(25)), TILES[0, 0]).u
    return {"exact": exact} | {str(m): (u.mean(), u.std() / n**0.5) for m, u in found.items()}


def rollout_lookahead_on_hex_world(n: int = 2000) -> dict[str, float]:
    """The share of n decisions at (8, 1) that are optimal, with one rollout a successor and with twenty."""
    start = np.full(n, TILES[8, 1])
    best = int(Q_BEST[TILES[8, 1]].argmax())
    return {
        "one rollout": float((dm.RolloutLookahead(P, None, 10, rng=0)(start) == best).mean()),
        "twenty": float((dm.RolloutLookahead(P, None, 10, m=20, rng=0)(start) == best).mean()),
    }


show(sparse_sampling_on_hex_world)
show(rollout_lookahead_on_hex_world)

# %% [markdown]
# ## Monte Carlo tree search
#
# Simulations grow a tree where it matters (algorithms 9.5 to 9.7). Each takes the action of largest
# $Q(s, a) + c \sqrt{\ln N(s) / N(s, a)}$, untried ones first; at a new state a rollout says what follows.
#
# The example of the book, on 2048 with $c = 100$: four tries in turn, then *up* a second time, then *left*.


# %%
def examples_9_3_to_9_7() -> dict[str, Any]:
    """N and Q of the root after each of the first calls (7, 4), with the rollouts' values of the book."""
    board = np.array([[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0, 2]])
    game = TwentyFortyEight()

    def step(s: np.ndarray, a: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return game.TR(s, a, rng)[0], np.zeros(len(s))  # all that is gained is what the rollout says

    silent = dm.MDP(1.0, None, np.arange(4), None, None, step)
    found = []
    for m in range(1, 8):
        values = iter([0.0, 72.0, 44.0, 36.0, 88.0, 44.0, 50.0])
        M = dm.MonteCarloTreeSearch(
            silent, None, None, 10, m, 100.0, lambda s, values=values: np.full(len(s), next(values))
        )
        found.append(dm.plan(M, board[None], rng=0))
    return {"N": np.array([x.N[0] for x in found]), "Q": np.array([x.Q[0] for x in found])}


show(examples_9_3_to_9_7)

# %% [markdown]
# Exercise 9.9: two actions have 27 and 4 visits and mean values 10 and −5 in one state, 32 and 18 visits and 12 and
# 10 in another. Which scores choose the next action, for the constant $c$ = 10 and 20?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_9_9() -> dict[str, np.ndarray]:
    """The scores of both actions in both states, for c = 10 and 20, each (2, 2), from the statistics given."""
    N, Q = np.array([[27.0, 4.0], [32.0, 18.0]]), np.array([[10.0, -5.0], [12.0, 10.0]])
    bonus = np.sqrt(np.log(N.sum(axis=1))[:, None] / N)
    return {str(c): Q + c * bonus for c in (10, 20)}


show(exercise_9_9)

# %% [markdown]
# On hex world the optimal action is known: how often do so many simulations find it, and ten small trees together?


# %%
def tree_search_on_hex_world(n: int = 2000) -> dict[str, Any]:
    """For three tiles and m = 7, 100, 1000 the share of n searches whose action is optimal, (3, 3)."""
    shares = np.empty((3, 3))
    for i, s in enumerate(TILES.values()):
        for j, m in enumerate((7, 100, 1000)):
            M = dm.MonteCarloTreeSearch(P, None, None, 10, m, 5.0, dm.RolloutEstimate(10), rng=j)
            a = M(np.full(n if m < 1000 else n // 2, s))
            shares[i, j] = (a == Q_BEST[s].argmax()).mean()
    ten = dm.MonteCarloTreeSearch(P, None, None, 10, 100, 5.0, dm.RolloutEstimate(10), trees=10, rng=9)
    merged = float((ten(np.full(n // 4, TILES[0, 0])) == 1).mean())
    return {"share": shares, "n": n, "ten trees of 100": merged}


show(tree_search_on_hex_world)

# %% [markdown]
# A tree can be looked at: a board of 2048, the moves tried most, and what they seem worth.


# %%
def a_tree_of_2048(m: int = 400, seed: int = 3) -> Any:
    """What a search of m simulations finds on a board of the start."""
    game = TwentyFortyEight()
    M = dm.MonteCarloTreeSearch(game, None, None, 10, m, 100.0, dm.RolloutEstimate(10), rng=seed)
    return dm.plan(M, game.b(1, np.random.default_rng(seed))[0])


show(a_tree_of_2048, trees.search_tree)

# %% [markdown]
# In words:


# %%
def in_words() -> str:
    """What `explain` says of that search."""
    return dm.explain(a_tree_of_2048())


show(in_words)

# %% [markdown]
# ## Example 9.8: simulations against reward
#
# More simulations make a better player of 2048; so does a better estimate at the leaves. The snake weights below like
# large tiles in a corner and the rest in order behind them. All games of one setting are played side by side.

# %%
SNAKE = np.array([[15, 14, 13, 12], [8, 9, 10, 11], [7, 6, 5, 4], [0, 1, 2, 3]]) / 15.0


def snake(s: np.ndarray) -> np.ndarray:
    """Tile values weighted along a snake through the board, for the best of the eight ways to lay it."""
    values = np.where(s > 0, np.exp2(s), 0.0)
    ways = [np.rot90(w, k) for w in (SNAKE, SNAKE.T) for k in range(4)]
    return np.max([(values * w).sum(axis=(-2, -1)) for w in ways], axis=0)


def example_9_8(games: int = 40, simulations: tuple[int, ...] = (5, 10, 20, 50)) -> dict[str, Any]:
    """Mean total reward and its standard error (K,) of games of 2048, for two leaf estimates."""
    leaves: dict[str, Any] = {"random rollouts": dm.RolloutEstimate(10), "snake weights": snake}
    data: dict[str, Any] = {"simulations": np.array(simulations), "games": games}
    for name, U in leaves.items():
        totals = np.array([played(m, U, games) for m in simulations])
        data[name] = (totals.mean(axis=1), totals.std(axis=1, ddof=1) / games**0.5)
    return data


def played(m: int, U: Any, games: int, seed: int = 0) -> np.ndarray:
    """Total rewards (games,) of a tree search with m simulations."""
    game, rng = TwentyFortyEight(), np.random.default_rng(seed)
    M = dm.MonteCarloTreeSearch(game, None, None, 10, m, 100.0, U, rng=rng)
    s, total = game.b(games, rng), np.zeros(games)
    going = np.arange(games)
    while len(going):
        s[going], r = game.TR(s[going], M(s[going]), rng)
        total[going] += r
        going = going[~game.terminal(s[going])]
    return total


show(example_9_8, planning.simulations_against_reward)

# %% [markdown]
# ## Heuristic and labelled heuristic search
#
# An upper bound is backed up along greedy simulations (algorithm 9.8); with labels the search knows when it is done
# (algorithms 9.9 to 9.11). From tile (0, 0) with the bound 10, far tiles are never looked at.
#
# The constant 10 is no upper bound at the end of a walk, where nothing is paid any more: see the error at $\delta = 1$.


# %%
def figures_9_6_to_9_8(seed: int = 0) -> dict[str, Any]:
    """Utilities and greedy actions after 10, 20, 50 simulations of heuristic search, and of a labelled search."""
    data: dict[str, Any] = {"P": P, "maps": []}
    for m in (10, 20, 50):
        found = dm.plan(dm.HeuristicSearch(P, TEN, 8, m, rng=seed), TILES[0, 0])
        data["maps"].append((f"heuristic search, {m} simulations", found.tree.table()))
    found = dm.plan(dm.LabeledHeuristicSearch(P, TEN, 10, 0.1, rng=seed), TILES[0, 0])
    title = f"labelled, δ = 0.1: {found.tree.simulations} simulations"
    data["maps"].append((title, found.tree.table()))
    data["solved"] = sorted(found.tree.solved)
    return data


show(figures_9_6_to_9_8, planning.bounds_on_hex_world)

# %% [markdown]
# How far off is the utility at the start after so many simulations, and how often is the action right?


# %%
def heuristic_search_on_hex_world(n: int = 500) -> dict[str, Any]:
    """After 10, 20, 50, 200 simulations the mean error of U(0, 0), its s.e. and the share of right actions, n runs."""
    data: dict[str, Any] = {"n": n}
    for zero in (False, True):
        rows = []
        for m in (10, 20, 50, 200):
            M = dm.HeuristicSearch(P, TEN, 8, m, zero_at_end=zero, rng=m)
            found = dm.plan(M, np.full(n, TILES[0, 0]))
            error = found.tree[:, TILES[0, 0]] - U_BEST[TILES[0, 0]]
            rows.append((error.mean(), error.std() / n**0.5, (found.a == 1).mean(), error.min()))
        data["0 at the end" if zero else "10 at the end"] = np.array(rows)
    return data


show(heuristic_search_on_hex_world)

# %% [markdown]
# With labels: the gap $\delta$ that is asked for, what it costs, and what is solved.


# %%
def labelled_search_on_hex_world(n: int = 300) -> dict[str, Any]:
    """For δ = 1, 0.1, 0.01 the least and largest error, simulations, states solved, and the share of right actions."""
    data: dict[str, Any] = {}
    for zero in (False, True):
        for δ in (1.0, 0.1, 0.01):
            M = dm.LabeledHeuristicSearch(P, TEN, 10, δ, zero_at_end=zero, rng=0)
            found = [dm.plan(M, TILES[0, 0]) for _ in range(n)]
            errors = np.array([x.tree.U[TILES[0, 0]] for x in found]) - U_BEST[TILES[0, 0]]
            k = [x.tree.simulations for x in found]
            solved = [len(x.tree.solved) for x in found]
            right = np.mean([x.a == 1 for x in found])
            data[f"{'0' if zero else '10'} at the end, δ = {δ:g}"] = (
                *(errors.min(), errors.max(), min(k), max(k), min(solved), max(solved), right),
            )
    return data


show(labelled_search_on_hex_world)

# %% [markdown]
# ## Example 9.9: open and closed loop
#
# Going up pays 30 or 0, whichever the next choice turns out not to fit; going down pays 20 for certain. A plan that is
# made once gets 20. A policy that sees where it is gets 30.


# %%
def example_9_9() -> dict[str, Any]:
    """Expected returns of the four plans, the best of them, and the closed-loop utility."""
    T, R = np.zeros((8, 2, 8)), np.zeros((8, 2))
    T[0, 0, [1, 2]], T[0, 1, [3, 4]] = 0.5, 0.5  # up leads to one of two states, and so does down
    T[1:5, :, 7] = T[5:, :, 7] = 1
    R[1], R[2], R[3], R[4] = (30, 0), (0, 30), (20, 20), (20, 20)
    tree = dm.MDP.from_arrays(T, R, 1.0)
    plans = {}
    for first in (0, 1):
        for second in (0, 1):
            b = T[0, first]
            plans[first, second] = float(b @ R[:, second])
    return {
        "plans": np.array(list(plans.values())),
        "open": dm.plan(dm.OpenLoopPlanning(tree, 2), 0).u,
        "closed": dm.forward_search(tree, 0, 2, np.zeros(8)).u,
    }


show(example_9_9)

# %% [markdown]
# ## Examples 9.10 and 9.11: model predictive control
#
# Real-valued actions, $s' = T(s, a)$, and an obstacle in the way: a program for a solver, with two local optima. With
# noise, several forecasts are planned for at once.


# %%
def moved(s: Any, a: Any, ε: Any = 0.0) -> Any:
    """Position and speed (4,) after an acceleration (2,)."""
    return anp.concatenate([s[..., :2] + s[..., 2:], s[..., 2:] + a], axis=-1) + ε


def effort(s: Any, a: Any) -> Any:
    """Less is better."""
    return -anp.sum(a**2, axis=-1)


def arrival(s: Any) -> Any:
    """At rest at (10, 10)."""
    return -100 * anp.sum((s - np.array([10.0, 10.0, 0.0, 0.0])) ** 2, axis=-1)


def clearance(s: Any) -> Any:
    """Outside a circle of radius 2 about (3, 4)."""
    return anp.sum((s[..., :2] - np.array([3.0, 4.0])) ** 2, axis=-1) - 4.0


def example_9_10(starts: int = 12) -> dict[str, Any]:
    """The plans that the starts end in, the best first, and the plan without the obstacle."""
    box = (moved, effort, 9, [-1, -1], [1, 1])
    M = dm.ModelPredictiveControl(*box, R_end=arrival, constraint=clearance, starts=starts, rng=0)
    free = dm.plan(dm.ModelPredictiveControl(*box, R_end=arrival, starts=1, rng=0), np.zeros(4))
    found = dm.plan(M, np.zeros(4))
    return {"best": found, "free": free, "costs": np.array([-u for u, _ in found.ends])}


show(example_9_10, planning.ways_round_an_obstacle)

# %% [markdown]
# With a noisy position one sequence of actions for all forecasts is the cautious plan; one for each is the optimist's.


# %%
def example_9_11(m: int = 6, seed: int = 0) -> dict[str, Any]:
    """First actions and utilities of plans for m forecasts of a noisy position: one sequence, and one for each."""
    ε = np.random.default_rng(seed).normal(0, 0.05, (m, 9, 4))
    box = (moved, effort, 9, [-1, -1], [1, 1])
    one = dm.plan(dm.MultiforecastControl(*box, R_end=arrival, ε=ε, starts=1, rng=0), np.zeros(4))
    own = dm.plan(dm.MultiforecastControl(*box, R_end=arrival, ε=ε, sequences="own", starts=1, rng=0), np.zeros(4))
    return {"one": one, "own": own}


show(example_9_11)


# %% [markdown]
# ## Exercises 9.4, 9.5 and 9.8
#
# 9.4, 9.5: forward search looks one step ahead with nine states and four actions, or with eight and two. How much
# smaller must a problem be for as many paths two steps ahead? 9.8: how likely is it that ten samples of ten equally
# likely states meet all of them, for one action and for three?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercises_9_4_and_9_5() -> dict[str, Any]:
    """Paths of forward search for d = 1, and for d = 2 in smaller problems that should have as many, two pairs."""
    pairs = {"9.4": ((9, 4), (3, 2)), "9.5": ((8, 2), (2, 2))}  # (S, A): square roots of both; of S, then by √A
    return {name: [paths(*sizes, d) for d, sizes in enumerate(pair, 1)] for name, pair in pairs.items()}


def paths(S: int, A: int, d: int) -> float:
    """Paths of d steps where every state can follow every action: leaves that forward search visits."""
    full = dm.MDP.from_arrays(np.full((S, A, S), 1 / S), np.ones((S, A)), 0.9)
    visits = [dm.plan(dm.ForwardSearch(full, k, np.zeros(S)), 0).visits for k in range(1, d + 1)]
    return visits[-1] - (visits[-2] if d > 1 else 1)


def exercise_9_8() -> tuple[float, float]:
    """The chance that 10 samples of 10 equally likely states meet each of them, for one action and for three."""
    p = float(np.prod(np.arange(1, 11) / 10.0))
    return p, p**3


show(exercises_9_4_and_9_5)
show(exercise_9_8)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 9` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("9")
