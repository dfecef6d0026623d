"""What runs a pipeline: this machine, or a cluster."""
