"""Means over a batch, of which each replica has a part.

What they give is this replica's part of the mean over the whole batch: the replicas' parts, and so their gradients, sum
up to it, however unevenly the batch is divided. On one device it is the mean itself.
"""

import tensorflow as tf


def batch_mean(losses: tf.Tensor) -> tf.Tensor:
    """Mean of the losses of a batch, float32 []; of float32 [B]."""
    return weighted_mean(losses, tf.ones_like(losses))


def weighted_mean(losses: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Mean of the losses of a batch by weights, both float32 [B], float32 []; 0 where all weights are."""
    return tf.math.divide_no_nan(tf.reduce_sum(losses * weights), _over_replicas(tf.reduce_sum(weights)))


def _over_replicas(value: tf.Tensor) -> tf.Tensor:
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return value
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, value)
