"""When a run ends: after so many updates, environment steps or seconds, or at a mean return."""

from __future__ import annotations

from typing import NamedTuple

from decision_making.checks import Array, Named, count, finite, optional, positive

PATIENCE = 100_000  # steps of each environment in which no episode ends, where only an episode's return can stop a run
IDLE = 100  # updates in which no step is taken, where only steps can stop a run


class Limits(NamedTuple):
    """The limits of a run; it ends at the first that is reached."""

    updates: int | None
    steps: int | None
    seconds: float | None
    threshold: float | None  # mean return of the last `window` episodes
    window: int

    def check(self) -> None:
        """ValueError or TypeError, naming it, for a limit that is none, and where there is not one."""
        if all(x is None for x in (self.updates, self.steps, self.seconds, self.threshold)):
            raise ValueError("updates, steps, seconds, threshold = None: a run needs at least one limit")
        for name, x in (("updates", self.updates), ("steps", self.steps)):
            optional(count)(None, Named(name), x)
        optional(positive)(None, Named("seconds"), self.seconds)
        optional(finite)(None, Named("threshold"), self.threshold)
        count(None, Named("window"), self.window)

    def reached(self, updates: int, steps: int, seconds: float, returns: Array) -> str | None:
        """Which limit has been reached by so many updates and so on, in words; None where none has."""
        last = returns[-self.window :]
        if self.threshold is not None and len(last) == self.window and last.mean() >= self.threshold:
            return f"threshold: the last {self.window} episodes have mean {last.mean():.4g}"
        done = {"updates": updates, "steps": steps, "seconds": seconds}
        for name, x in done.items():
            limit = getattr(self, name)
            if limit is not None and x >= limit:
                return f"{name} = {limit}"
        return None

    def check_that_it_ends(self, updates: int, steps: int, n_envs: int, episodes: int) -> None:
        """ValueError where a run of n_envs environments has done so much, and its only limit may never be reached."""
        others = {self.updates, self.seconds}
        if others == {None} and self.steps is None and not episodes and (steps == 0 or steps // n_envs >= PATIENCE):
            raise ValueError(
                f"threshold = {self.threshold}: no episode has ended in {updates} updates and {steps} steps, so that "
                "it is never reached; give updates, steps or seconds too, or a longer checkpoint_every (checkpoints "
                "cut episodes)"
            )
        if others == {None} and self.steps is not None and steps == 0 and updates >= IDLE:
            raise ValueError(f"steps = {self.steps}: none was taken in {updates} updates; give updates or seconds")
