import pytest

from models import histories
from schema.fields import Field

VIDEO = Field(name="video", entity="item")
HISTORY = Field(name="history", entity="user", values=3, vocabulary="video")


def test_histories_share_the_vocabulary_of_a_field_of_one_value():
    likes = HISTORY.model_copy(update={"name": "likes"})
    tags = Field(name="tags", entity="item", values=3)
    assert histories.candidates([likes, VIDEO, tags, HISTORY]) == {"likes": "video", "history": "video"}


@pytest.mark.parametrize(
    ("field", "owner"),
    [
        (HISTORY.model_copy(update={"vocabulary": ""}), VIDEO),
        (HISTORY.model_copy(update={"values": 1}), VIDEO),
        (HISTORY, VIDEO.model_copy(update={"values": 2})),
        (Field(name="history_length", entity="user", encoding="length", values=9), VIDEO),
    ],
    ids=["its own vocabulary", "one value", "an owner of two values", "length"],
)
def test_other_fields_are_none(field, owner):
    assert histories.candidates([field, owner]) == {}
