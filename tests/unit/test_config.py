"""Settings: defaults, variables, bounds."""

from pathlib import Path

import pytest

from anomalyd.config import Settings
from anomalyd.errors import IllegalArgument


def test_variables_set_what_is_not_given():
    """Numbers, texts and paths are read by the setting's type; arguments win."""
    variables = {
        "ANOMALYD_CORE_THREADS": "3",
        "ANOMALYD_DATA_DIR": "here",
        "ANOMALYD_INDEX_PREFIX": ".ours-",
        "ANOMALYD_DATABASE_THREADS": "4",
        "PATH": "/bin",
    }
    settings = Settings.from_environment(variables, database_threads=1)
    assert settings == Settings(
        core_threads=3, data_dir=Path("here"), index_prefix=".ours-", database_threads=1
    )


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ANOMALYD_CORE_THREADS": "many"}, r"\[core_threads\] must be a whole number"),
        ({"ANOMALYD_CORE_THREADS": "0"}, r"\[core_threads\] must be from 1 to 256"),
        ({"ANOMALYD_INDEX_PREFIX": "x"}, r"\[index_prefix\] must start with a period"),
    ],
)
def test_a_wrong_setting_is_named(variables, message):
    """With its bounds."""
    with pytest.raises(IllegalArgument, match=message):
        Settings.from_environment(variables)
