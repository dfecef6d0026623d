"""What `esmm` ends with."""

import contextlib
from collections.abc import Iterator

import typer

from pipeline.failures import ComponentFailed
from schema.errors import InputError

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_NOT_BLESSED = 3


@contextlib.contextmanager
def errors_told() -> Iterator[None]:
    """Turns an error into one line on stderr and its exit code."""
    try:
        yield
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(EXIT_BAD_INPUT) from None
    except ComponentFailed as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(EXIT_FAILED) from None
