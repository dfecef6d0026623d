"""The TFX pipeline, its configuration, its runners and the command line."""
