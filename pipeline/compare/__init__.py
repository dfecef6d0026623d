"""`esmm compare`: the models on the same examples, by their metrics."""
