"""The schema that a changed one is compared with: a file, or the same file in a git revision."""

import subprocess
from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2

from schema import load
from schema.errors import InputError


def read_base(base: str, schema_file: Path) -> schema_pb2.Schema:
    """Reads the base schema.

    Args:
        base: Path of a .pbtxt file, or a git revision of the repository that `schema_file` lies in.
        schema_file: The schema as it is now.

    Raises:
        InputError: No such file or revision, or the revision does not have `schema_file`, or it is no schema.
    """
    if not base:  # for git that is what is staged
        raise InputError("--base should be a .pbtxt file or a git revision. Received: nothing")
    if base.endswith(".pbtxt"):
        if not Path(base).is_file():
            raise InputError(f"--base should be a .pbtxt file or a git revision. Received: {base}, no such file")
        return load.read_schema(base)
    return load.parse_schema(_show(base, schema_file), f"{schema_file.name} of {base}")


def _show(revision: str, schema_file: Path) -> bytes:
    where = f"{revision}:./{schema_file.name}"
    command = ["git", "-C", str(schema_file.absolute().parent), "show", "--end-of-options", where]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        raise InputError(
            "--base needs git to read a revision. Received: no command `git`; give a .pbtxt file"
        ) from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()[0].removeprefix("fatal: ")
        raise InputError(f"--base should be a git revision that has {schema_file}. Received: {revision}: {reason}")
    return done.stdout
