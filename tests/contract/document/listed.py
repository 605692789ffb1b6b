"""The page of deliberate differences, read as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.contract.document.compare import Difference

PAGE = Path(__file__).parents[3] / "docs" / "decisions" / "030-differences.md"


@dataclass(frozen=True)
class Row:
    """A row of the page: what is different where, and why.

    Attributes:
        where: path, after ``…`` the end of one, empty for the answer as a whole; or numbers of
            recorded requests.
        what: as ``Difference.what``; or what becomes of the recorded answer.
        why: the reason.
    """

    where: str
    what: str
    why: str

    def covers(self, difference: Difference) -> bool:
        """Whether the row speaks of this difference."""
        if self.what != difference.what:
            return False
        if self.where.startswith("…"):
            end = self.where.removeprefix("…")
            return difference.path == end or difference.path.endswith(f".{end}")
        return self.where == difference.path


def rows(heading: str) -> tuple[Row, ...]:
    """Return the rows below the headings that begin with ``heading``; none may lack a reason."""
    found: list[Row] = []
    inside = False
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            inside = line.removeprefix("## ").startswith(heading)
        elif inside and line.startswith("| ") and not line.startswith("| where |"):
            cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
            assert len(cells) == 3, line
            assert cells[2], line
            where, what = (re.sub("`|the answer", "", cell) for cell in cells[:2])
            found.append(Row(where, what, cells[2]))
    return tuple(found)
