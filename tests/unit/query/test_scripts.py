"""Runs the text scripts in ``scripts/``: load documents, ask, compare.

A script names its fields (``name kind``, ``kind[]`` for arrays, ``nested PATH`` for fields of
nested objects), its documents (dates as ISO text), and perhaps ``now``. Then come pairs of lines:
``query JSON`` and ``ids …``, or ``metric JSON`` and ``value …``; ``error TEXT`` may answer both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from anomalyd.errors import InvalidRequest
from anomalyd.query.date_formats import date_format
from anomalyd.query.fields import Field, FieldKind
from anomalyd.query.parse import parse_query
from anomalyd.query.parse_aggregations import parse_feature
from anomalyd.query.to_sql import compile_query
from anomalyd.query.to_sql_aggregations import compile_metric
from tests.unit.query.table import Table

SCRIPTS = Path(__file__).parent / "scripts"


@dataclass
class Script:
    """A script as read; steps are (line number, question, its JSON, answer, its text)."""

    now: int = 0
    fields: list[Field] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    steps: list[tuple[int, str, Any, str, str]] = field(default_factory=list)


def _milliseconds(text: str) -> int:
    found = date_format(None).read(text, UTC, round_up=False)
    assert found is not None
    return found


def read_script(path: Path) -> Script:
    script = Script()
    section, question = "", ("", None)
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        word, _, rest = line.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        if line.startswith(" ") and section == "fields":
            script.fields.append(_field(*line.split()))
        elif line.startswith(" "):
            script.documents.append(json.loads(line))
        elif word in ("fields", "docs"):
            section = word
        elif word == "now":
            script.now = _milliseconds(rest)
        elif word in ("query", "metric"):
            question = (word, json.loads(rest))
        else:
            script.steps.append((number, *question, word, rest))
    dates = {one.path for one in script.fields if one.kind is FieldKind.DATE}
    for document in script.documents:
        for path_ in dates & document.keys():
            value = document[path_]
            document[path_] = (
                [_milliseconds(one) for one in value]
                if isinstance(value, list)
                else _milliseconds(value)
            )
    return script


def _field(path: str, kind: str, *nested: str) -> Field:
    return Field(
        path,
        f"col {path}",
        FieldKind(kind.removesuffix("[]")),
        multi=kind.endswith("[]") or bool(nested),
        nested_path=nested[1] if nested else None,
    )


def cases() -> Iterator[Any]:
    for path in sorted(SCRIPTS.glob("*.test")):
        for step in read_script(path).steps:
            yield pytest.param(path.stem, step, id=f"{path.stem}:{step[0]}")


@pytest.fixture(scope="module")
def loaded() -> Iterator[dict[str, tuple[Script, Table]]]:
    scripts = {path.stem: read_script(path) for path in SCRIPTS.glob("*.test")}
    tables = {name: (one, Table(one.fields, one.documents)) for name, one in scripts.items()}
    yield tables
    for _, table in tables.values():
        table.close()


@pytest.mark.parametrize(("name", "step"), list(cases()))
def test_script(
    name: str, step: tuple[int, str, Any, str, str], loaded: dict[str, tuple[Script, Table]]
) -> None:
    """Each question of a script is answered as the script says."""
    script, table = loaded[name]
    _, question, body, expected, text = step
    if expected == "error":
        with pytest.raises(InvalidRequest) as caught:
            _ask(question, body, script.now, table)
        assert text in caught.value.reason
        return
    answer = _ask(question, body, script.now, table)
    if expected == "ids":
        assert sorted(one for (one,) in answer) == text.split()
    else:
        assert expected == "value"
        assert answer == [(json.loads(text),)]


def _ask(question: str, body: Any, now: int, table: Table) -> list[tuple[Any, ...]]:
    if question == "query":
        compiled = compile_query(parse_query(body), table.resolver, now_ms=now)
        sql = compiled.expression.sql(dialect="duckdb")
        return table.rows(f"SELECT _id FROM t WHERE {sql}", compiled.parameters)
    compiled = compile_metric(parse_feature({"feature": body}), table.resolver, now_ms=now)
    sql = compiled.expression.sql(dialect="duckdb")
    return table.rows(f"SELECT {sql} FROM t", compiled.parameters)
