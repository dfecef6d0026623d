import re
from typing import get_args

import pytest

from models.settings import ModelName
from pipeline.compare.choice import check_user_field, chosen_models
from schema.errors import InputError
from schema.fields import Field

FIELDS = (
    Field(name="user_id", entity="user"),
    Field(name="history", entity="user", values=3),
    Field(name="hashed", entity="user", encoding="hash"),
)


def test_all_or_some_each_once_in_the_registrys_order():
    assert chosen_models("all") == get_args(ModelName)
    assert chosen_models("esmm,base,esmm") == ("base", "esmm")


@pytest.mark.parametrize(
    ("names", "received"),
    [("base,esm", "esm; did you mean `esmm`?"), ("", ""), ("base,", ""), ("all,base", "all")],
)
def test_an_unknown_model_is_told(names, received):
    known = ",".join(get_args(ModelName))
    message = f"--models should be all, or some of {known}. Received: {received}"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        chosen_models(names)


def test_the_user_field_tells_users_apart():
    check_user_field(FIELDS, "user_id")
    for name in ("history", "hashed"):
        message = f"--user-field should be a field with a vocabulary and one value. Received: {name}"
        with pytest.raises(InputError, match=message):
            check_user_field(FIELDS, name)
    with pytest.raises(InputError, match=r"--user-field should be a field. Received: userid; did you mean `user_id`\?"):
        check_user_field(FIELDS, "userid")
