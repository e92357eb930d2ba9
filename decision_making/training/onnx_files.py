"""A trained policy as an ONNX model, for programs without this library, or without Python. Needs the extra "onnx".

The model has one input, "observation" (batch, width) of float32, flat and as the environment gives it, and two outputs:
"action", what `TrainedPolicy.act` gives, and "outputs" (batch, k), what the network says: logits, log-odds or means.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from decision_making.checks import Array, refuse
from decision_making.files import path_of, write_whole
from decision_making.policies import NeuralPolicy
from decision_making.policies.heads import Bernoulli, Categorical, Gaussian, MultiCategorical
from decision_making.problems.running_statistics import CLIP
from decision_making.training.policy_files import TrainedPolicy

OPSET, FORMAT = 17, 8  # versions that onnxruntime has known since 2022
CHECKED = 256  # observations on which a model is compared with its policy
TOLERANCE = 1e-4  # of float32, relative to the largest output


def check_onnx(path: Path | str) -> None:
    """Whether a model can be written to `path`: ValueError for a name that does not end in .onnx, OSError where no file
    can be there, ModuleNotFoundError without the packages.
    """
    path = path_of(path)
    if path.suffix.lower() != ".onnx":
        raise ValueError(f"{path}: the name of a model must end in .onnx")
    if path.is_dir() or (path.parent.exists() and not path.parent.is_dir()):
        raise ValueError(f"{path}: must be a file in a folder")
    for module in ("onnx", "onnxruntime"):
        importlib.import_module(module)


def export_onnx(policy: TrainedPolicy, path: Path | str, observations: Array | None = None) -> Path:
    """Write a policy that is a network to `path`, if onnxruntime makes the same of it as this library does.

    Both are asked on the observations (batch, width), or else on random ones around the mean that the policy knows.
    Raises as `check_onnx`; TypeError for a policy that is no network; RuntimeError where the two do not agree: then
    nothing is written.
    """
    check_onnx(path)
    π = policy.π
    if not isinstance(π, NeuralPolicy):
        refuse(None, "policy", policy, "a policy that is a network, to be exported", TypeError)
    model = _model(policy, π).SerializeToString()
    _compare(policy, π, model, _around(policy, π.sizes[0]) if observations is None else np.asarray(observations))
    write_whole(path, model)
    return Path(path)


class _Graph:
    """Nodes in order, and the constants that they take."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, x: Array) -> str:
        """The name of a constant."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(x), f"c{len(self.constants)}"))
        return str(self.constants[-1].name)

    def __call__(self, kind: str, *inputs: str | Array, to: str = "", **attributes: Any) -> str:
        """A node of this kind on names and constants; the name of what it gives."""
        from onnx import helper

        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        to = to or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [to], **attributes))
        return to

    def cast(self, x: str, dtype: Any, to: str = "") -> str:
        """x as this dtype."""
        from onnx import helper

        to = to or f"x{len(self.nodes)}"
        number = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.nodes.append(helper.make_node("Cast", [x], [to], to=number))
        return to


def _model(policy: TrainedPolicy, π: NeuralPolicy) -> Any:
    """The model: observations normalised, the layers, the most likely action, that as the environment takes it."""
    from onnx import TensorProto, helper

    graph, x = _Graph(), "observation"
    if policy.statistics:
        x = graph.cast(x, np.float64)
        x = graph("Sub", x, policy.statistics["mean"].astype(np.float64))
        x = graph("Div", x, np.sqrt(policy.statistics["variance"].astype(np.float64) + 1e-8))
        x = graph("Clip", x, np.array(-CLIP), np.array(CLIP))
        x = graph.cast(x, np.float32)
    layers = policy.layers()
    for i, (W, b) in enumerate(layers):
        x = graph("MatMul", x, W.astype(np.float32))
        x = graph("Add", x, b.astype(np.float32), to="outputs" if i == len(layers) - 1 else "")
        if i < len(layers) - 1:
            x = graph("Tanh" if π.activation == "tanh" else "Relu", x)
    dtype, shape = _action(graph, policy, π)
    number = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    width = layers[-1][1].size
    made = helper.make_graph(
        graph.nodes,
        "policy",
        [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["batch", π.sizes[0]])],
        [
            helper.make_tensor_value_info("action", number, ["batch", *shape]),
            helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["batch", width]),
        ],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="decision_making")
    model.ir_version = FORMAT
    return model


def _action(graph: _Graph, policy: TrainedPolicy, π: NeuralPolicy) -> tuple[Any, tuple[int, ...]]:
    """The most likely action from "outputs", as `TrainedPolicy.sent` has it; its dtype, and its shape."""
    head, told = π.head, policy.action
    if not told.keys() <= {"start", "low", "high", "middle", "half"}:
        refuse(None, "policy.action", sorted(told), "start, or low, high, middle, half: no other can be exported")
    own = told.get("start", told.get("low"))
    if isinstance(head, Categorical):
        chosen = graph("ArgMax", "outputs", axis=-1, keepdims=0)
        graph("Add", chosen, np.array(0 if own is None else own, np.int64), to="action")
        return np.int64, ()
    k = len(head.nvec) if isinstance(head, MultiCategorical) else policy.layers()[-1][1].size
    shape = (k,) if own is None else own.shape
    kind: Any
    if isinstance(head, Gaussian):
        flat = "outputs"
        if own is not None:
            flat = graph.cast(flat, np.float64)
            rows_of = {name: np.ravel(x).astype(np.float64) for name, x in told.items()}
            if "half" in rows_of:
                flat = graph("Add", graph("Mul", flat, rows_of["half"]), rows_of["middle"])
            flat = graph("Min", graph("Max", flat, rows_of["low"]), rows_of["high"])
        kind = np.float32 if own is None else own.dtype
    else:
        flat = _chosen(graph, head) if isinstance(head, MultiCategorical) else _switched(graph)
        kind = (np.int8 if isinstance(head, Bernoulli) else np.int64) if own is None else own.dtype
        flat = graph("Add", flat, np.ravel(np.zeros(shape) if own is None else own).astype(np.int64))
    rows = graph("Reshape", flat, np.array([-1, *shape], np.int64))
    graph.cast(rows, kind, to="action")
    return kind, shape


def _switched(graph: _Graph) -> str:
    """1 where the log-odds are above 0, else 0."""
    return graph.cast(graph("Greater", "outputs", np.array(0, np.float32)), np.int64)


def _chosen(graph: _Graph, head: MultiCategorical) -> str:
    """The largest logit of each choice, side by side."""
    parts, start = [], 0
    for k in head.nvec:
        ends = (np.array([x], np.int64) for x in (start, start + k, -1))
        parts.append(graph("ArgMax", graph("Slice", "outputs", *ends), axis=-1, keepdims=1))
        start += k
    return graph("Concat", *parts, axis=-1)


def _around(policy: TrainedPolicy, width: int) -> Array:
    """Random observations, many of them further out than the policy has seen."""
    x = 3 * np.random.default_rng(0).standard_normal((CHECKED, width))
    if policy.statistics:
        x = policy.statistics["mean"] + np.sqrt(policy.statistics["variance"]) * x
    return x.astype(np.float32)


def _compare(policy: TrainedPolicy, π: NeuralPolicy, model: bytes, s: Array) -> None:
    """RuntimeError unless onnxruntime gives the outputs of the policy, and from them its actions."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    action, outputs = session.run(["action", "outputs"], {"observation": s.astype(np.float32)})
    width = outputs.shape[-1]
    expected = π.outputs(policy.θ, policy.observe(s.astype(np.float32)))[..., :width]
    close = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    z = np.concatenate([outputs, np.zeros((len(s), π.head.n_outputs - width), outputs.dtype)], axis=-1)
    same = np.asarray(policy.sent(π.head.mode(z)))
    if np.abs(outputs - expected).max() > close or action.shape != same.shape or np.abs(action - same).max() > close:
        raise RuntimeError(
            f"onnxruntime makes something else of the model than this library, by up to "
            f"{np.abs(outputs - expected).max():.3g} in the outputs: it was not written"
        )
