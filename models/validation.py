"""Training examples that are held out, and what a model that was not trained on them is worth."""

import contextlib
import os
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from models import inputs, signatures
from models.conversion_model import ConversionModel
from schema import blocks, contract

_BATCH_SIZE = 8192
_BUCKETS = 10_000


def hold_out(
    file_patterns: Sequence[str], spec: Mapping[str, tf.io.FixedLenFeature], share: float, folder: str
) -> tuple[str, str]:
    """Divides packed examples among two files.

    An example's ids decide, so that equal ones are on the same side, and the same ones whatever file they are in.

    Args:
        file_patterns: Patterns of gzipped TFRecord files.
        spec: Feature spec of the transformed features.
        share: Of the examples, held out; in (0, 1).
        folder: For the two files.

    Returns:
        File of the examples to train on, and of those held out.
    """
    limit = round(share * _BUCKETS)

    def with_side(batch: dict[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        return batch, tf.bitcast(tf.fingerprint(batch[contract.IDS]), tf.uint64) % _BUCKETS < limit

    batches = inputs.read_packed(file_patterns, spec, _BATCH_SIZE).map(with_side)
    paths = os.path.join(folder, "train.gz"), os.path.join(folder, "held_out.gz")
    options = tf.io.TFRecordOptions("GZIP", compression_level=1)
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(tf.io.TFRecordWriter(path, options)) for path in paths]
        for batch, held_out in batches.as_numpy_iterator():
            for writer, side in zip(writers, (~held_out, held_out), strict=True):
                for block in blocks.encode({name: values[side] for name, values in batch.items()}):
                    writer.write(block)
    return paths


def aucs(model: ConversionModel, files: Sequence[str], spec: Mapping[str, tf.io.FixedLenFeature]) -> dict[str, float]:
    """AUC of each output in its own space, by the names that the evaluation has for them.

    Args:
        model: The model.
        files: Patterns of files of packed examples; with clicks, conversions, and clicks without one.
        spec: Feature spec of the transformed features.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in (*contract.LABELS, *contract.OUTPUTS)}
    for batch in inputs.read_packed(files, spec, _BATCH_SIZE):
        found = batch | signatures.served(model, batch)
        for name, arrays in parts.items():
            arrays.append(found[name].numpy())
    click, conversion, pctr, pcvr, pctcvr = map(np.concatenate, parts.values())
    conversion = click * conversion
    clicked = click == 1
    return {
        "ctr_auc_all": float(roc_auc_score(click, pctr)),
        "cvr_auc_clicked": float(roc_auc_score(conversion[clicked], pcvr[clicked])),
        "ctcvr_auc_all": float(roc_auc_score(conversion, pctcvr)),
    }
