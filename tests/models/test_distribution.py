"""Who is who, by TF_CONFIG as the training operator writes it."""

import json

import pytest

from models import distribution
from schema.errors import InputError

CLUSTER = {"chief": ["chief-0:2222"], "worker": ["worker-0:2222", "worker-1:2222"]}


def tf_config(cluster: object, job: str, number: int) -> str:
    return json.dumps({"cluster": cluster, "task": {"type": job, "index": number}, "environment": "cloud"})


@pytest.mark.parametrize(
    ("config", "workers", "chief"),
    [
        (None, 1, True),
        ("{}", 1, True),
        (tf_config(CLUSTER, "chief", 0), 3, True),
        (tf_config(CLUSTER, "worker", 0), 3, False),
        (tf_config(CLUSTER, "worker", 1), 3, False),
        (tf_config({"worker": ["a:1", "b:1"]}, "worker", 0), 2, True),
        (tf_config({"worker": ["a:1", "b:1"]}, "worker", 1), 2, False),
    ],
)
def test_the_first_worker_is_the_chief(config, workers, chief, monkeypatch, tmp_path):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    assert (distribution.workers(), distribution.is_chief()) == (workers, chief)
    with distribution.own_folder(str(tmp_path)) as folder:
        assert (folder == str(tmp_path)) == chief


@pytest.mark.parametrize(
    ("config", "received"),
    [
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("{'cluster': 1}", "Expecting property name enclosed in double quotes"),
        ("5", "argument of type 'int' is not iterable"),
        (tf_config("a:1", "worker", 0), "`cluster` must be a dictionary"),
        (json.dumps({"cluster": CLUSTER}), "task None None of "),
        (json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": "one"}}), "one"),
        (tf_config(CLUSTER, "worker", 2), "task worker 2 of {'chief': ['chief-0:2222'], "),
        (tf_config(CLUSTER, "evaluator", 0), "task evaluator 0 of "),
    ],
)
def test_a_text_that_does_not_tell(config, received, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(InputError) as error:
        distribution.workers()
    assert str(error.value).startswith("TF_CONFIG should be JSON with a `cluster` and one `task` of it. Received: ")
    assert received in str(error.value)
