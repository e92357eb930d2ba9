"""δ falls in the last share of a run, and the run is told how much of it has passed by its steps or updates."""

import attrs
import numpy as np
import pytest

from decision_making import (
    LinearCritic,
    TrustRegionPolicyOptimization,
    TrustRegionUpdate,
    for_environment,
    named_rule,
    train,
)
from decision_making.problems import GymnasiumProblem
from decision_making.training import Configuration, resume, run
from decision_making.trust_region_policy_optimization.update import annealed

SMALL = {"env": "CartPole-v1", "n_envs": 2, "steps_per_update": 20, "hidden": [4], "critic": "linear"}
P = GymnasiumProblem("Pendulum-v1", 0.99, n_envs=2)
π = P.policy((4,))


def M(anneal, *δ, **options):
    return TrustRegionPolicyOptimization(P, 20, LinearCritic(3), *δ, anneal=anneal, **options)


def bounds(M, **limits):
    """δ of each update of a run."""
    found = []
    see = [lambda row, taken: found.append(taken.M.δ)]
    train(M, π, π.init(0), M.critic.init(), rng=0, callbacks=see, **limits)
    return found


def expected(anneal, updates, total):
    """δ clip((1 - t) / a, 1/20, 1) before each update, for δ = 0.1."""
    return [0.1 * min(1, max((1 - k / total) / anneal, 0.05)) for k in range(updates)]


@pytest.mark.parametrize("anneal", [0.1, 0.5, 1.0])
def test_δ_falls_in_proportion_to_the_updates_that_are_left(anneal):
    assert bounds(M(anneal, 0.1), updates=10) == pytest.approx(expected(anneal, 10, 10))


@pytest.mark.parametrize("limit", [{"updates": 4}, {"updates": 6}, {"steps": 50}, {"steps": 120}])
def test_run_resumed_with_a_limit_that_it_has_passed_takes_no_more_steps(limit, tmp_path):
    θ, φ, options = π.init(0), M(0.0).critic.init(), {"folder": tmp_path, "checkpoint_every": 3}
    done = train(M(1.0, 0.1), π, θ, φ, rng=0, updates=7, **options)
    again = train(M(1.0, 0.1), π, θ, φ, resume=True, **limit, **options)
    np.testing.assert_array_equal(again.metrics, done.metrics[:6])
    ((name, most),) = limit.items()
    assert again.reason == f"stopped by {name} = {most}"


def test_gate_takes_its_share_of_the_annealed_bound():
    """δ_t = δ clip(explained, g, 1) clip((1 - t) / a, 1/20, 1), both from the records of the run."""
    taken = []
    see = [lambda row, step: taken.append((step.rule.ε, row["explained_variance"]))]
    train(M(0.5, 0.1, gate=0.3), π, π.init(0), M(0.0).critic.init(), rng=0, callbacks=see, updates=10)
    due = [δ * min(max(explained, 0.3), 1) for δ, (_, explained) in zip(expected(0.5, 10, 10), taken, strict=True)]
    assert [ε for ε, _ in taken] == pytest.approx(due)


def test_δ_falls_in_proportion_to_the_steps_that_are_left():
    assert bounds(M(0.5, 0.1), steps=200) == pytest.approx(expected(0.5, 10, 10))
    assert bounds(M(0.5, 0.1), steps=190) == pytest.approx(expected(0.5, 10, 9.5))


def test_of_two_limits_the_one_that_ends_the_run_counts():
    assert bounds(M(0.5, 0.1), steps=200, updates=40) == pytest.approx(expected(0.5, 10, 10))
    assert bounds(M(0.5, 0.1), steps=800, updates=10) == pytest.approx(expected(0.5, 10, 10))


def test_time_and_returns_say_nothing_of_how_much_is_left():
    found = []
    five = [lambda row, taken: found.append(taken.M.δ) or len(found) == 5]
    train(M(1.0, 0.1), π, π.init(0), M(1.0).critic.init(), rng=0, callbacks=five, seconds=600, threshold=1e9)
    assert found == [0.1] * 5


def test_without_anneal_δ_stays_and_a_step_alone_has_all_of_it():
    assert bounds(M(0.0, 0.1), updates=4) == [0.1] * 4
    assert M(1.0, 0.1).δ == M(1.0, 0.1).update_rule.ε == 0.1


@pytest.mark.parametrize("rule", ["trust_region", "natural", "restricted", TrustRegionUpdate.rule(0.1, 0.5)])
def test_rules_with_a_bound_are_annealed_and_keep_the_rest(rule):
    δ = (0.1,) if isinstance(rule, str) else ()
    whole = M(0.5, *δ, rule=rule, gate=0.1, λ=0.9)
    half = annealed(whole, 0.75)
    assert half.δ == half.update_rule.ε == pytest.approx(0.05)
    assert repr(attrs.evolve(half.update_rule, ε=0.1)) == repr(whole.update_rule)
    rest = [a.name for a in attrs.fields(type(whole)) if a.name not in ("rule", "_δ")]
    assert all(getattr(half, name) is getattr(whole, name) for name in rest)
    assert annealed(whole, 0.5) is annealed(whole, 0.0) is whole
    assert annealed(whole, 1.5).δ == annealed(whole, 1.0).δ == annealed(whole, 0.99).δ == pytest.approx(0.005)


@pytest.mark.parametrize("rule", ["penalized", "clamped", "gradient", named_rule("clamped", ε=0.3)])
def test_rules_without_a_bound_are_not_annealed(rule):
    whole = M(0.5, rule=rule)
    assert annealed(whole, 0.9) is whole


@pytest.mark.parametrize("anneal", [-0.1, 1.1, np.nan, True, "x", None])
def test_share_of_a_run_that_is_none_is_refused(anneal):
    with pytest.raises(ValueError, match=r"TrustRegionPolicyOptimization\.anneal = .*: must be a number in \[0, 1\]"):
        M(anneal)


def test_divergence_of_the_steps_stays_below_the_annealed_bound():
    history = train(M(1.0, 0.1), π, π.init(0), M(1.0).critic.init(), rng=0, updates=10)
    assert (history["kl"] <= np.array(expected(1.0, 10, 10)) * (1 + 1e-6)).all()
    assert history["kl"][-1] > 0


def test_setting_reaches_the_update_and_is_not_on_by_default():
    assert for_environment("Pendulum-v1").M.anneal == 0
    assert for_environment("Pendulum-v1", anneal=0.3).M.anneal == 0.3
    for preset in ("tutorial", "sb3-contrib", "paper"):
        assert Configuration({"env": "Pendulum-v1", "preset": preset})["anneal"] == 0


def test_resumed_run_follows_the_limit_it_is_given_then(tmp_path):
    """δ is that of a run to 16 updates from where a run to 8 is resumed."""
    found = []
    c = Configuration({**SMALL, "updates": 8, "checkpoint_every": 4, "delta": 0.1, "anneal": 0.5})
    run(c, tmp_path / "a")
    resume(tmp_path / "a", updates=16, callbacks=[lambda row, taken: found.append((row["update"], taken.M.δ))])
    assert [update for update, _ in found] == list(range(9, 17))
    assert [δ for _, δ in found] == pytest.approx(expected(0.5, 16, 16)[8:])
