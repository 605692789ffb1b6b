"""REST requests: parameters, media types, bodies."""

from __future__ import annotations

import gzip
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalyd.api.rest.call import Call, parse_query
from anomalyd.api.rest.encoding import unpack
from anomalyd.api.rest.json_body import DEEPEST, decode, decode_object, encode
from anomalyd.errors import (
    BodyTooLarge,
    IllegalArgument,
    MalformedJson,
    MediaTypeNotSupported,
    MissingBody,
    ParsingError,
)


def call(**given: Any) -> Call:
    return Call(**{"method": "GET", "path": "/x", **given})


def test_common_parameters_are_known_everywhere() -> None:
    """``pretty human filter_path format error_trace`` need no permission of the operation."""
    query = parse_query("pretty&human=true&filter_path=a&format=json&error_trace=false&job=true")
    call(query=query).check_parameters(frozenset({"job"}))


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("nosuch=1", "request [/x] contains unrecognized parameter: [nosuch]"),
        (
            "filter_paht=x",
            "request [/x] contains unrecognized parameter: [filter_paht] -> "
            "did you mean [filter_path]?",
        ),
        ("b&a=1&pretty", "request [/x] contains unrecognized parameters: [a], [b]"),
        ("body.data=eA", "request [/x] contains unrecognized parameter: [body.data]"),
    ],
)
def test_unknown_parameters_are_named(query: str, reason: str) -> None:
    """A misspelt parameter is an error, not a silent default."""
    with pytest.raises(IllegalArgument) as caught:
        call(query=parse_query(query)).check_parameters(frozenset({"job"}))
    assert caught.value.reason == reason


@pytest.mark.parametrize("query", ["format=cbor", "pretty=maybe"])
def test_common_parameters_have_their_values(query: str) -> None:
    """A format that we do not write is refused."""
    with pytest.raises(IllegalArgument):
        call(query=parse_query(query)).check_parameters(frozenset())


@pytest.mark.parametrize(
    ("text", "expected"), [("", False), ("job", True), ("job=true", True), ("job=false", False)]
)
def test_flags(text: str, expected: bool) -> None:
    """A flag without a value is true."""
    assert call(query=parse_query(text)).flag("job") is expected


def test_a_flag_that_is_neither_true_nor_false() -> None:
    """The words are Elasticsearch's."""
    with pytest.raises(IllegalArgument) as caught:
        call(query={"job": "maybe"}).flag("job")
    assert caught.value.reason == (
        "Failed to parse value [maybe] as only [true] or [false] are allowed."
    )


def test_numbers() -> None:
    """An integer parameter, absent or wrong."""
    assert call(query={"size": "10"}).number("size") == 10
    assert call().number("size") is None
    with pytest.raises(IllegalArgument, match=r"Failed to parse int parameter \[size\]"):
        call(query={"size": "ten"}).number("size")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "application/json; charset=UTF-8",
        "Application/X-NDJSON",
        "application/vnd.elasticsearch+json; compatible-with=8",
        "application/x-www-form-urlencoded",
    ],
)
def test_bodies_that_are_read(content_type: str) -> None:
    """JSON under its names, and what curl says when nobody tells it what it sends."""
    call(body=b"{}", content_type=content_type).check_media_type()


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/cbor"])
def test_bodies_that_are_not_read(content_type: str) -> None:
    """Another media type is refused by name; without a body it does not matter."""
    with pytest.raises(MediaTypeNotSupported) as caught:
        call(body=b"x", content_type=content_type).check_media_type()
    assert caught.value.reason == f"Content-Type header [{content_type}] is not supported"
    call(content_type=content_type).check_media_type()


def test_bodies() -> None:
    """A body is an object, absent, or an error that says what is wrong with it."""
    assert call(body=b'{"a": 1}').json() == {"a": 1}
    assert call(body=b" \n").json() is None
    with pytest.raises(MissingBody, match="request body is required"):
        call().required_json()
    with pytest.raises(MalformedJson, match="line 1, column 2"):
        call(body=b"{a:1}").json()


