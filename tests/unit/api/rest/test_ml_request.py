"""Requests for machine learning results, in the query and in the body."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd.api.rest.call import Call, parse_query
from anomalyd.api.rest.influencers import KIND
from anomalyd.api.rest.ml_request import parse_results
from anomalyd.api.rest.places import members, place
from anomalyd.api.status import error_body
from anomalyd.errors import AnomalydError, BodyInvalid, IllegalArgument
from anomalyd.model.influencer import ResultsRequest

ACTION = "cluster:monitor/xpack/ml/job/results/influencers/get"
PATH = "/_ml/anomaly_detectors/job/results/influencers"


def parse(query: str = "", body: str = "") -> ResultsRequest:
    call = Call(method="POST", path=PATH, query=parse_query(query), body=body.encode())
    return parse_results(call, KIND).results


def refusal(query: str = "", body: str = "") -> dict[str, object]:
    with pytest.raises(AnomalydError) as caught:
        parse(query, body)
    status, shown = error_body(caught.value)
    assert status == shown["status"] == 400
    error: dict[str, object] = shown["error"]
    return error


def test_nothing_said_means_the_defaults() -> None:
    """The first hundred by score, the largest first, interim results among them."""
    expected = ResultsRequest()
    assert parse() == parse(body="{}") == parse(body=" { } ") == expected
    assert (expected.offset, expected.size, expected.descending) == (0, 100, True)
    assert (expected.exclude_interim, expected.score, expected.sort) == (False, 0.0, None)


def test_query_and_body_say_the_same() -> None:
    """Each parameter has one meaning, wherever it stands; the body may quote numbers and flags."""
    query = "start=now-1d&end=5&exclude_interim=true&influencer_score=7.5&sort=timestamp&desc=false"
    body = {
        "job_id": "ignored",
        "start": "now-1d",
        "end": "5",
        "exclude_interim": "true",
        "influencer_score": "7.5",
        "sort": "timestamp",
        "desc": False,
        "page": {"from": "3", "size": 4},
    }
    asked = parse(f"{query}&from=3&size=4")
    assert asked == parse(body=json.dumps(body))
    assert asked == ResultsRequest(
        start="now-1d",
        end="5",
        exclude_interim=True,
        score=7.5,
        sort="timestamp",
        descending=False,
        offset=3,
        size=4,
    )


def test_with_a_body_only_the_body_counts() -> None:
    """Times of the query are taken and ignored; anything else in the query is refused."""
    assert parse("start=1&end=2", '{"sort":"timestamp"}') == ResultsRequest(sort="timestamp")
    assert refusal("size=3", "{}") == {
        "root_cause": [
            {
                "type": "illegal_argument_exception",
                "reason": f"request [{PATH}] contains unrecognized parameter: [size]",
            }
        ],
        "type": "illegal_argument_exception",
        "reason": f"request [{PATH}] contains unrecognized parameter: [size]",
    }


def test_an_empty_flag_is_true() -> None:
    """``?exclude_interim`` is enough; null times in a body are no times."""
    assert parse("exclude_interim&desc=").exclude_interim
    assert parse(body='{"start":null,"end":null}') == ResultsRequest()


@pytest.mark.parametrize(
    ("query", "type_", "reason"),
    [
        ("from=-1", "illegal_argument", "Parameter [from] cannot be < 0"),
        ("size=-1", "illegal_argument", "Parameter [size] cannot be < 0"),
        ("from=abc", "illegal_argument", "Failed to parse int parameter [from] with value [abc]"),
        ("influencer_score=abc", "number_format", 'For input string: "abc"'),
        (
            "desc=x",
            "illegal_argument",
            "Failed to parse value [x] as only [true] or [false] are allowed.",
        ),
        (
            "dsc=true",
            "illegal_argument",
            f"request [{PATH}] contains unrecognized parameter: [dsc] -> did you mean [desc]?",
        ),
        (
            "zebra=1&apple=2",
            "illegal_argument",
            f"request [{PATH}] contains unrecognized parameters: [apple], [zebra]",
        ),
    ],
)
def test_what_the_query_may_not_say(query: str, type_: str, reason: str) -> None:
    """Each mistake has Elasticsearch's type and words."""
    error = refusal(query)
    assert error["type"] == f"{type_}_exception"
    assert error["reason"] == reason
    assert error["root_cause"] == [{"type": error["type"], "reason": reason}]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"x":1}', f"[1:2] [{ACTION}] unknown field [x]"),
        (
            '{\n  "start": 5}',
            f"[2:12] [{ACTION}] start doesn't support values of type: VALUE_NUMBER",
        ),
        ('{"sort":[]}', f"[1:9] [{ACTION}] sort doesn't support values of type: START_ARRAY"),
        ('{"desc":null}', f"[1:9] [{ACTION}] desc doesn't support values of type: VALUE_NULL"),
        ("[]", f"[1:1] [{ACTION}] Expected START_OBJECT but was: START_ARRAY"),
    ],
)
def test_what_the_body_may_not_hold(body: str, reason: str) -> None:
    """The place, the parser and the field stand in the message."""
    assert refusal(body=body) == {
        "root_cause": [{"type": "x_content_parse_exception", "reason": reason}],
        "type": "x_content_parse_exception",
        "reason": reason,
    }


@pytest.mark.parametrize(
    ("body", "field", "type_", "reason"),
    [
        (
            '{"page":{"from":-1}}',
            "page",
            "illegal_argument_exception",
            "Parameter [from] cannot be < 0",
        ),
        (
            '{"influencer_score":"abc"}',
            "influencer_score",
            "number_format_exception",
            'For input string: "abc"',
        ),
        (
            '{"desc":"yes"}',
            "desc",
            "illegal_argument_exception",
            "Failed to parse value [yes] as only [true] or [false] are allowed.",
        ),
    ],
)
def test_a_bad_value_is_the_cause(body: str, field: str, type_: str, reason: str) -> None:
    """The body fails to parse, caused by the rule of the value."""
    error = refusal(body=body)
    assert error["type"] == "x_content_parse_exception"
    assert str(error["reason"]).endswith(f"[{ACTION}] failed to parse field [{field}]")
    assert error["caused_by"] == {"type": type_, "reason": reason}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), JSON, max_size=4), st.sampled_from([None, 1, 4]))
def test_members_are_found_where_they_stand(document: dict[str, object], indent: int) -> None:
    """Names, values and their places are those of the text, whatever its layout."""
    text = " " + json.dumps(document, indent=indent, ensure_ascii=False)
    found = list(members(text))
    assert {member.name: member.value for member in found} == document
    for member in found:
        assert json.loads(text[member.value_at : member.end]) == member.value
        assert text[member.name_at] == '"'


@settings(deadline=None)
@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_no_body_makes_the_parser_fail(document: dict[str, object]) -> None:
    """Any JSON object is read, or refused with an error of ours."""
    known = ["start", "page", "influencer_score", "desc", "sort", "exclude_interim"]
    body = dict(zip(known, document.values(), strict=False)) | document
    with contextlib.suppress(BodyInvalid, IllegalArgument):
        assert parse(body=json.dumps(body)).size >= 0


def test_places_are_counted_from_one() -> None:
    """A line end belongs to the line that it ends."""
    assert [place("ab\nc", offset) for offset in range(4)] == ["1:1", "1:2", "1:3", "2:1"]
