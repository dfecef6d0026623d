"""Vocabularies, models, losses and the training loop."""

import os

# tf.Transform and TensorFlow Recommenders are built on Keras 2. TensorFlow reads this when tf.keras is first touched.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
