"""What provokes the responses that the example beside them does not bring about as it stands."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.contract.document.blocks import Document, Response
from tests.contract.document.replay import Replay
from tests.support.rest import RestAnswer

Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Variant:
    """A changed request.

    Attributes:
        of: line of the request that is changed.
        why: what the document says around the response.
        change: changes the body in place.
        path: replaces the path.
        part: detector that is asked about; None = the request's own.
        under_way: whether an analysis of that detector runs meanwhile.
        live: whether it runs in real time meanwhile.
    """

    of: int
    why: str
    change: Change | None = None
    path: str | None = None
    part: str | None = None
    under_way: bool = False
    live: bool = False


def _absent_field(body: dict[str, Any]) -> None:
    feature = body["feature_attributes"][0]
    feature["feature_name"] = "average_total_rev"
    feature["aggregation_query"] = {"average_total_rev": {"avg": {"field": "total_rev"}}}


def _every_five_minutes(body: dict[str, Any]) -> None:
    body["indices"] = ["sparse_log*"]


def _filter_that_leaves_little(body: dict[str, Any]) -> None:
    body["filter_query"] = {"range": {"value": {"gt": 300}}}


def _found_alone(body: dict[str, Any]) -> None:
    condition = {"term": {"name.keyword": "test-hc-detector"}}
    body["query"] = {"bool": {"must": [body["query"]], "filter": [condition]}}


def _with_task_id(body: dict[str, Any]) -> None:
    del body["query"]["bool"]["must_not"]


_DETECTOR = "_anomaly_detection/api/detectors/{detectorId}"
VARIANTS: Mapping[int, Variant] = {
    399: Variant(
        336, "the feature query aggregates over a field that doesn't exist", _absent_field
    ),
    470: Variant(413, "the data is ingested at a rate of every 5 minutes", _every_five_minutes),
    487: Variant(413, "the currently filtered data is too sparse", _filter_that_leaves_little),
    719: Variant(714, "a task of each kind", part="single", under_way=True, live=True),
    1679: Variant(1665, "the first hit is a detector with a category field", _found_alone),
    2128: Variant(
        2088, "results of the past; there is no anomaly in real time to wait for", _with_task_id
    ),
    2342: Variant(
        2327,
        "results of the past; there is no anomaly in real time to wait for",
        path=f"{_DETECTOR}/results/_topAnomalies?historical=true",
    ),
    2757: Variant(
        2560,
        "for a single-entity detector",
        path=f"{_DETECTOR}/_profile?_all=true",
        part="plain",
        under_way=True,
    ),
}


def answer_to(replay: Replay, document: Document, response: Response) -> tuple[RestAnswer, ...]:
    """Return what was answered to the requests of a response, or to its variant."""
    variant = VARIANTS.get(response.line)
    if variant is None:
        return tuple(replay.answers[request.line] for request in response.requests)
    request = next(each for each in document.requests if each.line == variant.of)
    body = copy.deepcopy(request.body)
    if variant.change is not None:
        assert body is not None
        variant.change(body)
    if variant.live:
        replay.go_live(variant.part or replay.part_of(request))
    if variant.under_way:
        replay.start_again(variant.part or replay.part_of(request))
    return (replay.send(request, path=variant.path, body=body, part=variant.part),)
