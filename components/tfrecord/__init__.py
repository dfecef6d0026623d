"""TFRecords of tf.Examples, in batches."""
