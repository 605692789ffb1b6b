"""The examples, run as a reader would run them, against a service of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"the real series are not here: {DATA} is absent"
)


def run(script: str) -> str:
    """Run an example with a service of its own and return what it printed."""
    ended = subprocess.run(
        [sys.executable, str(ROOT / "examples" / script), "--start"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_taxi_series_is_analysed_and_most_labelled_windows_are_hit() -> None:
    """At least 3 of the 5 labelled windows are hit, and at most 1 % outside them is flagged."""
    printed = run("nyc_taxi.py")
    assert "10320 documents loaded" in printed
    hit = re.search(r"windows hit: (\d) of 5", printed)
    outside = re.search(r"flagged outside: (\d+) of (\d+) intervals", printed)
    assert hit is not None
    assert outside is not None
    assert int(hit[1]) >= 3, printed
    assert int(outside[1]) <= 0.01 * int(outside[2]), printed
    assert int(outside[2]) > 9_000


def test_the_orders_are_analysed_per_customer_and_per_category() -> None:
    """Sparse series end with the reason why nothing was scored, dense ones with anomalies."""
    printed = run("ecommerce.py")
    assert "4675 orders loaded" in printed
    _, customers, categories = printed.split("turnover per hour by ")
    # the thousand customers with the most orders; none of them has 32 hours with orders
    assert " intervals with orders, 0 scored, 0 anomalous" in customers
    assert "no series is long enough" in customers
    total = re.search(r"(\d+) intervals with orders, (\d+) scored, (\d+) anomalous", categories)
    assert total is not None
    analysed, scored, anomalous = map(int, total.groups())
    listed = re.findall(r"^    \d{4}-\d\d-\d\d .* grade ", categories, re.MULTILINE)
    assert len(listed) == anomalous
    assert analysed > scored > 1_000
