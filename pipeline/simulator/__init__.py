"""Impression logs of any size, made up from a schema: `esmm simulate`."""
