"""Whether a SavedModel answers under the names and dtypes of the contract."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import meta_graph_pb2

from components.serving_guard.served import signature_defs
from pipeline.tensors import told
from schema import contract

_INPUTS = {contract.EXAMPLES: tf.TensorSpec([None], tf.string)}
_OUTPUTS = dict.fromkeys(contract.OUTPUTS, tf.TensorSpec([None], tf.float32))


def problems(model: Path) -> Iterator[str]:
    """One line for each thing in which the SavedModel's serving signature is not the contract's."""
    try:
        signatures = signature_defs(str(model))
    except DecodeError:
        yield f"{model}/saved_model.pb should be a SavedModel. Received: something else"
        return
    if contract.SERVING_SIGNATURE not in signatures:
        received = ", ".join(signatures) or "none"
        yield f"{model} should have a signature `{contract.SERVING_SIGNATURE}`. Received: {received}"
        return
    signature = signatures[contract.SERVING_SIGNATURE]
    yield from _tensor_problems(f"inputs of `{contract.SERVING_SIGNATURE}`", signature.inputs, _INPUTS)
    yield from _tensor_problems(f"outputs of `{contract.SERVING_SIGNATURE}`", signature.outputs, _OUTPUTS)


def _tensor_problems(
    where: str, tensors: Mapping[str, meta_graph_pb2.TensorInfo], expected: Mapping[str, tf.TensorSpec]
) -> Iterator[str]:
    received = {
        name: tf.TensorSpec(tf.TensorShape(tensor.tensor_shape), tf.dtypes.as_dtype(tensor.dtype))
        for name, tensor in tensors.items()
    }
    if _listed(expected) != _listed(received):
        yield f"{where} should be {_listed(expected)}. Received: {_listed(received)}"


def _listed(tensors: Mapping[str, tf.TensorSpec]) -> str:
    return ", ".join(f"{name} {told(tensor)}" for name, tensor in sorted(tensors.items())) or "none"
