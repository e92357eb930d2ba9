"""The verbs of the book: generic functions, dispatched on their first argument.

A verb is defined once, here, with what it means in each chapter. The chapter that knows a struct registers a method
for it, under a name of its own. A first argument that no chapter knows is a TypeError that lists what is known.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, NoReturn


@singledispatch
def update(M: Any, *given: Any, **options: Any) -> Any:
    """What has been learnt after one more update.

    update(M, π, θ, *, rng=None, τs=None) -> θ_new
        M is an update of chapter 12, such as `NaturalPolicyUpdate`; π the policy; θ (n,) its parameters, which are not
        modified; θ_new (n,) the parameters after the step. With recorded trajectories τs nothing is simulated and
        M.d and M.m are ignored; without, M.m trajectories of depth M.d are rolled out once, with random numbers from
        rng (None, an int or a numpy Generator; the same seed gives the same bits). `step` takes the same arguments
        and also says what happened.
    update(M, π, θ, φ, *, rng=None, τs=None) -> (θ_new, φ_new)
        M has a critic: `ActorCriticUpdate` (chapter 13) or `TrustRegionPolicyOptimization`; φ are the critic's
        parameters.

    Raises TypeError for an M that is not known, or where φ is missing or has no use; ValueError, before any rollout,
    for θ of the wrong length or not finite, and for states, actions, rewards or scores that are not finite.
    """
    unknown(update, "M", M)


@singledispatch
def step(M: Any, π: Any, θ: Any, φ: Any = None, *, rng: Any = None, τs: Any = None) -> Any:
    """One update of θ by M, as a `Step` that says what happened (chapters 12 and 13).

    The arguments and errors are those of `update`; θ after the update is `step(...).θ`.
    """
    unknown(step, "M", M)


@singledispatch
def follow(M: Any, here: Any) -> Any:
    """The body of an update rule: the `Step` that M makes, given a local model `here` of objective and divergence.

    The rule does not know who made the local model: recorded trajectories, expectations, a critic or a batch of
    environment steps. A new rule is a struct and one function registered here.
    """
    unknown(follow, "M", M)


@singledispatch
def gradient(M: Any, π: Any, θ: Any, φ: Any = None, *, rng: Any = None, τs: Any = None) -> Any:
    """An estimate of ∇U(θ), (n,), by the estimator M (chapter 11).

    With a critic (chapter 13) the pair (grad_θ, grad_φ).

    π is the policy, θ (n,) its parameters, φ the critic's. With recorded trajectories τs nothing is simulated, and
    M.d and M.m are ignored; estimators that must perturb θ refuse them. rng: None, an int or a numpy Generator.

    Raises TypeError for an M that is not known; ValueError, before any rollout, for θ of the wrong length or not
    finite, and for a state, action, reward or score that is not finite, naming it.
    """
    unknown(gradient, "M", M)


@singledispatch
def rollouts(P: Any, b: Any, π: Any, θ: Any, d: int, m: int, rng: Any = None) -> Any:
    """m `Trajectories` of depth d of the problem P under π_θ, from start states s ~ b (algorithm 11.1).

    θ is (n,), or (m, n) for parameters of each trajectory's own. Time and memory grow with m·d only.

    Raises TypeError where P cannot be simulated; ValueError if d < 1 or m < 1, for θ of the wrong shape or not finite,
    and for a state, action or reward that is not finite, naming the quantity, the trajectory and the step.
    """
    unknown(rollouts, "P", P)


def unknown(verb: Any, name: str, x: Any) -> NoReturn:
    """Raise TypeError: x is no first argument of the verb."""
    raise TypeError(f"{name} = {x!r}: {verb.__name__} knows {known(verb)}")


def known(verb: Any) -> str:
    """The names of the structs that a verb knows, of the parts of the book that are loaded."""
    names = {leaf.__name__ for t in verb.registry if t is not object for leaf in _leaves(t)}
    return ", ".join(sorted(name for name in names if not name.startswith("_")))


def _leaves(t: type) -> list[type]:
    """The classes without subclasses below t, t itself if it has none."""
    below: list[type] = t.__subclasses__()
    return [leaf for sub in below for leaf in _leaves(sub)] or [t]
