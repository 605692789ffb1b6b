"""How the service writes its log: for people, or one JSON object a line for machines."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

import orjson

IDENTIFIERS = ("detector_id", "task_id", "request_id")
"""Keys that a log call may pass in ``extra``; they become keys of the JSON object."""


class LogFormat(StrEnum):
    """What a line of the log looks like."""

    TEXT = "text"
    JSON = "json"


class JsonFormatter(logging.Formatter):
    """Writes ``time`` (UTC), ``level``, ``logger``, ``message``, ids and ``exception``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        given: Mapping[str, object] = record.__dict__
        line |= {name: str(given[name]) for name in IDENTIFIERS if given.get(name) is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()


def configure(form: LogFormat) -> None:
    """Send the log of everything to the standard error stream."""
    handler = logging.StreamHandler()
    if form is LogFormat.JSON:
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
