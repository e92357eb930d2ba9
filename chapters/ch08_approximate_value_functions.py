# %% [markdown]
"""
# Chapter 8. Approximate value functions

Where there are too many states for a table, the utility is a function with parameters, $U_\\theta(s)$. Value
iteration then backs up some states only and fits the parameters to what it found.

The problem here is the mountain car: its engine is too weak for the hill, so it has to swing. Its state is a
position and a speed, two numbers, and every step costs 1 until it is at the goal.
"""

# %%
from typing import Any

import numpy as np

import decision_making as dm
from decision_making.pictures import surfaces
from decision_making.pictures.notebooks import show
from decision_making.problems import CollisionAvoidance, HexWorld, MountainCar

P = MountainCar()
LOW, HIGH = P.state_bounds
STARTS = np.array([[-0.5, 0.0], [-0.6, 0.0], [-0.4, 0.0]])  # at rest in the valley and beside it
OPTIMUM = (106, 106, 86)  # steps to the goal from there


def steps(π: Any, most: int = 400) -> np.ndarray:
    """Real steps to the goal from the three starts; `most` where the policy does not arrive."""
    return dm.simulate(P, STARTS, π, most).lengths


def surface(π: Any) -> dict[str, Any]:
    """U and the actions of a policy on a fine grid for plotting, and its steps."""
    x, v = (np.linspace(a, b, k) for a, b, k in zip(LOW, HIGH, (120, 80), strict=True))
    s = np.stack(np.meshgrid(x, v, indexing="ij"), axis=-1)
    return {"U": π.U(s), "a": π(s), "steps": steps(π)}


# %% [markdown]
# ## Figures 8.2 and 8.4 to 8.6: values at some states, spread around
#
# A *local* value function keeps values $\theta_i$ at states $s_i$. Elsewhere it takes their mean with weights:
# equal ones for the nearest neighbours (algorithm 8.2), those of a kernel (8.3), or what is interpolated in the cell
# of a grid (8.4) or in a simplex of it (8.5). Approximate value iteration (8.1) sets each $\theta_i$ to the backup
# of $s_i$, again and again.
#
# Watch the same nodes make four surfaces. That of the neighbours has steps, and a policy that looks one move ahead
# sees no slope on a step: from none of the three starts does it arrive.


# %%
def distance(s: np.ndarray, s_other: np.ndarray) -> np.ndarray:
    """How far apart two states are when the box of states is a square of side 1."""
    return np.linalg.norm((s - s_other) / (HIGH - LOW), axis=-1)


def local_value_functions(n: int) -> dict[str, Any]:
    """The four kinds with the n x n nodes of a grid as states, all values 0."""
    grid = dm.MultilinearValueFunction.over(LOW, HIGH, n)
    zeros = np.zeros(n * n)
    return {
        "4 nearest neighbours": dm.NearestNeighborValueFunction(4, distance, grid.S, zeros),
        "Gaussian kernel": dm.LocallyWeightedValueFunction(dm.gaussian_kernel(0.6 / n, distance), grid.S, zeros),
        "multilinear": grid,
        "simplex": dm.SimplexValueFunction.over(LOW, HIGH, n),
    }


def figures_8_2_to_8_6(n: int = 25) -> dict[str, Any]:
    """The surface of each kind after sweeps until nothing changes by 1e-3, n nodes along each axis."""
    found = {}
    for name, U in local_value_functions(n).items():
        π = dm.solve(dm.ApproximateValueIteration(U, None, 2000, δ=1e-3), P)
        found[name] = surface(π) | {"S": U.S}
    return {"found": found, "bounds": (LOW, HIGH), "low": -160, "starts": STARTS}


show(figures_8_2_to_8_6, surfaces.local_surfaces)

# %% [markdown]
# ## Finer grids
#
# Interpolation lets the car gain or lose a little of its swing in every step, so a coarse grid misjudges it. The
# utility is no bound in either direction; what counts is the greedy policy.
#
# Watch the real steps reach the optimum (dotted) long before the utilities do.


