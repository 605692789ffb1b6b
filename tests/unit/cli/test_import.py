"""`anomalyd import`: files of all formats, and what does not fit."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import duckdb
import pytest

from anomalyd.client import Client
from tests.unit.cli.conftest import Run

DOCUMENTS = [
    {"when": f"2026-01-01T00:{minute:02d}:00Z", "value": minute / 2, "host": "a"}
    for minute in range(50)
]
NDJSON = "".join(json.dumps(document) + "\n" for document in DOCUMENTS)
CSV = "when,value,host\n" + "".join(f"{d['when']},{d['value']},{d['host']}\n" for d in DOCUMENTS)


def written(folder: Path, form: str) -> Path:
    """Return a file with the documents in the form that its name says."""
    path = folder / f"documents.{form}"
    content = {"ndjson": NDJSON, "json": json.dumps(DOCUMENTS), "csv": CSV}
    if form == "parquet":
        source = folder / "source.ndjson"
        source.write_text(NDJSON)
        duckdb.sql(f"COPY (SELECT * FROM '{source}') TO '{path}'")
    elif form.endswith(".gz"):
        path.write_bytes(gzip.compress(content[form.removesuffix(".gz")].encode()))
    else:
        path.write_text(content[form])
    return path


@pytest.mark.parametrize("form", ["ndjson", "ndjson.gz", "json", "csv", "csv.gz", "parquet"])
def test_a_file_of_any_form_becomes_the_same_documents(
    run: Run, client: Client, tmp_path: Path, form: str
) -> None:
    """Every document arrives, and the time field is a date."""
    index = "import-" + form.replace(".", "-")
    ended = run("import", str(written(tmp_path, form)), "--index", index, "--time-field", "when")
    assert ended.exit_code == 0, ended.output
    assert "50 documents in" in ended.output
    assert "0 failed" in ended.output
    later = {"range": {"when": {"gte": "2026-01-01T00:40:00Z"}}}
    assert client.indices.count([index], later) == 10
    found = client.indices.search([index], {"sort": ["when"], "size": 1, "from": 49})
    document = dict(found.hits.hits[0].source)
    assert (document["value"], document["host"]) == (24.5, "a")


def test_documents_that_do_not_fit_are_named_by_line(
    run: Run, client: Client, tmp_path: Path
) -> None:
    """The others are imported; the status says that something is missing."""
    path = tmp_path / "bad.ndjson"
    lines = NDJSON.splitlines()
    lines[3] = "no json"
    lines[7] = '{"when":"2026-01-01T00:00:00Z","value":"many"}'
    lines[9] = '{"value":1}'
    lines[11] = '{"when":"soon","value":1}'
    path.write_text("\n".join(lines))
    ended = run("import", str(path), "--index", "import-bad", "--time-field", "when")
    assert ended.exit_code == 1
    assert "46 documents in" in ended.output
    assert "4 failed" in ended.output
    for line, reason in ((4, "JSON"), (8, "[value]"), (10, "[when] is missing"), (12, "[when]")):
        assert any(
            shown.startswith(f"line {line}: ") and reason in shown
            for shown in ended.output.splitlines()
        ), ended.output
    assert client.indices.count(["import-bad"]) == 46


def test_more_failures_than_the_service_describes_are_all_counted(run: Run, tmp_path: Path) -> None:
    """The service describes a thousand failures; the import still counts each."""
    path = tmp_path / "many.ndjson"
    good, bad = '{"when":"2026-01-01","value":1}\n', '{"when":"2026-01-01","value":"x"}\n'
    path.write_text(good + 1500 * bad + good)
    ended = run("import", str(path), "--index", "import-many", "--time-field", "when")
    assert ended.exit_code == 1
    assert "2 documents in" in ended.output
    assert "1,500 failed" in ended.output


@pytest.mark.parametrize(
    ("content", "time_field", "told"),
    [
        (NDJSON, "then", "then"),
        (NDJSON, "host", "holds no date"),
        ("", "when", "no header"),
        ("\x00\x01\x02", "when", "holds no documents"),
    ],
    ids=["no such field", "no date", "empty file", "no text"],
)
def test_a_file_that_cannot_be_used_is_one_clear_line(
    run: Run, client: Client, tmp_path: Path, content: str, time_field: str, told: str
) -> None:
    """The reason names the time field or the file; no index is left behind."""
    path = tmp_path / "unusable"
    path.write_text(content)
    ended = run("import", str(path), "--index", "import-unusable", "--time-field", time_field)
    assert ended.exit_code == 1
    (line,) = [each for each in ended.output.splitlines() if each.startswith("error:")]
    assert told in line
    assert "import-unusable" not in client.indices.mapping().indices


@pytest.mark.parametrize(
    ("properties", "told"),
    [({"when": {"type": "keyword"}}, "mapped as keyword"), ({}, "not mapped")],
    ids=["a keyword", "absent"],
)
def test_an_index_whose_time_field_is_no_date_is_refused(
    run: Run, client: Client, tmp_path: Path, properties: dict[str, object], told: str
) -> None:
    """Nothing is written into an index in which no detector could find the time."""
    index = "import-into-" + told.split()[-1]
    client.indices.create(index, mappings={"properties": properties})
    ended = run(
        "import", str(written(tmp_path, "ndjson")), "--index", index, "--time-field", "when"
    )
    assert ended.exit_code == 1
    assert told in ended.output
    assert client.indices.count([index]) == 0


def test_a_time_field_inside_an_object_is_mapped_there(
    run: Run, client: Client, tmp_path: Path
) -> None:
    """A dotted path names a field of an object; a second file fits the index as well."""
    path = tmp_path / "nested.ndjson"
    path.write_text('{"event":{"at":"2026-01-01 10:00:00"}}\n')
    for count in (1, 2):
        ended = run("import", str(path), "--index", "import-nested", "--time-field", "event.at")
        assert ended.exit_code == 0, ended.output
        later = {"range": {"event.at": {"gte": 1_767_261_600_000}}}
        assert client.indices.count(["import-nested"], later) == count
