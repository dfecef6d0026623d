"""Which database ML Metadata is in, and what is told where it is not as it should be; tests/integration runs on one."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pipeline import metadata_store
from pipeline.cli import app
from pipeline.config import load_config
from pipeline.metadata_config import MetadataConfig
from pipeline.root import Root
from schema.errors import InputError

SERVER = "host: localhost, database: esmm, user: me"


def settings(text: str) -> MetadataConfig:
    return load_config("kuairand", [f"metadata={{{text}}}"]).metadata


def test_without_it_a_file_in_the_root(tmp_path):
    assert load_config("kuairand").metadata is None
    connection = metadata_store.for_run(None, Root(tmp_path))
    assert connection.sqlite.filename_uri == f"{tmp_path}/metadata.sqlite"
    assert metadata_store.of_root(Root(tmp_path)) == connection


def test_the_usual_port():
    assert settings(SERVER).port == 3306


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("database: a, user: b", "`metadata.host` should be given; it is missing"),
        ("host: a, database: b, user: c, port: 0", "`metadata.port`: Input should be greater than or equal to 1. "),
        ("host: a, database: b-c, user: d", "`metadata.database`: String should match pattern"),
        (f"{SERVER}, password: secret", "unknown key `metadata.password`"),
    ],
)
def test_wrong_settings(text, message):
    with pytest.raises(InputError) as error:
        settings(text)
    assert str(error.value).startswith(f"kuairand: {message}")
    assert "secret" not in str(error.value)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    return line


def test_a_server_that_does_not_answer(closed_port, small_log, write_config, tmp_path):
    database = f"metadata={{{SERVER}, port: {closed_port}}}"
    line = refused("run", "--config", write_config(small_log), "--set", database, "--root", tmp_path)
    assert line.startswith(f"error: `metadata.host` should answer. Received: localhost:{closed_port}/esmm: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "logs"]


@pytest.mark.parametrize(("greeting", "reason"), [(None, "esmm: timed out"), (b"", "esmm, which hung up")])
def test_a_port_that_is_not_of_mysql(greeting, reason, tmp_path, monkeypatch):
    monkeypatch.setattr(metadata_store, "_SECONDS_TO_ANSWER", 0.2)
    with socket.create_server(("localhost", 0)) as server, ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(_greet, server, greeting)
        with pytest.raises(InputError) as error:
            metadata_store.for_run(settings(f"{SERVER}, port: {server.getsockname()[1]}"), Root(tmp_path))
        accepted.result().close()
    assert str(error.value).endswith(reason)


def _greet(server: socket.socket, greeting: bytes | None) -> socket.socket:
    """Accepts one connection; None leaves it open without a word."""
    connection, _ = server.accept()
    if greeting is not None:
        connection.sendall(greeting)
        connection.close()
    return connection


def test_a_root_stays_where_it_began(tmp_path):
    root = Root(tmp_path)
    root.metadata.touch()
    with pytest.raises(InputError) as error:
        metadata_store.for_run(settings(SERVER), root)
    assert str(error.value) == (
        f"`metadata` should stay {tmp_path}/metadata.sqlite, where {tmp_path} has what its runs made. "
        "Received: localhost:3306/esmm; run with another --root"
    )
    root.metadata.unlink()
    root.database.write_text(yaml.safe_dump(settings(SERVER).model_dump()))
    with pytest.raises(InputError) as error:
        metadata_store.for_run(None, root)
    assert str(error.value).startswith("`metadata` should stay localhost:3306/esmm, ")


@pytest.mark.parametrize("command", ["unpack", "lineage"])
def test_the_database_that_the_root_names_is_asked(command, closed_port, tmp_path):
    (tmp_path / "metadata.yaml").write_text(yaml.safe_dump(settings(f"{SERVER}, port: {closed_port}").model_dump()))
    model = tmp_path / "serving" / "7"
    model.mkdir(parents=True)
    arguments = {"unpack": ["--root", tmp_path], "lineage": [model]}[command]
    assert f"Received: localhost:{closed_port}/esmm: " in refused(command, *arguments)


@pytest.mark.parametrize("text", ["host: [", "host: db"])
def test_a_root_whose_file_was_changed(text, tmp_path):
    Path(tmp_path, "metadata.yaml").write_text(text)
    line = refused("unpack", "--root", tmp_path)
    assert line.startswith(f"error: {tmp_path}/metadata.yaml should be as a run wrote it. Received: ")
