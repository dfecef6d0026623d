"""`python -m pipeline` is `esmm`."""

from pipeline.cli import app

app()
