import pytest

from components.data_guard.settings import GuardSettings


@pytest.mark.parametrize(
    "values", [{"max_auc": 0.49}, {"max_auc": 1.01}, {"sample_size": 999}, {"max_acu": 0.9}, {"allow": "tab"}]
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ValueError, match="1 validation error"):
        GuardSettings(**values)


def test_settings_travel_as_json():
    settings = GuardSettings(max_auc=0.9, sample_size=5000, allow=("a", "b"))
    assert GuardSettings.model_validate_json(settings.model_dump_json()) == settings
