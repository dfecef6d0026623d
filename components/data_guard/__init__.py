"""What the data must pass before anything is trained on it."""
