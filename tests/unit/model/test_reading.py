"""How leniently JSON values are read."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomalyd.errors import IllegalArgument, ParsingError
from anomalyd.model import reading

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("value", "expected"), [("a", "a"), (123, "123"), (1.5, "1.5"), (True, "true"), ("", "")]
)
def test_a_scalar_reads_as_text(value, expected):
    """A number or boolean in place of a name is taken as its text."""
    assert reading.text(value, "name") == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(8, 8), ("8", 8), (1.5, 1), ("1.5", 1), (-3, -3), ("-3", -3)]
)
def test_a_number_in_any_form_reads_as_whole_number(value, expected):
    """Numeric texts count and fractions are cut off, as recorded from a real node."""
    assert reading.whole_number(value, "shingle_size") == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("abc", 'For input string: "abc"'),
        (2**31, "Value [2147483648] is out of range for an integer"),
        (float("nan"), "Value [nan] is out of range for an integer"),
    ],
)
def test_what_is_no_int_is_refused_in_elasticsearchs_words(value, reason):
    """The reason is the one that clients of the reference know."""
    with pytest.raises(IllegalArgument) as caught:
        reading.whole_number(value, "shingle_size")
    assert caught.value.reason == reason
    assert caught.value.field == "shingle_size"


def test_only_true_and_false_are_flags():
    """A text other than the two words is refused by its value."""
    assert reading.flag("true", "f") is True
    assert reading.flag(False, "f") is False
    with pytest.raises(IllegalArgument, match=r"Failed to parse value \[maybe\] as only"):
        reading.flag("maybe", "f")


def test_a_text_in_place_of_a_list_is_refused():
    """The message names the token that was found."""
    with pytest.raises(ParsingError, match="expecting START_ARRAY but got VALUE_STRING"):
        reading.texts("host", "category_field")


READERS = (
    reading.text, reading.whole_number, reading.flag, reading.texts, reading.mapping,
    reading.mappings, reading.optional_text,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(JSON, st.sampled_from(READERS))
def test_no_json_value_breaks_a_reader(value, read):
    """Every reader either answers or raises one of the two errors meant for the caller."""
    try:
        answer = read(value, "field")
    except (IllegalArgument, ParsingError):
        return
    assert isinstance(answer, str | int | tuple | dict) or value is None