# %%
def finer_grids(sizes: tuple[int, ...] = (21, 51, 101, 201, 401)) -> dict[str, Any]:
    """For each kind U (K, 3) and real steps (K, 3) from the starts, and the sweeps until changes are below 1e-9."""
    data: dict[str, Any] = {"n": sizes, "starts": STARTS, "optimum": OPTIMUM}
    for name, kind in (("multilinear", dm.MultilinearValueFunction), ("simplex", dm.SimplexValueFunction)):
        rows: dict[str, list[Any]] = {"U": [], "steps": [], "sweeps": []}
        for n in sizes:
            M = dm.ApproximateValueIteration(kind.over(LOW, HIGH, n), None, 2000, δ=1e-9)
            *_, (k, U) = enumerate(dm.sweeps(M, P))
            π = dm.ApproximateValueFunctionPolicy(P, U)
            rows["U"].append(π.U(STARTS))
            rows["steps"].append(steps(π))
            rows["sweeps"].append(k)
        data[name] = {key: np.array(x) for key, x in rows.items()}
    return data


show(finer_grids, surfaces.refinement)

# %% [markdown]
# ## One grid, every solver of chapter 7
#
# The weights of a local value function are probabilities. So the grid is a finite MDP: from node $i$ action $a$
# leads to node $j$ with the weight of $j$ in the successor of $i$. Approximate value iteration is value iteration
# there, and every other solver applies.


# %%
def one_grid_every_solver(n: int = 11, γ: float = 0.95) -> dict[str, np.ndarray]:
    """The values at the nodes (n²,) by four solvers of chapter 7 and by approximate value iteration."""
    car = MountainCar(γ)
    U = dm.MultilinearValueFunction.over(LOW, HIGH, n)
    grid = dm.InterpolatedMDP(car, U)
    solvers: dict[str, Any] = {
        "policy iteration": dm.PolicyIteration(np.zeros(len(grid.S), dtype=int), 100),
        "value iteration": dm.ValueIteration(2000, δ=1e-12),
        "Gauss-Seidel value iteration": dm.GaussSeidelValueIteration(2000, δ=1e-12),
        "linear program": dm.LinearProgramFormulation(),
    }
    found = {name: grid.policy(dm.solve(M, grid)).Uθ.θ for name, M in solvers.items()}
    found["approximate value iteration"] = dm.solve(dm.ApproximateValueIteration(U, None, 2000, δ=1e-12), car).Uθ.θ
    return found


show(one_grid_every_solver)

# %% [markdown]
# ## Figure 8.3: kernel smoothing on hex world
#
# Five tiles have values, with weights of 1/distance elsewhere; the absorbing state has no place on the map and is
# worth 0 (exercise 8.1). The book does not name its five tiles; these are our choice.
#
# Watch the policy become reasonable everywhere, if not optimal.

# %%
WORLD = HexWorld()
TILES = ((0, 1), (2, 0), (4, 1), (7, 2), (9, 0))
FIVE = np.array([WORLD.tiles.index(tile) for tile in TILES])


def hex_distance(s: np.ndarray, s_other: np.ndarray) -> np.ndarray:
    """Moves between tiles, given by their numbers."""
    ij = np.array(WORLD.tiles)
    Δ = ij[s] - ij[s_other]
    return np.maximum(abs(Δ).max(axis=-1), abs(Δ.sum(axis=-1)))


