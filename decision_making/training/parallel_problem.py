"""A gymnasium problem whose batches are collected by several processes or machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import field

from decision_making.checks import Array, Named, count, refuse
from decision_making.problem import RNG, Actor
from decision_making.problems.fragments import Collected, concatenated
from decision_making.problems.gymnasium_problem import GymnasiumProblem
from decision_making.problems.vector_environments import registered
from decision_making.sampling import default_rng
from decision_making.structs import struct
from decision_making.training.parallel import check_workers, in_parallel
from decision_making.trajectories import Trajectories

if TYPE_CHECKING:
    from decision_making.problems.vector_environments import Given

    Options: TypeAlias = dict[str, Any]  # of GymnasiumProblem, by name
    State: TypeAlias = dict[str, float | Array]
    Block: TypeAlias = tuple[Given, Options, State, Actor, Array, int, np.random.Generator]


@struct(frozen=False, repr=False)
class ParallelProblem(GymnasiumProblem):
    """A gymnasium problem that collects whole episodes in `blocks` tasks, handed out by `in_parallel`.

    Each task makes n_envs copies of the environment, resets them from a random stream of its own, and each copy plays
    episodes until it has its share of the steps and the episode that then goes on has ended: no episode is cut but by
    the environment, and none goes on in the next batch. Statistics are frozen within a batch, and taken in block by
    block. So a batch depends on the generator and on `blocks`, not on the number of workers, bit for bit, and so does
    any update of it; `train` with such a problem trains one learner on many workers.

    Long episodes are more likely to be the last of a copy, so that the plain mean of the N episodes of a batch is
    biased: by up to σ c / N, for returns of deviation σ and lengths of deviation c times their mean, against its
    standard error σ / √N. What a run reports as the mean return and length of an update is weighted so that it is not
    biased (see `unbiased_weights`); the update itself, which averages over the steps of the batch, has a bias of that
    order, and so has the mean of all returns of a batch. One copy with room for one or two episodes is the worst case
    (a plain mean of 3.1 for 5 in the test of it); 128 copies leave less than c / 11 standard errors.

    `env` is an id or a factory, which the workers call. Without `workers` and `scheduler` joblib's configuration around
    the call says where the tasks run. Raises TypeError for an environment that is already made: it lives here.
    """

    blocks: int = field(default=16, kw_only=True, validator=count)  # tasks of a batch
    workers: int | None = field(default=None, kw_only=True)  # processes of this machine; -1: as many as cores
    scheduler: str | None = field(default=None, kw_only=True)  # address of a Dask cluster, instead of workers

    _given: Given = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not (isinstance(self.env, str) or callable(self.env)):
            allowed = "an id or a factory: each task makes environments of its own"
            refuse("ParallelProblem", "env", self.env, allowed, TypeError)
        check_workers(self.workers, self.scheduler)
        self._given = registered(self.env) if isinstance(self.env, str) else self.env
        super().__attrs_post_init__()

    def __repr__(self) -> str:
        text = super().__repr__().replace("Gymnasium", "Parallel", 1)
        return text.replace(", n_envs", f", blocks={self.blocks}, n_envs", 1)

    def collect(self, π: Actor, θ: Array, steps: int, rng: RNG = None) -> Trajectories:
        """At least `steps` environment steps under π_θ, in whole episodes; a row is one of them.

        Raises as the `collect` of GymnasiumProblem and as `in_parallel` do, and ValueError for an episode that does not
        end in 100,000 steps.
        """
        count(None, Named("steps"), steps)
        self.begin()  # the statistics that all blocks begin with
        options: Options = {
            "γ": self.γ,
            "n_envs": self.n_envs,
            "normalize_observations": self.normalize_observations,
            "scale_rewards": self.scale_rewards,
            "rescale_actions": self.rescale_actions,
            "noise_correlation": self.noise_correlation,
        }
        share = -(-steps // (self.blocks * self.n_envs))
        streams = default_rng(rng).spawn(self.blocks)
        tasks = [(self._given, options, self.state(), π, θ, share, stream) for stream in streams]
        parts: dict[int, Collected] = dict(
            in_parallel(_observed, tasks, workers=self.workers, scheduler=self.scheduler)
        )
        batches = self.learn([parts[i] for i in range(self.blocks)])
        return concatenated(batches, max(τs.r.shape[1] for τs in batches))


def _observed(task: Block) -> Collected:
    """One block of a batch, in a worker."""
    env, options, state, π, θ, k, stream = task
    with GymnasiumProblem(env, **options) as P:
        P.restore(state)
        P.restart(int(stream.integers(2**31)))
        return P.observe(π, θ, k, stream, whole=True)
