"""Any gymnasium environment as a problem, rolled out through its vector API."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ParamSpec, TypeAlias, TypeVar

import numpy as np
from attrs import evolve, field
from numpy.typing import ArrayLike

from decision_making.checks import Array, Named, count, count_or_zero, discount, flag, optional
from decision_making.policies import heads
from decision_making.policies.neural import NeuralPolicy
from decision_making.problem import RNG, Actor
from decision_making.problems.copies import begin_staggered, uncut
from decision_making.problems.correlated_noise import drawn
from decision_making.problems.flattening import flat_width, flattened, is_binary, last_flattened
from decision_making.problems.fragments import Collected, Played, concatenated, fragments, unbiased_weights
from decision_making.problems.running_statistics import Normalization, RunningStatistics
from decision_making.problems.vector_environments import (
    action_convention,
    autoreset_mode,
    close,
    name_of,
    sent_actions,
    vector_environment,
)
from decision_making.sampling import default_rng
from decision_making.simulation import check_parameters, rollouts, tally
from decision_making.structs import struct
from decision_making.trajectories import Trajectories

if TYPE_CHECKING:
    from decision_making.problems.vector_environments import Given, Vector

Head: TypeAlias = heads.Categorical | heads.MultiCategorical | heads.Bernoulli | heads.Gaussian
Q = ParamSpec("Q")
X = TypeVar("X")

MAX_STEPS = 100_000  # that an episode may take while others wait for it


def _replaced_later(env: Given) -> Vector:
    """For type checkers alone: `__attrs_post_init__` makes a vector environment of the argument."""
    return env  # type: ignore[return-value]


@struct(frozen=False, repr=False)
class GymnasiumProblem:
    """A gymnasium environment as a problem, n_envs copies of it stepped at once.

    Unlike other problems it changes as it is used: episodes go on from one `collect` to the next, until `restart` ends
    them. Observations are flattened to vectors, as `gymnasium.spaces.flatten` does it. The statistics for normalised
    observations and scaled rewards do not change within one `collect`, `rollouts` or estimate of a gradient, nor in a
    search, which does not add to them. A policy's real actions are rescaled (`unit_box`), then clipped to their bounds.
    `noise_correlation` is for `collect` and `rollouts` (see `correlated_noise`), `stagger` for `collect` alone, of
    environments made here: it cuts the first episodes at different times (`begin_staggered`), and does not report them.

    `env` is an id or an EnvSpec, an environment (then n_envs is 1), a factory, or a vector environment; an id
    "module:name" imports the module, and so runs its code. An AsyncVectorEnv in SAME_STEP mode must have a fresh array
    from a reset: gymnasium sends the last observation after it. Raises ValueError or TypeError for an unknown id, an
    action or observation space that is not supported, a discount outside [0, 1].
    """

    env: Vector = field(converter=_replaced_later, repr=False)  # id, environment, factory or vector environment
    γ: float = field(validator=discount)  # discount factor
    n_envs: int = field(default=8, kw_only=True, validator=count)  # number of copies
    normalize_observations: bool | None = field(default=False, kw_only=True, validator=optional(flag))  # None: if real
    scale_rewards: bool = field(default=False, kw_only=True, validator=flag)  # divide them by the returns' deviation
    rescale_actions: bool = field(default=True, kw_only=True, validator=flag)  # -1 and 1 are the bounds of a Box
    noise_correlation: float = field(default=0.0, kw_only=True, validator=discount)  # ρ, in a quarter of the copies
    stagger: bool = field(default=False, kw_only=True, validator=flag)  # let the copies' episodes end in turn
    seed: int | None = field(default=None, kw_only=True, validator=optional(count_or_zero))  # of the first reset

    name: str = field(init=False)  # of the environment, for messages
    head: Head = field(init=False)  # the distribution that suits the action space
    action_convention: dict[str, Array] = field(init=False, repr=False)  # how the environment counts or bounds actions
    observation_width: int = field(init=False)  # of a flattened observation
    steps: int = field(init=False, default=0)  # environment steps taken
    episodes: tuple[Array, Array] = field(init=False, repr=False)  # returns and lengths of the last batch's
    _mode: str = field(init=False, repr=False)  # when the environments reset themselves
    _statistics: Normalization = field(init=False, repr=False)
    _live: dict[str, Array] | None = field(init=False, repr=False, default=None)  # of the episodes under way

    S = A = T = b = terminal = None

    def __attrs_post_init__(self) -> None:
        self.name = name_of(self.env)
        self.env = vector_environment(self.env, self.n_envs)
        self.n_envs, self._mode = self.env.num_envs, autoreset_mode(self.env)
        self.head = heads.suited(self.env.single_action_space)
        self.action_convention = action_convention(self.env.single_action_space, rescaled=self.rescale_actions)
        self.observation_width = flat_width(self.env.single_observation_space)
        if self.normalize_observations is None:
            self.normalize_observations = not is_binary(self.env.single_observation_space)
        nothing = RunningStatistics.empty(self.observation_width), RunningStatistics.empty(1)
        self._statistics = Normalization(self.normalize_observations, self.scale_rewards, *nothing)
        self.episodes = np.empty(0), np.empty(0, int)

    def __repr__(self) -> str:
        options = "".join(f", {x}=True" for x in ("normalize_observations", "scale_rewards") if getattr(self, x))
        return f"GymnasiumProblem({self.name!r}, γ={self.γ:g}, n_envs={self.n_envs}{options}, {self.steps} steps taken)"

    def policy(self, hidden: tuple[int, ...] = (64, 64), *, activation: str = "tanh") -> NeuralPolicy:
        """A network that suits the spaces, its hidden layers of these widths ending in "tanh" or "relu"."""
        return NeuralPolicy((self.observation_width, *hidden), self.head, activation=activation)

    @property
    def observation_statistics(self) -> dict[str, Array] | None:
        """Mean and variance that observations are normalised with; None if they are not."""
        if not self.normalize_observations:
            return None
        observed = self._statistics.observed
        return {"mean": observed.mean.copy(), "variance": observed.variance.copy()}

    def restart(self, seed: int | None) -> dict[str, Array]:
        """End all episodes and reset the environments with the seed; resets after that are not seeded.

        Returns the record of the episodes under way, with arrays that have an entry for each copy.
        """
        self._live = None
        observation, _ = self._asked(self.env.reset, seed=None if seed is None else int(seed % 2**31))
        n = self.n_envs
        self._live = {
            "observation": self._finite(self._flat(observation), np.zeros(n)),
            "skip": np.zeros(n, bool),  # the step after an end, in NEXT_STEP autoreset
            "return": np.zeros(n),
            "discounted": np.zeros(n),
            "length": np.zeros(n, int),
        }
        return self._live

    def begin(self) -> dict[str, Array]:
        """The episodes under way, begun if there are none; empty statistics get a guess from their observations."""
        live = self._live or self.restart(self.seed)
        self._statistics.begin(live["observation"])
        return live

    @property
    def acquainted(self) -> bool:
        """Whether the statistics, where there are any, come from data; else they are a guess."""
        return self._statistics.acquainted

    def frozen(self, *, learn: bool = True) -> AbstractContextManager[None]:
        """Within it the statistics do not change; the data seen are added at the end, unless `learn` is False."""
        return self._statistics.frozen(learn=learn)

    def _asked(self, method: Callable[Q, X], *arguments: Q.args, **options: Q.kwargs) -> X:
        """The result of a method of the environments; RuntimeError, naming both, where it raises."""
        try:
            return method(*arguments, **options)
        except Exception as error:
            raise RuntimeError(f"{self.name}: {method.__name__} raised {type(error).__name__}: {error}") from error

    def _rows(self, what: str, x: ArrayLike, dtype: type) -> Array:
        """x as an array with one number for each environment; a copy, since environments may reuse their buffers."""
        try:
            x = np.array(x, dtype=dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{self.name}: {what} is not of numbers: {error}") from error
        if x.shape != (self.n_envs,):
            raise ValueError(f"{self.name}: {what} has shape {x.shape}: must be {(self.n_envs,)}")
        return x

    def _flat(self, observation: object, ended: int | None = None) -> Array:
        """Observations (n_envs, width), in a fresh array; from the info of a step the last one (width,) of a copy."""
        try:
            if ended is None:
                return flattened(self.env.single_observation_space, observation, (self.n_envs,))
            return last_flattened(self.env.single_observation_space, observation, ended)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from error

    def _finite(self, x: Array, r: Array) -> Array:
        """Flat observations x, if they and the rewards r that came with them are finite; else ValueError."""
        with np.errstate(over="ignore", invalid="ignore"):
            finite = math.isfinite(np.add.reduce(x, axis=None) + np.add.reduce(r))  # quick: else a second look
        if not finite:
            bad = ~(np.isfinite(r) & np.isfinite(x).all(axis=1))
            if bad.any():
                i = int(np.argmax(bad))
                steps = 0 if self._live is None else self._live["length"][i]
                raise ValueError(
                    f"{self.name}: environment {i} gave reward {r[i]} and observation {x[i]} after {steps} steps "
                    "of its episode: must be finite"
                )
        return x

    def collect(self, π: Actor, θ: Array, steps: int, rng: RNG = None) -> Trajectories:
        """`steps` environment steps under π_θ, steps / n_envs in each copy; a row is an episode or a piece of one.

        A row cut by the end of the batch or by a time limit is `truncated`, and `s_end` is its true last observation.
        Copies that did nothing but reset themselves, which takes a step in NEXT_STEP mode, do one more.
        Raises ValueError if n_envs does not divide `steps`, and if an observation or reward is not finite or of the
        wrong shape, naming it; RuntimeError, naming the environment, where it raises itself.
        """
        if steps < self.n_envs or steps % self.n_envs:
            raise ValueError(f"steps = {steps}: must be a multiple of n_envs = {self.n_envs}")
        live = self.begin()
        if self.stagger and "staggered" not in live:
            live["staggered"] = begin_staggered(self.env)
        return self.learn([self.observe(π, θ, steps // self.n_envs, rng)])[0]

    def observe(
        self, π: Actor, θ: Array, k: int, rng: RNG = None, *, whole: bool = False, copies: int | None = None
    ) -> Collected:
        """k steps of each copy under π_θ; if `whole`, each then goes on until the episode of its k-th step has ended.

        With `copies` only that many, the first ones, count, each until its episode ends, or for k steps if that is
        earlier. The statistics stay as they are: `learn` adds to them. Raises the errors of `collect`, and ValueError
        where the end of an episode is more than 100,000 steps away.
        """
        live, rng = self.begin(), default_rng(rng)
        record: dict[str, list[Array]] = {
            name: [] for name in ("raw", "s", "a", "r", "next", "real", "terminated", "over")
        }
        going, taken, spent = np.arange(self.n_envs) < (copies or self.n_envs), np.zeros(self.n_envs, int), 0
        discounted, returns, lengths, ended = [], [np.empty(0)], [np.empty(0, int)], [np.empty(0, int)]
        while going.any():
            raw, real = live["observation"], going & ~live["skip"]
            spent += int(np.count_nonzero(~live["skip"]))
            s = self._statistics.seen(raw)
            a = drawn(live, self.noise_correlation, getattr(self.head, "k", 0), π, θ, s, rng)
            r, s_next, terminated, over = self.advance(live, a)
            for column, x in zip(record.values(), (raw, s, a, r, s_next, real, terminated, over), strict=True):
                column.append(x)
            if self.scale_rewards:
                with np.errstate(over="ignore"):
                    live["discounted"] = live["discounted"] * self.γ + r
                discounted.append(live["discounted"].copy())
            if over.any():
                counted = going & uncut(self.env, over)
                returns.append(live["return"][counted])
                lengths.append(live["length"][counted])
                ended.append(np.flatnonzero(counted))
                for name in ("return", "discounted", "length"):
                    live[name][over] = 0
            taken += real
            if copies is not None:
                going = going & ~over & (taken < k)
                continue
            if not whole:
                if len(record["r"]) >= k and np.any(record["real"]):
                    break
                continue
            going = going & ~(over & (taken >= k))
            if (live["length"][going] >= MAX_STEPS).any():
                raise ValueError(f"{self.name}: an episode takes more than {MAX_STEPS} steps")
        columns = {name: np.concatenate(x).reshape(len(x), *x[0].shape) for name, x in record.items()}
        columns["next"], raw, real = self._statistics.seen(columns["next"]), columns.pop("raw"), columns["real"]
        observed, returned = RunningStatistics.empty(self.observation_width), RunningStatistics.empty(1)
        if self.normalize_observations:
            observed = RunningStatistics.of(raw[real].astype(np.float64))
        if self.scale_rewards:
            with np.errstate(over="ignore", invalid="ignore"):  # `learn` raises where they are too large
                returned = RunningStatistics.of(np.stack(discounted)[real][:, None])
        τs, origin = fragments(columns)
        episodes = np.concatenate(returns), np.concatenate(lengths)
        if copies is not None:
            episodes = τs.r.sum(axis=1), τs.lengths
        weights = unbiased_weights(episodes[1], np.concatenate(ended), k) if whole else None
        return Collected(τs, origin, episodes, weights, spent, observed, returned)

    def learn(self, collected: Sequence[Collected]) -> list[Trajectories]:
        """Add what was collected to the counts and statistics; its trajectories, rewards scaled if `scale_rewards`.

        ValueError where rewards are too large to be scaled: the variance of their discounted returns overflows.
        """
        spent = sum(x.spent for x in collected)
        self.steps += spent
        returns, lengths = zip(*(x.episodes for x in collected), strict=True)
        self.episodes = np.concatenate(returns), np.concatenate(lengths)
        weights = [x.weights for x in collected if x.weights is not None]
        tally(*self.episodes, spent, np.concatenate(weights) / len(weights) if weights else None)
        with self.frozen(), np.errstate(over="ignore", invalid="ignore"):
            for x in collected:
                self._statistics.see(x.observed, x.returned)
            if not np.isfinite(self._statistics.latest.returned.variance).all():
                largest = max(np.abs(x.τs.r).max() for x in collected)
                raise ValueError(
                    f"{self.name}: scale_rewards = True: the variance of the discounted returns overflows, with "
                    f"rewards of up to {largest:.4g}; divide them by a constant in the environment"
                )
            scaled = self._statistics.scaled
            return [evolve(x.τs, r=scaled(x.τs.r)) if self.scale_rewards else x.τs for x in collected]

    def play(
        self, act: Callable[[Array], Array], episodes: int, seed: int | None = None, max_steps: int = MAX_STEPS
    ) -> Played:
        """Play whole episodes with actions act(observations).

        Observations are as the environment gives them, not normalised. Every copy plays the same number of episodes,
        or one more, so that short ones are not favoured. The statistics and the count of steps do not change. Episodes
        that `collect` has begun end here.
        Raises ValueError where an episode takes more than max_steps, or an observation or reward is not finite.
        """
        live, n = self.restart(seed), self.n_envs
        left = episodes // n + (np.arange(n) < episodes % n)
        played = []
        while left.any():
            *_, over = self.advance(live, act(live["observation"]))
            ended = over & (left > 0)
            played.append((live["return"][ended], live["length"][ended], np.flatnonzero(ended)))
            left -= ended
            live["return"][over], live["length"][over] = 0, 0
            if (live["length"] >= max_steps).any():
                raise ValueError(f"{self.name}: an episode takes more than max_steps = {max_steps} steps")
        self._live = None
        return Played(*map(np.concatenate, zip(*played, strict=True)))

    def advance(self, live: dict[str, Array], a: Array) -> tuple[Array, Array, Array, Array]:
        """One step of all copies: rewards, the observations it led to, which terminated, which ended at all.

        Resets those that ended, in the mode of the environment; a step that only resets has reward 0 and no end.
        """
        mode, a = self._mode, sent_actions(self.env.single_action_space, a, self.action_convention)
        observation, r, terminated, truncated, info = self._asked(self.env.step, a)
        real = ~live["skip"]
        r = np.where(real, self._rows("reward", r, np.float64), 0.0)
        observation = self._finite(self._flat(observation), r)
        terminated, truncated = (
            self._rows(name, x, bool) for name, x in (("terminated", terminated), ("truncated", truncated))
        )
        over, last = (terminated | truncated) & real, observation
        if mode == "same_step" and over.any():
            last = observation.copy()
            for i in np.flatnonzero(over).tolist():
                last[i] = self._flat(info, ended=i)
            self._finite(last, r)
        with np.errstate(over="ignore"):  # of their sum too
            live["return"] += r
            overflow = not math.isfinite(live["return"].sum()) and not np.isfinite(live["return"]).all()
        if overflow:
            bad = int(np.argmin(np.isfinite(live["return"])))
            raise ValueError(
                f"{self.name}: environment {bad} gave reward {r[bad]}: the return of its episode overflows"
            )
        live["length"] += real
        if mode == "next_step":
            live["skip"] = over
        elif mode == "disabled" and over.any():
            given, _ = self._asked(self.env.reset, options={"reset_mask": over})
            observation = self._finite(self._flat(given), np.zeros(self.n_envs))
        live["observation"] = observation
        return r, last, terminated & real, over

    def state(self) -> dict[str, float | Array]:
        """The statistics and counts; with `restart` all that a resumed run needs."""
        return {"steps": self.steps, **self._statistics.state()}

    def restore(self, state: Mapping[str, float | Array]) -> None:
        """Put back what `state` gave."""
        if np.shape(state["observed_mean"]) != (self.observation_width,):
            raise ValueError(
                f"state: has statistics of observations {np.shape(state['observed_mean'])}, this problem's are "
                f"{(self.observation_width,)}"
            )
        self.steps = int(state["steps"])
        self._statistics.restore(state)

    def close(self) -> None:
        """Close the environments; where that fails, it is a warning."""
        close(self.env, self.name)

    def __enter__(self) -> GymnasiumProblem:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@rollouts.register
def rollouts_in_environments(
    P: GymnasiumProblem, b: object, π: Actor, θ: Array, d: int, m: int, rng: RNG = None
) -> Trajectories:
    """m episodes of at most d steps, each from a fresh reset.

    The environments have start states of their own: b is not used. Episodes that `collect` has begun end here. The
    copies play side by side, one episode each, until the last of them ends; then the next round begins. The steps that
    copies make while they wait are not in the trajectories, but are counted.
    """
    rng, θ, n = default_rng(rng), np.asarray(θ), P.n_envs
    count(None, Named("d"), d)
    count(None, Named("m"), m)
    check_parameters(π, θ)
    if θ.ndim == 2 and len(θ) != m:
        raise ValueError(f"θ has shape {θ.shape}: must be (n,), or (m, n) with m = {m}")
    rounds = []
    with P.frozen():
        for first in range(0, m, n):
            stream = default_rng(int(rng.integers(2**63)))  # of the round, whatever the length of the others' episodes
            own = θ if θ.ndim == 1 else θ[np.minimum(np.arange(first, first + n), m - 1)]
            P.restart(int(stream.integers(2**31)))
            rounds.append(P.observe(π, own, d, stream, copies=min(n, m - first)))
        P.restart(int(rng.integers(2**31)))
        return concatenated(P.learn(rounds), d)
