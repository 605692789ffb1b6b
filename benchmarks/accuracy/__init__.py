"""How well anomalies are found: labelled series, beside the reference implementation."""
