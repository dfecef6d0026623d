"""What a person reads about a field."""

from components.data_guard import findings

AUC = {
    "basket": {
        "click": {"presence": 0.5, "values": 0.99871},
        "conversion": {"presence": 0.9613, "values": 0.95},
        "conversion on clicked impressions": {"presence": 0.5, "values": 0.95},
    },
    "age": {"click": {"presence": 0.5, "values": 0.6}},
    "price": {},
}


def test_each_field_has_one_line_with_every_label_that_it_tells():
    assert findings.of_fields({"age": "nothing but 3"}, AUC, max_auc=0.95) == {
        "age": "train, age: a field's values should differ. Received: nothing but 3",
        "basket": "train, basket: a field alone should not tell a label, above guard.max_auc 0.95. "
        "Received: AUC 0.9987 on click by its values, AUC 0.9613 on conversion by its presence",
    }


def test_the_limit_itself_is_allowed():
    assert findings.of_fields({}, AUC, max_auc=0.99871) == {}
    assert findings.of_fields({}, AUC, max_auc=0.9987).keys() == {"basket"}


def test_lines_are_in_the_order_of_the_features():
    held = {"z": "no value", "a": "no value", "m": "no value"}
    assert list(findings.of_fields(held, {}, max_auc=0.95)) == ["a", "m", "z"]
