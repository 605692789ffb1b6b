"""``anomalyd.v1.InfluencerService``."""

from __future__ import annotations

from anomalyd.api.typed import later
from anomalyd.v1.influencer_service_pb2_grpc import InfluencerServiceServicer


class InfluencerServicer(InfluencerServiceServicer):
    """Will list who is to blame for anomalies."""

    GetInfluencers = later("listing influencers")
