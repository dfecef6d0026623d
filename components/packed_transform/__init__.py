"""From raw tf.Examples to packed ones."""
