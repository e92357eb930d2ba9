"""A trained policy to keep, to load elsewhere, and to use: it acts on the observations an environment gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from attrs import field
from numpy.typing import ArrayLike

from decision_making.checks import (
    Array,
    Named,
    count,
    count_or_zero,
    enough_for_an_interval,
    flag,
    optional,
    parameters,
    refuse,
)
from decision_making.intervals import check_confidence, mean_interval
from decision_making.policies import LinearGaussianPolicy, NeuralPolicy, Policy, SoftmaxPolicy
from decision_making.policies.heads import Bernoulli, Categorical, Gaussian, MultiCategorical
from decision_making.problem import RNG, HasStart, Simulable, offers
from decision_making.sampling import default_rng, sample_start
from decision_making.sequential_problems.policy_gradient_optimization.rules import interval
from decision_making.shown import Shown
from decision_making.simulation import simulate
from decision_making.structs import struct
from decision_making.training.checkpoint import DAMAGED, load_checkpoint, save_checkpoint
from decision_making.training.entries import FLOAT32, of_kind, plain_array

if TYPE_CHECKING:
    from decision_making.problems.gymnasium_problem import GymnasiumProblem
    from decision_making.problems.vector_environments import Given

Head: TypeAlias = Bernoulli | Categorical | Gaussian | MultiCategorical

HEADS = {head.__name__: head for head in (Bernoulli, Categorical, Gaussian, MultiCategorical)}
POLICIES = {policy.__name__: policy for policy in (LinearGaussianPolicy, NeuralPolicy, SoftmaxPolicy)}
ENTRIES = {  # of a policy's file, and what is certain of them whatever the policy
    "θ": of_kind("f"),
    "observation.mean": plain_array((None,), np.float64, -FLOAT32, FLOAT32),
    "observation.variance": plain_array((None,), np.float64, 0, FLOAT32**2),
    "action.start": of_kind("iu"),
    "action.low": of_kind("f"),
    "action.high": of_kind("f"),
    "action.middle": of_kind("f"),
    "action.half": of_kind("f"),
}


@struct
class TrainedPolicy(Shown):
    """A policy with its parameters, and what it takes to act in an environment.

    `statistics` are the mean and variance that observations are normalised with. `action` tells how the environment
    counts and bounds its actions: "start" of whole numbers, "low" and "high" of real ones, and the "middle" and "half"
    they are rescaled by if they are. Both may be empty.
    """

    π: Policy  # the policy
    θ: Array = field(repr=False)  # its parameters (n,)
    statistics: dict[str, Array] = field(factory=dict, repr=False)  # mean and variance of observations, or nothing
    action: dict[str, Array] = field(factory=dict, repr=False)  # start, or low and high, of actions, or nothing

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "θ", parameters(self.θ, self.π.n))
        width = self.π.sizes[:1] if isinstance(self.π, NeuralPolicy) else None
        x = self.statistics
        if not (x == {} or (_alike(x, {"mean", "variance"}, width) and (x["variance"] >= 0).all())):
            refuse(self, "statistics", x, f"empty, or finite mean and variance >= 0 of {width or '(k,)'}")
        x = self.action
        good = x == {} or _alike(x, {"start"}) or _bounds(x)
        if not (good and all(_suits(self.π, name, np.shape(y)) for name, y in x.items())):
            allowed = "empty, or start, or low <= high, perhaps middle and half, of one shape, that of the actions"
            refuse(self, "action", x, allowed)

    def act(self, observation: ArrayLike, *, mode: bool = True, rng: RNG = None) -> Any:  # a number or an array
        """The most likely action for one observation or a batch, or one drawn from the policy with mode=False.

        It is the action to give to the environment. A network takes vectors: of a space of anything else give what
        gymnasium.spaces.flatten(space, observation) makes of it. ValueError for what the network does not take.
        """
        return self.sent(self.choose(np.asarray(observation), mode=mode, rng=rng))

    def sent(self, a: Array) -> Any:
        """An action in the policy's own terms, or a batch of them, as the environment takes it."""
        row = isinstance(self.π, NeuralPolicy) and not isinstance(self.π.head, Categorical)
        if row and self.action:  # it becomes a matrix, or a number without an axis
            a = a.reshape(a.shape[:-1] + next(iter(self.action.values())).shape)
        if "start" in self.action:
            a = np.asarray(a + self.action["start"], self.action["start"].dtype)
        if "low" in self.action:
            from decision_making.problems.vector_environments import within  # imported where used

            return within(a, self.action)
        return a if row or np.ndim(a) else a.item()

    def layers(self) -> list[tuple[Array, Array]]:
        """Weights (in, out) and biases (out,) of each layer of the network (`NeuralPolicy.layers`).

        TypeError for a policy that is not a network.
        """
        if not isinstance(self.π, NeuralPolicy):
            refuse(self, "π", self.π, "a NeuralPolicy, to have layers", TypeError)
        return self.π.layers(self.θ)

    def choose(self, observation: Array, *, mode: bool = True, rng: RNG = None) -> Array:
        """The action in the policy's own terms: whole numbers count from 0, and there are no bounds."""
        self._check(observation)
        s = self.observe(observation)
        return np.asarray(self.π.mode(self.θ, s) if mode else self.π(self.θ, s, default_rng(rng)))

    def _check(self, s: Array) -> None:
        """ValueError for observations that a network does not take."""
        if isinstance(self.π, NeuralPolicy):
            width = self.π.sizes[0]
            if s.shape[-1:] != (width,) or s.dtype.kind not in "biuf" or not np.isfinite(s).all():
                allowed = f"{width} finite numbers, or a batch of such rows; gymnasium.spaces.flatten gives them"
                refuse(None, "observation", s.tolist(), allowed)

    def observe(self, observation: Array) -> Array:
        """Observations as the policy sees them: centred and scaled by the statistics it was trained with."""
        if not self.statistics:
            return observation
        from decision_making.problems.running_statistics import normalized_observations  # imported where used

        return normalized_observations(observation, self.statistics["mean"], self.statistics["variance"])