def test_a_search_may_stand_in_the_query() -> None:
    """``source`` is the body of callers that cannot send one with GET; a body wins."""
    query = parse_query("source=%7B%22size%22%3A1%7D&source_content_type=application%2Fjson")
    assert call(query=query).search_json() == {"size": 1}
    assert call(query=query, body=b'{"size":2}').search_json() == {"size": 2}
    assert call().search_json() is None


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"[]", "START_ARRAY"),
        (b'"a"', "VALUE_STRING"),
        (b"1.5", "VALUE_NUMBER"),
        (b"true", "VALUE_BOOLEAN"),
        (b"null", "VALUE_NULL"),
    ],
)
def test_a_body_that_is_no_object(body: bytes, found: str) -> None:
    """The words and the place are Elasticsearch's."""
    with pytest.raises(ParsingError) as caught:
        decode_object(body)
    assert caught.value.reason == (
        f"Failed to parse object: expecting token of type [START_OBJECT] but found [{found}]"
    )
    assert caught.value.details == {"line": 1, "col": 1}


@pytest.mark.parametrize(
    "body", [b"{", b'{"a":NaN}', b"{'a':1}", b'{"a":1e999}', b'"\\ud800"', b"\xff", b"[" * 5000]
)
def test_what_is_not_json(body: bytes) -> None:
    """Lenient forms of JSON, numbers beyond doubles and broken text are refused."""
    with pytest.raises(MalformedJson, match="not valid JSON"):
        decode(body)


def test_nesting_has_a_limit() -> None:
    """What is read can be written again; deeper bodies are refused."""
    assert decode(b"[" * DEEPEST + b"]" * DEEPEST) is not None
    with pytest.raises(IllegalArgument, match="nested deeper"):
        decode(b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1))


@given(st.binary(max_size=50))
def test_any_bytes_are_json_or_our_error(body: bytes) -> None:
    """Nothing but our own errors leaves the parser."""
    try:
        value = decode(body)
    except (MalformedJson, IllegalArgument):
        return
    assert orjson.loads(encode(value, pretty=True)) == value


def test_numbers_and_order_are_kept() -> None:
    """Keys stay in their order, 1.0 stays a float, long integers stay exact."""
    text = b'{"b":1.0,"a":9007199254740993,"c":[]}'
    assert encode(decode(text), pretty=False) == text


def test_gzip() -> None:
    """A gzipped body is unpacked, several members too; other encodings are refused."""
    body = b"0123456789" * 100
    assert unpack(gzip.compress(body), "gzip", longest=1000) == body
    assert (
        unpack(gzip.compress(body[:500]) + gzip.compress(body[500:]), "GZIP", longest=1000) == body
    )
    assert unpack(body, "", longest=10) == body
    assert unpack(body, "identity", longest=10) == body
    with pytest.raises(MediaTypeNotSupported, match=r"Content-Encoding header \[br\]"):
        unpack(body, "br", longest=1000)


def test_a_gzip_bomb_is_refused_at_the_limit() -> None:
    """The limit counts what comes out, over all members."""
    with pytest.raises(BodyTooLarge, match="limit of 999 bytes"):
        unpack(gzip.compress(b"0" * 1000), "gzip", longest=999)
    with pytest.raises(BodyTooLarge):
        unpack(gzip.compress(b"0" * 600) * 2, "gzip", longest=1000)


@pytest.mark.parametrize(
    "body", [b"plain text", gzip.compress(b"0123456789" * 10)[:-9], gzip.compress(b"a") + b"junk"]
)
def test_a_broken_gzip_body_is_refused_whole(body: bytes) -> None:
    """Half a body is never taken for the whole."""
    with pytest.raises(IllegalArgument, match="not valid gzip"):
        unpack(body, "gzip", longest=1000)
