"""Entities and the ids of their models."""

import pytest

from anomalyd.model.entity import entity_document, entity_values, model_id
from anomalyd.model.murmur import murmur3_x64_128


@pytest.mark.parametrize(
    ("text", "halves"),
    [
        (b"", (0, 0)),
        (b"hello", (0xCBD8A7B341BD9B02, 0x5B1E906A48AE1D19)),
        (
            b"The quick brown fox jumps over the lazy dog",
            (0xE34BBC7BBC071B6C, 0x7A433CA9C49A9347),
        ),
    ],
)
def test_murmur_gives_the_published_hashes(text, halves):
    """The values that other implementations of the hash agree on (seed 0)."""
    assert murmur3_x64_128(text, 0) == halves


def test_one_category_names_the_model_by_the_value():
    """As in the document's results: ``<id>_entity_error16``."""
    assert model_id("EWy0", ["error_type"], ["error16"]) == "EWy0_entity_error16"


def test_a_single_series_has_the_first_forest():
    """As in recorded profiles: ``<id>_model_rcf_0``."""
    assert model_id("EWy0", [], []) == "EWy0_model_rcf_0"


def test_several_categories_are_hashed_in_any_order_alike():
    """22 characters of base64url without padding, the same however the fields are ordered."""
    one = model_id("d", ["ip", "error_type"], ["192.168.1.1", "error8"])
    other = model_id("d", ["error_type", "ip"], ["error8", "192.168.1.1"])
    assert one == other == "d_entity_sM5Xw_J43sX8HNf2VlYXyA"
    assert one != model_id("d", ["ip", "error_type"], ["192.168.1.1", "error9"])


def test_a_very_long_value_is_hashed():
    """A value beyond 256 characters keeps its entity, under a short id."""
    value = "x" * 257
    assert len(model_id("d", ["host"], [value])) == len("d_entity_") + 22
    assert model_id("d", ["host"], ["x" * 256]) == "d_entity_" + "x" * 256


def test_values_come_back_in_the_detectors_order():
    """An entity's document reads back by name, not by position."""
    document = entity_document(("ip", "host"), ("1.2.3.4", "a"))
    assert document == [{"name": "ip", "value": "1.2.3.4"}, {"name": "host", "value": "a"}]
    assert entity_values(("host", "ip"), document) == ("a", "1.2.3.4")
