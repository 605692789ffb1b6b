"""Files of every format into an index."""

import gzip
from pathlib import Path

import duckdb
import orjson
import pytest

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.embedded.identifiers import CountedIds
from anomalyd.errors import IllegalArgument
from anomalyd.source.embedded import EmbeddedIndices
from anomalyd.source.importing import import_file

SHARED = Path(__file__).parents[4] / ".." / "shared" / "data"
ISO = "strict_date_optional_time||epoch_millis"


@pytest.fixture
def indices():
    with Database() as database:
        yield EmbeddedIndices(Catalogue(database), ids=CountedIds(bytes), now=lambda: 0)


@pytest.fixture
def load(indices, tmp_path):
    """Import text or bytes as a file; returns the report."""

    def run(content, *, packed=False, time_field="t", index="logs", **options):
        data = content.encode() if isinstance(content, str) else content
        path = tmp_path / "some.file"
        path.write_bytes(gzip.compress(data) if packed else data)
        return import_file(indices, path, index=index, time_field=time_field, **options)

    return run


def sources(indices, index="logs"):
    answer = indices.search([index], {"size": 100})
    hits = sorted(answer["hits"]["hits"], key=lambda hit: hit["_id"])
    return [hit["_source"] for hit in hits]


def types(indices, index="logs"):
    properties = indices.get_mapping([index])[index].mapping["properties"]
    return {name: definition.get("type", "object") for name, definition in properties.items()}


@pytest.mark.parametrize("packed", [False, True])
def test_json_lines(indices, load, packed):
    """One document a line, kept as it is written; blank lines are none."""
    report = load('{"t":1,"v":1.50}\n\n{"v":2,"t":"2020-01-01T00:00:00Z"}\n', packed=packed)
    assert (report.imported, report.failed, report.time_format) == (2, 0, ISO)
    assert types(indices) == {"t": "date", "v": "double"}
    assert indices.count(["logs"], {"range": {"t": {"gte": "2020-01-01"}}}) == 1


def test_a_json_array(indices, load):
    """Also laid out over many lines."""
    report = load('\n[\n  {"t": 1,\n   "v": 1},\n  5, {"t": 2}]')
    assert (report.imported, report.failed) == (2, 1)
    assert report.problems[0].line == 2


def test_csv_cells_are_typed_by_column(indices, load):
    """Numbers, booleans, dates and texts; empty cells are missing."""
    report = load(
        "t,whole,decimal,yes,text,code,empty,day\n"
        "2020-01-01 10:00:00,1,1.5,true,a,007,,2020-01-01\n"
        '2020-01-01 10:01:00,,2,FALSE,"b, ""c""",012,,2020-01-02\n'
    )
    assert (report.imported, report.time_format) == (2, "yyyy-MM-dd HH:mm:ss")
    assert types(indices) == {
        "t": "date", "whole": "long", "decimal": "double", "yes": "boolean", "text": "text",
        "code": "text", "day": "date",
    }  # fmt: skip
    assert sources(indices)[1] == {
        "t": "2020-01-01 10:01:00", "decimal": 2.0, "yes": False, "text": 'b, "c"', "code": "012",
        "day": "2020-01-02",
    }  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_delimiters(indices, load, delimiter):
    """The one that the header has; a byte order mark and CRLF do not show."""
    text = "\ufefft,v\r\n1,2\r\n".replace(",", delimiter)
    load(text)
    assert sources(indices) == [{"t": 1, "v": 2}]


def test_parquet(indices, load, tmp_path):
    """Times become ISO texts in UTC, whatever type they have."""
    path = tmp_path / "x.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
        connection.execute(
            f"""COPY (SELECT TIMESTAMP '2020-01-01 10:00:00.5' AS t, 1.25::DECIMAL(8, 2) AS d,
            DATE '2020-02-03' AS day, TIMESTAMPTZ '2020-01-01 10:00:00+02' AS z, 5 AS n,
            [1, 2] AS many, {{'x': 'y'}} AS o, 'text' AS s, NULL::BIGINT AS nothing)
            TO '{path}'"""
        )
    report = load(path.read_bytes())
    assert (report.imported, report.failed) == (1, 0)
    [source] = sources(indices)
    assert source == {
        "t": "2020-01-01T10:00:00.500Z", "d": 1.25, "day": "2020-02-03T00:00:00.000Z",
        "z": "2020-01-01T08:00:00.000Z", "n": 5, "many": [1, 2], "o": {"x": "y"}, "s": "text",
        "nothing": None,
    }  # fmt: skip
    assert types(indices)["z"] == "date"


def test_lines_that_do_not_fit_are_counted_with_their_numbers(indices, load):
    """The others are imported."""
    report = load(
        '{"t":1,"v":1}\n{"t":2,\n[3]\n{"v":4}\n{"t":"x","v":5}\n{"t":6,"v":{"a":1}}\n{"t":7,"v":7}\n'
    )
    assert report.imported == 2
    assert report.failed == 5
    reasons = {problem.line: problem.reason for problem in report.problems}
    assert list(reasons) == [2, 3, 4, 5, 6]
    assert reasons[2].startswith("no JSON")
    assert reasons[3] == "no JSON object"
    assert reasons[4] == "the time field [t] is missing"
    assert "failed to parse field [t] of type [date]" in reasons[5]
    assert "failed to parse field [v] of type [long]" in reasons[6]
    assert len(sources(indices)) == 2