def _suits(π: Policy, name: str, shape: tuple[int, ...]) -> bool:
    """Whether the start of the policy's actions, or their bounds, may have this shape."""
    if not isinstance(π, NeuralPolicy):
        return shape in ((), (1,))
    if isinstance(π.head, Categorical):
        return name == "start" and shape == ()
    width = {Gaussian: "k", Bernoulli: "n"}.get(type(π.head))
    k = len(π.head.nvec) if isinstance(π.head, MultiCategorical) else getattr(π.head, width or "", 0)
    return (name == "start") != isinstance(π.head, Gaussian) and math.prod(shape) == k


def _alike(x: Mapping[str, Array], names: set[str], shape: tuple[int, ...] | None = None) -> bool:
    """Whether x has these arrays, of numbers, of one shape; bounds of actions may be infinite, statistics not."""
    if not isinstance(x, dict) or set(x) != names or any(np.asarray(y).dtype.kind not in "iuf" for y in x.values()):
        return False
    arrays = [np.asarray(y) for y in x.values()]
    fit = all(y.shape == (arrays[0].shape if shape is None else shape) for y in arrays)
    return fit and not any(np.isnan(y).any() or ("mean" in names and not np.isfinite(y).all()) for y in arrays)


def _bounds(x: dict[str, Array]) -> bool:
    """Whether x holds bounds of actions, low <= high, and perhaps what they are rescaled by."""
    scale = {"middle", "half"}
    if not _alike(x, {"low", "high"} | (scale if isinstance(x, dict) and scale & set(x) else set())):
        return False
    finite = all(np.isfinite(x[name]).all() for name in scale & set(x))
    return finite and bool((x["low"] <= x["high"]).all()) and bool((x.get("half", np.zeros(1)) >= 0).all())


class NormalizesObservations(Protocol):
    """A problem that centres and scales its observations."""

    @property
    def observation_statistics(self) -> Mapping[str, Array]:
        """Their mean and variance."""


