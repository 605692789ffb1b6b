"""Answers as YAML: what a YAML parser reads from them is the document."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from anomalyd.api.rest.yaml_body import encode_yaml

# exponents without a point are texts to YAML 1.1, which this parser reads, and numbers to 1.2
_NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0.5, -1.25, 0.0, math.pi])
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(_DOCUMENTS)
def test_what_is_read_is_the_document(document: object) -> None:
    """Whatever keys and texts hold."""
    assert yaml.safe_load(encode_yaml(document)) == document


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({}, "--- {}\n"),
        ({"a": 1, "b": {"c": "x"}}, '---\na: 1\nb:\n  c: "x"\n'),
        ({"a": [1, {"b": None, "c": []}]}, "---\na:\n- 1\n- b: null\n  c: []\n"),
        ({"yes": True, "1": 2}, '---\n"yes": true\n"1": 2\n'),
        ([[1], [2]], "---\n-\n  - 1\n-\n  - 2\n"),
    ],
)
def test_its_form(document: object, text: str) -> None:
    """Block form; texts quoted, keys only where they must be."""
    assert encode_yaml(document).decode() == text
