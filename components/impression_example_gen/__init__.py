"""Impression logs to tf.Examples."""
