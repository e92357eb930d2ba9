"""What `train` and `run` call after every update."""

from __future__ import annotations

from typing import Protocol

from decision_making.sequential_problems.policy_gradient_optimization import Step


class Callback(Protocol):
    """Any callable of two arguments, called after every update; True as its answer stops the run.

    `row` are the METRICS of the update by name, NaN where one does not apply: update, steps, return_mean, kl, and so
    on. `taken` is its `Step`: the parameters θ, whether they moved and why, what was known at both ends. Both may be
    kept, and neither may be changed. The callbacks of a run are called in their order, all of them, after metrics.csv
    has got its line and what the run's settings ask for is done (an evaluation, event files), and before a checkpoint.
    What one of them raises stops the run and passes through; the checkpoint before is still there. A callback has no
    part in checkpoints: in a run that is resumed it begins anew, with the first update after the last checkpoint.
    """

    def __call__(self, row: dict[str, float], taken: Step, /) -> object:
        """After an update: look, and answer True to stop."""
