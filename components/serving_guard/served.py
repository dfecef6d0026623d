"""A SavedModel asked as a server asks it: by its SignatureDefs, in a session of its own."""

import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow_serving.apis import predict_pb2
from tfx.utils import io_utils


def signature_defs(directory: str) -> Mapping[str, meta_graph_pb2.SignatureDef]:
    """The signatures of a SavedModel, without those that begin with two underscores and are TensorFlow's own.

    Only the graph's description is read, neither weights nor tables.

    Raises:
        google.protobuf.message.DecodeError: It is none.
    """
    saved = saved_model_pb2.SavedModel.FromString(io_utils.read_bytes_file(os.path.join(directory, "saved_model.pb")))
    served = (graph for graph in saved.meta_graphs if tf.saved_model.SERVING in graph.meta_info_def.tags)
    definitions = next(served, meta_graph_pb2.MetaGraphDef()).signature_def
    return {name: definitions[name] for name in sorted(definitions) if not name.startswith("__")}


class Served:
    """A loaded model; leaves its memory when its context ends."""

    def __init__(self, directory: str):
        """Loads the SavedModel of a folder."""
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        loaded = tf.compat.v1.saved_model.load(self._session, [tf.saved_model.SERVING], directory)
        self._signatures = loaded.signature_def

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def answer(self, request: predict_pb2.PredictRequest) -> dict[str, np.ndarray]:
        """The outputs by name; inputs that are left out take the signature's defaults."""
        return self.decoded(request)()

    def decoded(self, request: predict_pb2.PredictRequest) -> Callable[[], dict[str, np.ndarray]]:
        """What gives the outputs to a request, which it decodes no more."""
        definition = self._signatures[request.model_spec.signature_name]
        feeds = {definition.inputs[name].name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        run = self._session.make_callable(
            {name: info.name for name, info in definition.outputs.items()}, feed_list=list(feeds)
        )
        return lambda: run(*feeds.values())
