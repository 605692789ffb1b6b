"""Lines of the log for machines."""

from __future__ import annotations

import json
import logging
import sys

from anomalyd.cli.logs import JsonFormatter


def record(message: str, *args: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("anomalyd.test", logging.WARNING, __file__, 1, message, args, None)
    made.created = 1_700_000_000.25
    made.__dict__.update(more)
    return made


def test_a_record_is_one_json_object_with_its_ids() -> None:
    """Ids that were given are keys; those that were not are absent."""
    line = JsonFormatter().format(record("tick of %s", "d\n1", detector_id="d1", task_id=None))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "level": "WARNING",
        "logger": "anomalyd.test",
        "message": "tick of d\n1",
        "detector_id": "d1",
    }


def test_an_exception_is_part_of_the_object() -> None:
    """Its traceback is text in one key, so that the line stays one line."""
    made = record("failed")
    try:
        raise ValueError("boom")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = JsonFormatter().format(made)
    assert "\n" not in line
    assert "ValueError: boom" in json.loads(line)["exception"]