class ConvertsActions(Protocol):
    """A problem whose environment counts or bounds actions in its own way."""

    @property
    def action_convention(self) -> Mapping[str, Array]:
        """start, or low and high."""


def save_policy(path: Path | str, π: Policy, θ: Array, problem: object = None) -> None:
    """Write π, θ, and what a `GymnasiumProblem` does to observations and actions, to one `.npz` file, whole or not.

    Raises TypeError for a policy that cannot be rebuilt from numbers, such as a `FunctionPolicy`.
    """
    policy = trained(π, θ, problem)
    arrays = {"θ": policy.θ}
    for group, found in (("observation", policy.statistics), ("action", policy.action)):
        arrays |= {f"{group}.{name}": np.asarray(x) for name, x in found.items()}
    save_checkpoint(path, arrays, {"policy": _described(π)})


def trained(π: Policy, θ: Array, problem: object = None) -> TrainedPolicy:
    """π and θ as a policy to use, with what a `GymnasiumProblem` does to observations and actions by now."""
    observation = problem.observation_statistics if offers(problem, NormalizesObservations) else None
    action = problem.action_convention if offers(problem, ConvertsActions) else {}
    return TrainedPolicy(π, θ, dict(observation or {}), dict(action))


def load_policy(path: Path | str) -> TrainedPolicy:
    """The policy in a file of `save_policy`; no code in the file is run.

    Raises ValueError, naming the file, if it is not one, FileNotFoundError if it is not there.
    """
    arrays, meta = load_checkpoint(path)

    def group(prefix: str) -> dict[str, Array]:
        return {name[len(prefix) :]: x for name, x in arrays.items() if name.startswith(prefix)}

    try:
        for name, x in arrays.items():
            if name not in ENTRIES:
                raise ValueError(f"it has {name!r}: must be one of {', '.join(ENTRIES)}")
            ENTRIES[name](None, Named(name), x)
        return TrainedPolicy(_rebuilt(meta["policy"]), arrays["θ"], group("observation."), group("action."))
    except DAMAGED as error:
        raise ValueError(f"{path} is not a saved policy: {error}") from error


def _described(π: Policy) -> dict[str, object]:
    name = type(π).__name__
    if isinstance(π, LinearGaussianPolicy):
        return {"name": name, "σ_min": π.σ_min}
    if isinstance(π, SoftmaxPolicy):
        return {"name": name, "n_states": π.n_states, "n_actions": π.n_actions}
    if isinstance(π, NeuralPolicy) and isinstance(π.head, Head):
        network = {"sizes": list(π.sizes), "activation": π.activation}
        return {"name": name, **network, "head": type(π.head).__name__, "size": _size(π.head)}
    raise TypeError(f"π = {π!r}: only {', '.join(POLICIES)} can be saved")


def _size(head: Head) -> int | list[int]:
    """The one field of a head: how many actions, components or bits."""
    if isinstance(head, MultiCategorical):
        return list(head.nvec)
    return head.k if isinstance(head, Gaussian) else head.n


def _rebuilt(described: Mapping[str, Any]) -> Policy:
    described = dict(described)
    name = described.pop("name")
    if name not in POLICIES:
        raise ValueError(f"policy = {name!r}: must be one of {', '.join(POLICIES)}")
    if name != "NeuralPolicy":
        return POLICIES[name](**described)
    if described["head"] not in HEADS:
        raise ValueError(f"head = {described['head']!r}: must be one of {', '.join(HEADS)}")
    head = HEADS[described["head"]](described["size"])
    return NeuralPolicy(tuple(described["sizes"]), head, activation=described.get("activation", "tanh"))


FEW = 20  # episodes below which an interval says little


@struct
class Evaluation:
    """Mean return of a policy with an interval for what it is in the long run, and the returns it comes from."""

    mean: float  # mean return
    low: float  # lower end of the interval
    high: float  # upper end of the interval
    returns: Array = field(repr=False)  # of the episodes (episodes,), undiscounted
    lengths: Array = field(repr=False)  # steps of the episodes (episodes,)

    def __str__(self) -> str:
        n = len(self.returns)
        few = "" if n >= FEW else f"; with fewer than {FEW} the interval says little"
        few += "; all alike, which leaves room for rare others" if (self.returns == self.returns[0]).all() else ""
        return f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g}, {n} episodes{few})"