def figure_8_3() -> dict[str, Any]:
    """θ (K, 5) after each sweep, the mean utility of the greedy policies, and maps after 1, 2 and all sweeps."""
    U = dm.LocallyWeightedValueFunction(dm.inverse_distance_kernel(hex_distance), FIVE, np.zeros(5))
    found = list(dm.sweeps(dm.ApproximateValueIteration(U, FIVE, 500, δ=1e-10), WORLD))
    maps = {}
    for k, title in ((1, "1 sweep"), (2, "2 sweeps"), (-1, f"{len(found) - 1} sweeps")):
        π = dm.ApproximateValueFunctionPolicy(WORLD, found[k])
        maps[title] = {"U": π.U(WORLD.S), "a": π(WORLD.S), "marked": True}
    best = dm.solve(dm.ValueIteration(1000, δ=1e-12), WORLD)
    maps["optimal"] = {"U": best.U, "a": best(WORLD.S), "marked": False}
    nearest = dm.NearestNeighborValueFunction(1, hex_distance, FIVE, np.zeros(5))
    near = dm.solve(dm.ApproximateValueIteration(nearest, FIVE, 500, δ=1e-10), WORLD)
    greedy = {"kernel": π, "nearest": near, "optimal": best}
    means = {name: float(dm.policy_evaluation(WORLD, x)[:-1].mean()) for name, x in greedy.items()}
    return {"P": WORLD, "S": FIVE, "θ": np.array([u.θ for u in found]), "near": near.Uθ.θ, "mean": means, "maps": maps}


show(figure_8_3, surfaces.kernel_on_hex_world)

# %% [markdown]
# ## Examples 8.2 and 8.3, and section 8.7: one function for all states
#
# A *global* value function is fitted by regression: $U_\theta(s) = \theta^\top\beta(s)$ with 28 polynomials (example
# 8.2) or 145 products of sines and cosines (example 8.3), or a network of 32 and 32 tanh units (section 8.7). All
# three are fitted here to the values of a fine grid, so that what is left is what they cannot represent.
#
# Watch the spiral blur: few basis functions cannot follow the edge between having enough swing and not.


# %%
def examples_8_2_and_8_3(n: int = 51, iterations: int = 400) -> dict[str, Any]:
    """The grid's values and three fits to them: surfaces, root mean square errors at the nodes, parameters n."""
    grid = dm.solve(dm.ApproximateValueIteration(dm.MultilinearValueFunction.over(LOW, HIGH, n), None, 2000, δ=1e-6), P)
    S = grid.Uθ.S
    critic = dm.NeuralCritic((2, 32, 32), iterations=iterations)
    polynomials, waves = dm.polynomial_bases(2, 6), dm.sinusoidal_bases(8, LOW, HIGH)
    fits: dict[str, Any] = {
        "polynomials": dm.LinearRegressionValueFunction(polynomials, np.zeros(len(polynomials))),
        "sines and cosines": dm.LinearRegressionValueFunction(waves, np.zeros(len(waves))),
        "network": dm.NeuralRegressionValueFunction.start(critic, bounds=(LOW, HIGH), scale=50, rng=0),
    }
    found = {"grid": surface(grid) | {"error": 0.0, "n": grid.Uθ.θ.size}}
    for name, U in fits.items():
        π = dm.ApproximateValueFunctionPolicy(P, dm.fit(U, S, grid.U(S)))
        error = float(np.sqrt(np.square(π.U(S) - grid.U(S)).mean()))
        found[name] = surface(π) | {"error": error, "n": len(U.θ)}
    return {"found": found, "bounds": (LOW, HIGH), "low": -130, "starts": STARTS}


show(examples_8_2_and_8_3, surfaces.fitted_surfaces)

# %% [markdown]
# ## Regression may diverge
#
# Two states, no reward; both lead to the second, and the basis is 1 in the first and 2 in the second. A sweep
# multiplies $\theta$ by $6\gamma/5$: for $\gamma > 5/6$ the values of nothing grow without bound. Local value
# functions cannot do that: no backup of a mean exceeds the largest value it is a mean of.
#
# Watch the change of each local kind shrink by $\gamma$ or more in each sweep. The library raises an error where
# regression diverges; here it is told not to.


