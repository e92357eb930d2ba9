"""Named presets: the settings of peers, whole, for runs beside theirs.

A preset says every setting that changes what is learnt, so that it stays what it is when the library's own defaults
change. What its source leaves open has the value in the note. All are of the update trust-region on gymnasium
environments; the limits, the seed and γ may be set as in any run, and any other setting too.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Preset(NamedTuple):
    """The settings of a peer, and where they are from."""

    settings: dict[str, Any]  # by name
    note: str  # source, and what it leaves open


NONE = 1e9  # nats, a bound that bounds nothing

# what the three have in common, and none of them says: as in the field's usual code, and without this library's helps
_USUAL: dict[str, Any] = {
    "update": "trust-region",
    "gamma": 0.99,
    "delta": 0.01,
    "alpha": 0.8,
    "max_backtracks": 10,
    "max_kl": NONE,
    "fisher_subsample": 1.0,
    "blocks": 0,
    "minibatch": 64,
    "activation": "tanh",
    "critic": "neural",
    "critic_hidden": None,
    "critic_optimizer": "adam",
    "critic_iterations": 10,
    "critic_learning_rate": 1e-3,
    "critic_minibatch": 128,
    "advantage": "generalized",
    "normalize_advantages": True,
    "gate": None,
    "anneal": 0.0,
    "selection": 0.0,
    "log_sigma": 0.0,
    "noise_correlation": 0.0,
    "rescale_actions": False,
    "stagger": False,
    "normalize_observations": False,
    "scale_rewards": False,
}

PRESETS = {
    "tutorial": Preset(
        {
            **_USUAL,
            "hidden": [24, 24],
            "lambda": 0.95,
            "cg_iterations": 10,
            "damping": 0.1,
            "n_envs": 1,
            "steps_per_update": 2048,
        },
        "what tutorials of TRPO on CartPole take: a 24-24 network, γ 0.99, λ 0.95, δ 0.01, ten conjugate gradient "
        "iterations. They leave open the batch, the damping and the critic's fit: those are sb3-contrib's.",
    ),
    "sb3-contrib": Preset(
        {
            **_USUAL,
            "hidden": [64, 64],
            "lambda": 0.95,
            "cg_iterations": 15,
            "damping": 0.1,
            "n_envs": 1,
            "steps_per_update": 2048,
        },
        "the defaults of TRPO in sb3-contrib 2.9: one environment, 2048 steps, a 64-64 tanh network, 15 conjugate "
        "gradient iterations, damping 0.1, the critic by 10 epochs of Adam in minibatches of 128.",
    ),
    "paper": Preset(
        {
            **_USUAL,
            "hidden": [50],
            "lambda": 1.0,
            "cg_iterations": 10,
            "damping": 0.0,
            "fisher_subsample": 0.1,
            "advantage": "reward_to_go",
            "n_envs": 8,
            "steps_per_update": 50_000,
        },
        "Schulman et al. 2015, single path: returns instead of a critic's advantages, Fisher products on a tenth of "
        "the states, 50,000 steps an update, a hidden layer of 50. It leaves open the factor of the line search "
        "(0.8 here), and whether the returns are normalised (they are here). A critic is fitted and not used.",
    ),
}
