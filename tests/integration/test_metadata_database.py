"""ML Metadata in a database, where MariaDB is installed: the real pipeline and a real server."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner, Result

from pipeline import metadata_store
from pipeline.ancestors import steps_of_model
from pipeline.cli import app
from pipeline.root import Root

pytestmark = pytest.mark.slow

PASSWORD = 'pass"word\\of esmm'


def esmm(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def ran(result: Result) -> list[str]:
    """Components that the cache did not answer for."""
    return [line.split()[1] for line in result.stdout.splitlines() if line.startswith("✓") and "cached" not in line]


def refused(result: Result) -> str:
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a server whose user `esmm` may use the database of the same name."""
    if not (shutil.which("mariadbd") and shutil.which("mariadb-install-db")):
        pytest.skip("needs MariaDB: apt-get install mariadb-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # A path that is short enough for a socket.
    with tempfile.TemporaryDirectory() as folder:
        as_root = ["--user=root"] if os.getuid() == 0 else []
        install = ["mariadb-install-db", "--no-defaults", *as_root, f"--datadir={folder}/data", "--skip-test-db"]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
        password = PASSWORD.replace("\\", "\\\\")
        grants = Path(folder, "grants.sql")
        grants.write_text(f"CREATE USER 'esmm'@'%' IDENTIFIED BY '{password}';\nGRANT ALL ON esmm.* TO 'esmm'@'%';\n")
        server = ["mariadbd", "--no-defaults", *as_root, f"--datadir={folder}/data", f"--socket={folder}/socket"]
        options = ["--bind-address=127.0.0.1", f"--port={port}", f"--init-file={grants}", f"--log-error={folder}/log"]
        with subprocess.Popen([*server, *options]) as process:
            _wait_for(port)
            yield port
            process.terminate()


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("MariaDB does not answer")


@pytest.fixture(scope="module", autouse=True)
def password() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MYSQL_PWD", PASSWORD)
        yield


class TwoDays(NamedTuple):
    """A run, the same one again, and one of the next day's log, in one root."""

    command: list[object]
    root: Path
    results: list[Result]


@pytest.fixture(scope="module")
def two_days(port, days, write_log, write_config, tmp_path_factory) -> TwoDays:
    folder = tmp_path_factory.mktemp("database")
    logs = [write_log(folder / f"day-{number}", day) for number, day in enumerate(days, 1)]
    database = f"{{host: 127.0.0.1, port: {port}, database: esmm, user: esmm}}"
    command = ["run", "--config", write_config(logs[0]), "--set", f"metadata={database}", "--root"]
    root = folder / "root"
    results = [esmm(*command, root, "--set", f"data.base={log}") for log in (logs[0], logs[0], logs[1])]
    return TwoDays(command, root, results)


def pushed(two_days: TwoDays) -> list[Path]:
    return sorted((two_days.root / "serving").iterdir())


def test_all_are_pushed_and_the_second_is_cached(two_days):
    assert [result.exit_code for result in two_days.results] == [0, 0, 0], two_days.results[0].output
    assert ran(two_days.results[1]) == ["LastAccepted", "Baseline"]
    assert len(pushed(two_days)) == 2
    assert not (two_days.root / "metadata.sqlite").exists()


def test_the_next_day_finds_its_baseline(two_days):
    connection = metadata_store.of_root(Root(two_days.root))
    first, second = (steps_of_model(connection, f"/serving/{version.name}") for version in pushed(two_days))
    assert "baseline_model" not in first["Evaluator"].inputs
    assert second["Evaluator"].inputs["baseline_model"].uri == first["Trainer"].outputs["model"].uri


def test_lineage_and_unpack_find_the_database_by_the_root(two_days, days):
    for version, rows in zip(pushed(two_days), days, strict=True):
        result = esmm("lineage", version)
        assert result.exit_code == 0, result.output
        assert f"  train       {rows.num_rows:,} rows in, " in result.stdout
    result = esmm("unpack", "--root", two_days.root)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].split("\t")[:2] == ["field", "ids"]


def test_the_password_is_nowhere_below_the_root(two_days):
    # As it is, and as protocol buffers print it.
    forms = re.compile(b"|".join(re.escape(form.encode()) for form in (PASSWORD, r"pass\"word\\of esmm")))
    files = [path for path in two_days.root.rglob("*") if path.is_file()]
    assert any(b"Using connection config" in path.read_bytes() for path in files)
    assert [path for path in files if forms.search(path.read_bytes())] == []


def test_a_database_is_of_one_root(two_days, tmp_path):
    assert refused(esmm(*two_days.command, tmp_path)).startswith(
        f"error: `metadata.database` should have the runs of one root alone, {tmp_path}. Received: 127.0.0.1:"
    )


def test_a_password_that_is_wrong(two_days, tmp_path, monkeypatch):
    monkeypatch.setenv("MYSQL_PWD", "wrong")
    line = refused(esmm(*two_days.command, tmp_path))
    assert line.startswith("error: `metadata` should be a database that esmm may use, ")
    assert "/esmm: mysql_real_connect failed" in line
    assert "wrong" not in line


def test_a_database_that_the_user_may_not_use(two_days, tmp_path):
    line = refused(esmm(*two_days.command, tmp_path, "--set", "metadata.database=another"))
    assert "/another: Creating database another" in line
    assert "Access denied for user 'esmm'" in line
