"""A run with live environments that is resumed is the run that never stopped, wherever under M its problems hang."""

import numpy as np
import pytest

from decision_making import (
    ActorCritic,
    ActorCriticUpdate,
    FiniteDifferenceGradient,
    NaturalPolicyUpdate,
    PolicyGradientUpdate,
    RewardToGoGradient,
    step,
    train,
)
from decision_making.problems import GymnasiumProblem
from decision_making.structs import struct
from decision_making.training import load_checkpoint
from decision_making.training.loop import live_problems
from tests.training.test_loop import same


def cart(seed=None, **options):
    options = {"n_envs": 3, "normalize_observations": True, "scale_rewards": True, "seed": seed} | options
    return GymnasiumProblem("CartPole-v1", 0.9, **options)


def U(φ, s):
    return φ[0] * s[..., 0]


@struct
class Alternating:
    """Two updates, each of a problem of its own, in a list within a field."""

    both: list


@step.register
def alternating_step(M: Alternating, π, θ, φ=None, *, rng=None, τs=None):
    for one in M.both:
        taken = step(one, π, θ, rng=rng)
        θ = taken.θ
    return taken


UPDATES = {
    "P": lambda: NaturalPolicyUpdate(cart(), [1.0], 15, 6, 1e-2),
    "grad_U.P": lambda: PolicyGradientUpdate(RewardToGoGradient(cart(), [1.0], 15, 6), 1e-2),
    "grad_U.P, perturbed": lambda: PolicyGradientUpdate(FiniteDifferenceGradient(cart(), [1.0], 8, 2, 1e-1), 1e-2),
    "grad_U.P, with a critic": lambda: ActorCriticUpdate(
        ActorCritic(cart(), [1.0], 15, 6, U), NaturalPolicyUpdate.rule(1e-2), 1e-2
    ),
    "both[0].P and both[1].grad_U.P": lambda: Alternating(
        [
            NaturalPolicyUpdate(cart(), [1.0], 15, 6, 1e-2),
            PolicyGradientUpdate(RewardToGoGradient(cart(n_envs=2), [1.0], 15, 6), 1e-2),
        ]
    ),
}


@pytest.mark.parametrize("where", UPDATES)
def test_resumed_run_is_the_run_that_never_stopped_wherever_its_problem_hangs(where, tmp_path):
    def trained(updates, **options):
        M = UPDATES[where]()
        π = live_problems(M)[0].policy((3,))
        φ = ([0.1],) if isinstance(M, ActorCriticUpdate) else ()
        history = train(M, π, π.init(0), *φ, rng=2, updates=updates, checkpoint_every=2, **options)
        return history, [P.state() for P in live_problems(M)]

    whole, states = trained(5)
    trained(3, folder=tmp_path)
    resumed, again = trained(5, folder=tmp_path, resume=True)
    same(resumed, whole)
    assert len(states) == len(again) == (2 if "both" in where else 1)
    for one, other in zip(states, again, strict=True):
        for name, x in one.items():
            np.testing.assert_array_equal(x, other[name], err_msg=name)


def test_each_problem_has_entries_of_its_own_in_a_checkpoint(tmp_path):
    M = UPDATES["both[0].P and both[1].grad_U.P"]()
    π = live_problems(M)[0].policy((3,))
    train(M, π, π.init(0), rng=2, updates=1, folder=tmp_path)
    arrays, _ = load_checkpoint(tmp_path / "checkpoint.npz")
    state = live_problems(M)[0].state().keys()
    assert set(arrays) == {
        *("θ", "rows", "returns"),
        *(f"problem.{name}" for name in state),
        *(f"problem2.{name}" for name in state),
    }
    one = NaturalPolicyUpdate(cart(), [1.0], 15, 6, 1e-2)
    train(one, π, π.init(0), rng=2, updates=1, folder=tmp_path / "one")
    with pytest.raises(ValueError, match=r"checkpoint\.npz is not a checkpoint of a run: 'problem2"):
        train(M, π, π.init(0), updates=2, folder=tmp_path / "one", resume=True)


def test_a_problem_is_found_once_and_one_without_state_is_not():
    P = cart()
    M = ActorCriticUpdate(ActorCritic(P, [1.0], 5, 2, U), NaturalPolicyUpdate(P, [1.0], 5, 2, 0.1), 0.1)
    assert live_problems(M) == [P]
    assert live_problems({"a": [M, (P,)], "b": lambda: P}) == [P]
    assert live_problems(PolicyGradientUpdate(lambda θ: θ, 0.1)) == []