def test_rows_of_another_length_are_counted(load):
    """With the line in the file, quoted line breaks included."""
    report = load('t,v\n1,"a\nb"\n2\n3,c,d\n4,e\n')
    assert (report.imported, report.failed) == (2, 2)
    assert [problem.line for problem in report.problems] == [4, 5]
    assert report.problems[0].reason == "1 cells, but the header has 2"


@pytest.mark.parametrize(
    ("time", "format", "millis"),
    [
        ("1600000000", "epoch_second", 1600000000000),
        ("1600000000000", ISO, 1600000000000),
        ("160000", ISO, 160000),
        ('"2020-01-01T00:00:00+01:00"', ISO, 1577833200000),
        ('"2020-01-01 00:00:00"', "yyyy-MM-dd HH:mm:ss", 1577836800000),
        ('"2020/01/01 00:00"', "yyyy/MM/dd HH:mm", 1577836800000),
    ],
)
def test_how_times_are_written_is_found_out(indices, load, time, format, millis):
    """From the first document; whole numbers of the size of seconds are seconds."""
    assert load(f'{{"t":{time}}}\n').time_format == format
    query = {"range": {"t": {"gte": millis, "lte": millis, "format": "epoch_millis"}}}
    assert indices.count(["logs"], query) == 1


def test_the_time_field_may_lie_inside_an_object(indices, load):
    """By its dotted path, spelled either way."""
    report = load('{"event":{"at":1}}\n{"event.at":2}\n{"event":{}}\n', time_field="event.at")
    assert (report.imported, report.failed) == (2, 1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"v":1}\n', r"line 1: the time field \[t\] is missing"),
        ("a,b\n1,2\n", r"line 2: the time field \[t\] is missing"),
        ('{"t":"yesterday"}\n', r"the time field \[t\] .* holds no date: \[yesterday\]"),
        ('{"t":true}\n', r"holds no date: \[True\]"),
        ("{x\n", "line 1: no JSON"),
        ("", "no header line|holds no documents"),
        ("t,t\n1,2\n", r"two columns of the name \[t\]"),
        ("t,v\n", "holds no documents"),
        ("[1,", "no JSON array"),
        (b"PAR1 but not really", "no Parquet file"),
        (b"\x1f\x8b not really packed", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(load, indices, content, reason):
    """And no document is written."""
    with pytest.raises(IllegalArgument, match=reason):
        load(content)
    assert not indices.exists(["logs"]) or indices.count(["logs"], None) == 0


def test_a_file_that_is_not_there_says_so(indices):
    """By its name."""
    with pytest.raises(IllegalArgument, match="nowhere"):
        import_file(indices, Path("/nowhere"), index="logs", time_field="t")


def test_a_damaged_archive_keeps_what_was_read(indices, load):
    """The error comes at the damage."""
    lines = b"".join(orjson.dumps({"t": n, "v": "x" * 20}) + b"\n" for n in range(300_000))
    whole = gzip.compress(lines, 1)
    with pytest.raises(IllegalArgument, match="cannot be read"):
        load(whole[: len(whole) // 2])
    assert indices.count(["logs"], None) > 0


def test_an_index_that_maps_the_time_field_otherwise_is_refused(indices, load):
    """Before anything is written."""
    indices.create_index("logs", {"mappings": {"properties": {"t": {"type": "keyword"}}}})
    with pytest.raises(IllegalArgument, match=r"\[t\] is mapped as keyword in index \[logs\]"):
        load('{"t":1}\n')


def test_an_import_into_an_index_with_documents_adds_to_them(indices, load):
    """Under new ids."""
    for _ in range(2):
        load('{"t":1,"v":1}\n{"t":2,"v":2}\n')
    assert indices.count(["logs"], None) == 4


def test_progress_is_told_in_bytes_of_the_file(load):
    """It never falls and ends at the whole."""
    steps = []
    lines = "".join(f'{{"t":{n}}}\n' for n in range(50_000))
    load(lines, progress=lambda done, total: steps.append((done, total)))
    assert len(steps) == 3
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1] == (len(lines), len(lines))


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data folder is not here")
@pytest.mark.parametrize(
    ("name", "time_field", "count"),
    [
        ("nab/realKnownCause/nyc_taxi.csv.gz", "timestamp", 10_320),
        ("opensearch/ecommerce.json.gz", "order_date", 4_675),
        ("opensearch/hostHealth.json.gz", "timestamp", 40_320),
        ("opensearch/synthetic.data.gz", "timestamp", 10_081),
    ],
)
def test_real_files(indices, name, time_field, count):
    """Every line of them, each in the format that its name does not tell."""
    report = import_file(indices, SHARED / name, index="real", time_field=time_field)
    assert (report.imported, report.failed) == (count, 0)
    assert indices.count(["real"], None) == count