# %%
class TwoStates:
    """The states 1 and 2; from both the next is 2, and nothing pays."""

    A = np.arange(1)

    def __init__(self, γ: float):
        self.γ = γ

    def R(self, s: np.ndarray, a: np.ndarray) -> np.ndarray:
        """No reward."""
        return np.zeros(len(s))

    def successors(self, s: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """State 2, for certain."""
        return np.full((1, *s.shape), 2.0), np.ones(1)


def divergence(k_max: int = 150) -> dict[str, Any]:
    """θ after 0..k_max sweeps for three discounts, what the guard says, and the changes of the local kinds."""
    U = dm.LinearRegressionValueFunction(lambda s: s[..., None], [1.0])
    data: dict[str, Any] = {"regression": {}, "changes": {}}
    for γ in (0.8, 5 / 6, 0.9):
        M = dm.ApproximateValueIteration(U, [1.0, 2.0], k_max, guard=False)
        data["regression"][γ] = np.array([u.θ[0] for u in dm.sweeps(M, TwoStates(γ))])
    try:
        dm.solve(dm.ApproximateValueIteration(U, [1.0, 2.0], k_max), TwoStates(0.9))
    except ArithmeticError as error:
        data["said"] = str(error)
    for name, V in local_value_functions(11).items():
        θ = [u.θ.ravel() for u in dm.sweeps(dm.ApproximateValueIteration(V, None, k_max), MountainCar(0.95))]
        data["changes"][name] = abs(np.diff(θ, axis=0)).max(axis=1)
    return data


show(divergence, surfaces.divergence)

# %% [markdown]
# ## Aircraft on a grid
#
# The collision avoidance problem of appendix F has four state variables and three outcomes for each action. On
# the grid of the authors' package, 21 x 21 x 3 x 41 nodes, 41 sweeps are exact but for the interpolation.

# %%
ENCOUNTERS = ((0, 0, 40), (0, 0, 20), (0, 0, 10), (0, 5, 10), (40, 5, 20), (100, -5, 20), (20, 0, 1))  # h, ḣ, t_col


def aircraft() -> dict[str, np.ndarray]:
    """Optimal utilities U (7,), those of the three actions Q (7, 3), and the simple policy's (7,) in the encounters."""
    s = np.array([[h, rate, 0.0, t] for h, rate, t in ENCOUNTERS])
    plane = CollisionAvoidance()
    best, simple = dm.GridSolution(plane), dm.GridSolution(plane, plane.simple_policy)
    return {"U": best.utility(s), "Q": best.Q(s), "simple": simple.utility(s)}


show(aircraft)

# %% [markdown]
# ## Models that others wrote down
#
# Gymnasium's small text environments carry their model as a table. `MDP.from_gymnasium` reads it, and the solvers of
# chapter 7 say what the best possible return is.


# %%
def toy_text() -> dict[str, np.ndarray]:
    """Optimal expected returns from the start for γ = 0.9, 0.99 and 1, (3,), of four environments."""
    names = ("FrozenLake-v1", "FrozenLake8x8-v1", "Taxi-v4", "CliffWalking-v1")
    data = {}
    for name in names:
        models = [dm.MDP.from_gymnasium(name, γ) for γ in (0.9, 0.99, 1.0)]
        data[name] = np.array([np.asarray(M.b) @ dm.solve(dm.ValueIteration(100_000, δ=1e-11), M).U for M in models])
    return data


show(toy_text)

# %% [markdown]
# ## Example 8.1 and exercises 8.7 and 8.8: weights by hand
#
# In the cell of the state (0.3, 0.7, 0.2) the coordinates in rising order belong to axes 3, 1, 2. From the highest
# corner of the cube the simplex goes down along these.


# %%
def example_8_1() -> dict[str, np.ndarray]:
    """The weights of the corners (2, 2, 2) of a cube by simplex interpolation, and the values with θ = 0..7."""
    s = np.array([[0.3, 0.7, 0.2], [0.4, 0.95, 0.6]])
    U = dm.SimplexValueFunction(np.zeros(3), np.ones(3), np.arange(8.0).reshape(2, 2, 2))
    first, second = U.weights(s).toarray().reshape(2, 2, 2, 2)
    return {"example 8.1": first, "exercise 8.8": second, "U": U(s)}


def exercise_8_7() -> np.ndarray:
    """The bilinear weights (4,) of (0, 5), (0, 25), (1, 5), (1, 25) in (0.7, 10)."""
    return dm.MultilinearValueFunction([0, 5], [1, 20], np.zeros((2, 2))).weights([[0.7, 10]]).toarray()[0]


def interpolation_of_a_product() -> dict[str, np.ndarray]:
    """x y from its values at {0, 1, 2}², at four points, by both interpolations."""
    s, θ = [[0.5, 0.5], [1.25, 0.5], [1.75, 1.25], [2, 2]], np.outer(np.arange(3), np.arange(3))
    kinds = {"multilinear": dm.MultilinearValueFunction, "simplex": dm.SimplexValueFunction}
    return {name: kind([0, 0], [1, 1], θ)(s) for name, kind in kinds.items()}


show(example_8_1)
show(exercise_8_7)
show(interpolation_of_a_product)

# %% [markdown]
# ## Exercises 8.2 to 8.6
#
# 8.2: when is linear regression the same as a table? 8.3: how many basis functions are the products of two numbers of
# degree at most 2? 8.4: which two of three states are nearest to (1, 2), by each norm? 8.5: do the weights of all
# local methods sum to 1? 8.6: does bilinear interpolation care for the units of its axes?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
def exercise_8_2(k_max: int = 30) -> float:
    """With one indicator for each state: the largest difference between the sweeps of both, on hex world."""
    U = dm.LinearRegressionValueFunction(lambda s: np.eye(25)[s], np.zeros(25))
    found = dm.sweeps(dm.ApproximateValueIteration(U, WORLD.S, k_max), WORLD)
    return max(abs(u.θ - v).max() for u, v in zip(found, dm.sweeps(dm.ValueIteration(k_max), WORLD), strict=True))


def exercise_8_3() -> int:
    """Six, where a grid has hundreds of values."""
    return len(dm.polynomial_bases(2, 2))


def exercise_8_4() -> dict[str, np.ndarray]:
    """Distances (3,) from (1, 2) to the three states, and the mean of the two nearest, by each norm."""
    S, θ, s = np.array([[4.0, 5.0], [2.0, 6.0], [-1.0, -1.0]]), [2, 10, 30], np.array([1.0, 2.0])
    norms = (1, 2, np.inf)
    return {
        "distance": np.array([np.linalg.norm(s - S, p, axis=1) for p in norms]),
        "U": np.array([dm.NearestNeighborValueFunction(2, p, S, θ)(s) for p in norms]),
    }


def exercise_8_5(seed: int = 0) -> np.ndarray:
    """Yes, and none is below 0: the least weight, the smallest and the largest sum, in 1000 states."""
    s = np.random.default_rng(seed).uniform(LOW, HIGH, (1000, 2))
    weights = [U.weights(s) for U in local_value_functions(9).values()]
    sums = np.array([w.sum(axis=1) for w in weights])
    return np.array([min(w.data.min() for w in weights), sums.min(), sums.max()])


def exercise_8_6(seed: int = 0) -> float:
    """No: the largest change when an axis and its states are multiplied by 7."""
    rng = np.random.default_rng(seed)
    s, θ, c = rng.uniform(0, 4, (100, 2)), rng.normal(size=(5, 5)), np.array([7.0, 1.0])
    U, V = (dm.MultilinearValueFunction([0, 0], δ, θ) for δ in (np.ones(2), c))
    return float(abs(U(s) - V(c * s)).max())


show(exercise_8_2)
show(exercise_8_3)
show(exercise_8_4)
show(exercise_8_5)
show(exercise_8_6)

# %% [markdown]
# ## Every number beside the book's
#
# *printed*: the book prints it; *derived*: from the book's formulas, by other means than this library; *stated*:
# the book says it in words. `decision-making chapter 8` prints the same table and writes the figures.

# %%
if __name__ == "__main__":
    from decision_making import book

    book.compare("8")
