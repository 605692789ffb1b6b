"""The forest alone: streaming Random Cut Forests on numpy arrays, without the service.

``RandomCutForest`` scores points. ``ThresholdedForest`` takes a series in time order and says which
of its values are anomalies, and why. ``ModelBank`` holds many models and works on them in batches.
"""

from anomalyd._core import SUPPRESSIONS, BankSettings, ModelBank, Scores
from anomalyd.forest.plain import Neighbours, RandomCutForest
from anomalyd.forest.thresholded import Forecast, ThresholdedForest, Verdicts

__all__ = [
    "SUPPRESSIONS",
    "BankSettings",
    "Forecast",
    "ModelBank",
    "Neighbours",
    "RandomCutForest",
    "Scores",
    "ThresholdedForest",
    "Verdicts",
]
