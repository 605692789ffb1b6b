"""The chart: well-formed SVG that shows series, grades, incidents and findings."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anomalyd.demo.chart import Panel, draw
from anomalyd.demo.incidents import DAY, MINUTE, Incident, IncidentKind

SVG = "{http://www.w3.org/2000/svg}"


def panel(values: list[float], grades: list[float], title: str = "latency") -> Panel:
    planted = Incident(
        name="slow & <odd>",
        kind=IncidentKind.LATENCY_SPIKE,
        start=DAY,
        end=DAY + 30 * MINUTE,
        strength=2.0,
        watch="latency",
    )
    return Panel(
        title=title,
        unit="ms",
        time=np.arange(len(values), dtype=np.int64) * 10 * MINUTE,
        value=np.array(values, dtype=np.float64),
        grade=np.array(grades, dtype=np.float64),
        planted=(planted,),
    )


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def found_marks(root: ElementTree.Element) -> list[ElementTree.Element]:
    """Return the marks on the series, without the one of the legend."""
    return [c for c in root.findall(f"{SVG}circle") if c.get("class") == "found"][1:]


def test_each_flagged_interval_has_a_mark_and_each_incident_a_shade() -> None:
    """Two grades above 0 give two marks; one incident gives one shade."""
    root = parsed(draw([panel([1, 2, 3, 4], [0, 0.5, 0, 1])], title="shop", start=0, end=2 * DAY))
    assert len(found_marks(root)) == 2
    shades = [r for r in root.findall(f"{SVG}rect") if r.get("class") == "planted"]
    assert len(shades) == 2  # the legend's and the incident's
    assert "slow & <odd>" in [text.text for text in root.findall(f"{SVG}text")]


def test_panels_are_stacked_without_overlap() -> None:
    """Another panel makes the picture higher and sits below the one before."""
    one = parsed(draw([panel([1], [0])], title="shop", start=0, end=DAY))
    two = parsed(draw([panel([1], [0]), panel([2], [0], "two")], title="shop", start=0, end=DAY))
    assert int(two.get("height", 0)) > int(one.get("height", 0))
    names = [t for t in two.findall(f"{SVG}text") if t.get("class") == "name"]
    assert [name.text for name in names] == ["latency", "two"]
    assert float(names[0].get("y", 0)) < float(names[1].get("y", 0))


@given(
    st.lists(
        st.tuples(
            st.one_of(st.floats(0, 1e12), st.just(float("nan"))),
            st.one_of(st.floats(0, 1), st.just(float("nan"))),
        ),
        min_size=0,
        max_size=30,
    )
)
def test_any_series_gives_a_well_formed_picture(points: list[tuple[float, float]]) -> None:
    """Missing values, constant zero and empty series are drawn without a NaN in the file."""
    text = draw(
        [panel([value for value, _ in points], [grade for _, grade in points])],
        title="shop",
        start=0,
        end=2 * DAY,
    )
    root = parsed(text)
    assert "nan" not in text
    drawable = [np.isfinite(value) and grade > 0 for value, grade in points]
    assert len(found_marks(root)) == sum(drawable)
