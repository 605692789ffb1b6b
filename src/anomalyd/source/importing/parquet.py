"""Parquet files: DuckDB reads them and writes each row as a JSON document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from anomalyd.embedded.database import quote
from anomalyd.errors import IllegalArgument
from anomalyd.source.importing.batches import BATCH_SIZE, Batch
from anomalyd.source.importing.json_lines import read_lines

_MEMORY_LIMIT = "256MB"


def read_parquet(path: Path) -> Iterator[Batch]:
    """Read a Parquet file; times become ISO texts in UTC, decimals become numbers.

    Raises: IllegalArgument when it is none.
    """
    size = path.stat().st_size
    with duckdb.connect(":memory:", config={"memory_limit": _MEMORY_LIMIT}) as connection:
        try:
            file = str(path)
            counted = connection.execute("SELECT count(*) FROM read_parquet($file)", {"file": file})
            [count] = counted.fetchone() or (0,)
            described = connection.execute(
                "DESCRIBE SELECT * FROM read_parquet($file)", {"file": file}
            ).fetchall()
            columns = ", ".join(_as_json(name, type_) for name, type_, *_ in described)
            # to_json takes the row as a struct, so keys stand in the order of the columns
            connection.execute(
                f"SELECT CAST(to_json(r) AS VARCHAR) FROM "  # noqa: S608 - quoted identifiers
                f"(SELECT {columns} FROM read_parquet($file)) AS r",
                {"file": file},
            )
            done = 0
            while rows := connection.fetchmany(BATCH_SIZE):
                lines = [text.encode() for (text,) in rows]
                position = size * (done + len(rows)) // max(count, 1)
                yield read_lines(lines, done + 1, position)
                done += len(rows)
        except duckdb.Error as error:
            raise IllegalArgument(f"[{path}] is no Parquet file: {error}") from error


def _as_json(name: str, type_: str) -> str:
    column = quote(name)
    if type_.startswith("TIMESTAMP") or type_ == "DATE":
        instant = f"epoch_ms({column})" if type_.endswith("TIME ZONE") else f"{column}::TIMESTAMP"
        if type_.endswith("TIME ZONE"):
            instant = f"make_timestamp({instant} * 1000)"
        return f"strftime({instant}, '%Y-%m-%dT%H:%M:%S.%gZ') AS {column}"
    if type_.startswith("DECIMAL") or type_ in ("HUGEINT", "UHUGEINT", "UBIGINT"):
        return f"CAST({column} AS DOUBLE) AS {column}"
    return column
