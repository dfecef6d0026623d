"""Options of several commands."""

from typing import Annotated

import typer

ServerOption = typer.Option(help="A model server: grpc://HOST:PORT or http://HOST:PORT.")
ModelNameOption = Annotated[str, typer.Option(help="What the server calls the model.")]