def evaluate(
    policy: TrainedPolicy,
    problem: Simulable | GymnasiumProblem | Given,
    episodes: int = 20,
    *,
    mode: bool = True,
    seed: int = 0,
    confidence: float = 0.95,
    d: int | None = None,
    bounds: tuple[float, float] | None = None,
) -> Evaluation:
    """Play whole episodes and report their undiscounted return.

    `problem` is a gymnasium id, environment or factory, a `GymnasiumProblem` (whose episodes are ended), or a problem
    with a sampler TR and a start distribution b, for episodes of d steps. Actions are the most likely ones, or drawn
    with mode=False. All draws follow from the seed.

    The interval is that of `mean_interval`, which says what it covers. With fewer than 20 episodes it says little, and
    so does `str` of the result. It has a width where all returns are equal, too, for 20 equal ones do not show that one
    in ten is not different: by as much as `bounds` allow, the least and the greatest return that an episode can have;
    else by the return itself, or 1.

    Raises ValueError for episodes < 2, a confidence outside (0, 1), bounds that are not two numbers around all
    returns, a missing d, or a `GymnasiumProblem` that rescales actions where the policy was trained without, or
    the other way round.
    """
    enough_for_an_interval(None, Named("episodes"), episodes)
    check_confidence(confidence)
    flag(None, Named("mode"), mode)
    optional(interval)(None, Named("bounds"), bounds)
    count_or_zero(None, Named("seed"), seed)
    if not isinstance(policy, TrainedPolicy):
        refuse(None, "policy", policy, "a TrainedPolicy, as load_policy gives", TypeError)
    rng = default_rng(seed)

    def act(s: Array) -> Array:
        return policy.choose(s, mode=mode, rng=rng)

    if offers(problem, Simulable):
        if d is None:
            raise ValueError("d = None: episodes of a problem that is simulated need a number of steps")
        count(None, Named("d"), d)
        if not offers(problem, HasStart):
            refuse(None, "problem", problem, "a problem with a start distribution b", TypeError)
        τs = simulate(problem, sample_start(problem.b, episodes, rng), act, d, rng)
        returns, lengths = τs.r.sum(axis=1, dtype=np.float64), τs.lengths
    else:
        returns, lengths = _played(problem, policy, act, episodes, seed)
    if bounds is not None and not (bounds[0] <= returns.min() and returns.max() <= bounds[1]):
        refuse(None, "bounds", bounds, f"around all returns, from {returns.min():g} to {returns.max():g}")
    return Evaluation(float(returns.mean()), *mean_interval(returns, confidence, bounds), returns, lengths)


def _played(
    problem: Simulable | GymnasiumProblem | Given,
    policy: TrainedPolicy,
    act: Callable[[Array], Array],
    episodes: int,
    seed: int,
) -> tuple[Array, Array]:
    from decision_making.problems.gymnasium_problem import GymnasiumProblem  # imported where used

    if isinstance(problem, GymnasiumProblem):
        if policy.action and ("half" in problem.action_convention) != ("half" in policy.action):
            allowed = f"{not problem.rescale_actions} for this policy, as it was in its training"
            refuse("GymnasiumProblem", "rescale_actions", problem.rescale_actions, allowed)
        return problem.play(act, episodes, seed)[:2]
    import gymnasium

    made = isinstance(problem, gymnasium.Env)
    n_envs = 1 if made else min(episodes, 8)
    rescaled = not policy.action or "half" in policy.action
    P = GymnasiumProblem(problem, 1.0, n_envs=n_envs, rescale_actions=rescaled)  # type: ignore[arg-type]
    try:
        return P.play(act, episodes, seed)[:2]
    finally:
        if not made:
            P.close()
