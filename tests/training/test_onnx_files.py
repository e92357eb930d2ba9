"""Policies as ONNX models: the same actions from onnxruntime; what cannot be written is refused first."""

import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from decision_making import LinearGaussianPolicy, NeuralPolicy
from decision_making.cli import app
from decision_making.policies.heads import Bernoulli, Categorical, Gaussian, MultiCategorical
from decision_making.problems.vector_environments import unit_box
from decision_making.training import Configuration, TrainedPolicy, export_onnx, load_policy, onnx_files, run

STATISTICS = {"mean": np.array([1.0, -200.0, 0.0]), "variance": np.array([4.0, 1e4, 0.0])}
POLICIES = {
    "choice": (Categorical(4), {}),
    "choice from 3": (Categorical(4), {"start": np.array(3)}),
    "choices": (MultiCategorical((2, 3, 4)), {}),
    "matrix of choices": (MultiCategorical((2, 3, 4, 2)), {"start": np.array([[0, -1], [5, 0]])}),
    "whole numbers": (MultiCategorical((5, 10)), {"start": np.array([-2, 0], np.int32)}),
    "one whole number": (MultiCategorical((256,)), {"start": np.array(-128, np.int8)}),
    "switches": (Bernoulli(3), {}),
    "matrix of switches": (Bernoulli(6), {"start": np.zeros((2, 3), np.int8)}),
    "real numbers": (Gaussian(2), {}),
    "bounded": (Gaussian(2), {"low": np.array([-0.1, -np.inf], np.float32), "high": np.array([0.2, 0.1], np.float32)}),
    "rescaled": (
        Gaussian(2),
        {
            **{"low": np.array([-3, 0], np.float32), "high": np.array([-1, np.inf], np.float32)},
            **unit_box(np.array([-3, 0]), np.array([-1, np.inf])),
        },
    ),
    "matrix": (Gaussian(6), {"low": np.full((2, 3), -0.3), "high": np.full((2, 3), 0.4)}),
    "without axes": (Gaussian(1), {"low": np.array(-0.3, np.float32), "high": np.array(0.4, np.float32)}),
}


def policy_of(name, activation="tanh", statistics=None, hidden=(8, 5), dtype=np.float32):
    head, action = POLICIES[name]
    π = NeuralPolicy((3, *hidden), head, activation=activation)
    θ = π.init(0, last=1.0) + 0.3 * np.random.default_rng(3).standard_normal(π.n)
    return TrainedPolicy(π, θ.astype(dtype), statistics or {}, action)


@pytest.mark.slow
@pytest.mark.parametrize("statistics", [None, STATISTICS], ids=["as they come", "normalised"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("name", POLICIES)
def test_onnxruntime_gives_the_actions_of_the_policy(name, activation, statistics, tmp_path):
    import onnx
    import onnxruntime

    policy = policy_of(name, activation, statistics)
    export_onnx(policy, tmp_path / "new" / "policy.onnx")
    onnx.checker.check_model(str(tmp_path / "new" / "policy.onnx"), full_check=True)
    session = onnxruntime.InferenceSession(tmp_path / "new" / "policy.onnx")
    s = np.random.default_rng(5).normal(size=(50, 3)).astype(np.float32) * 3
    s = s if statistics is None else (STATISTICS["mean"] + np.sqrt(STATISTICS["variance"]) * s).astype(np.float32)
    (found,), expected = session.run(["action"], {"observation": s}), np.asarray(policy.act(s))
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    if expected.dtype.kind in "iu":
        assert len(np.unique(expected)) > 1
    (one,) = session.run(["action"], {"observation": s[:1]})
    np.testing.assert_allclose(one, expected[:1], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [(), (4,), (16, 8, 4)])
def test_networks_of_any_depth_and_float64_are_exported(hidden, tmp_path):
    policy = policy_of("bounded", hidden=hidden, dtype=np.float64)
    assert export_onnx(policy, tmp_path / "policy.onnx", np.ones((7, 3))).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["Sub", "Div", "Tanh", "Add", "Max"])
def test_model_that_gives_something_else_is_not_written(wrong, tmp_path, monkeypatch):
    call = onnx_files._Graph.__call__
    other = {"Sub": "Add", "Div": "Mul", "Tanh": "Relu", "Add": "Sub", "Max": "Min"}[wrong]

    def changed(self, kind, *inputs, **named):
        return call(self, other if kind == wrong else kind, *inputs, **named)

    monkeypatch.setattr(onnx_files._Graph, "__call__", changed)
    policy = policy_of("bounded", "tanh", STATISTICS)
    policy = TrainedPolicy(policy.π, policy.θ + np.float32(0.1), policy.statistics, policy.action)
    with pytest.raises(RuntimeError, match="onnxruntime makes something else of the model"):
        export_onnx(policy, tmp_path / "policy.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_run_is_exported_by_the_command_with_its_statistics(tmp_path, monkeypatch):
    import onnxruntime

    monkeypatch.chdir(tmp_path)
    small = {"env": "Pendulum-v1", "steps_per_update": 400, "hidden": [4], "normalize_observations": True}
    run(Configuration({**small, "updates": 2, "eval_every": 1, "eval_episodes": 2}), "run")
    for option, file in (((), "policy.npz"), (("--best",), "best_policy.npz")):
        done = CliRunner().invoke(app, ["export", "run", "policy.onnx", *option])
        assert (done.exit_code, done.stdout) == (0, "policy.onnx\n"), done.stderr
        s = np.random.default_rng(1).uniform(-1, 1, (20, 3)).astype(np.float32)
        (found,) = onnxruntime.InferenceSession("policy.onnx").run(["action"], {"observation": s})
        np.testing.assert_allclose(found, load_policy(f"run/{file}").act(s), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_policy_that_is_no_network_is_refused(tmp_path):
    with pytest.raises(TypeError, match="must be a policy that is a network, to be exported"):
        export_onnx(TrainedPolicy(LinearGaussianPolicy(), np.array([0.0, 1.0])), tmp_path / "policy.onnx")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("policy.pt", "policy.pt: the name of a model must end in .onnx"),
        ("there.onnx", "there.onnx: must be a file in a folder"),
        ("file/policy.onnx", "file/policy.onnx: must be a file in a folder"),
        ("policy.onnx", "onnx is not installed: pip install 'algorithms-for-decision-making[cli,onnx]'"),
    ],
)
def test_model_that_cannot_be_written_is_refused_in_one_line_before_the_run_is_read(name, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.onnx").mkdir()
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setitem(sys.modules, "onnx", None)
    done = CliRunner().invoke(app, ["export", "no-such-run", name])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert said in done.stderr
