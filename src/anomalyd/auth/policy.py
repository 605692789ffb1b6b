"""Which role may do what: the one place where rights are looked up.

Authentication is later work, so today every caller is the local identity, whose role may do
everything; the checks stand where they belong all the same. Facts: the privileges section of
``elastic-get-influencers-api`` and of the influencer reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from anomalyd.auth.identity import Identity
from anomalyd.errors import Forbidden


class ClusterPrivilege(Enum):
    """What a role may do in the cluster as a whole."""

    ALL = "all"
    MANAGE = "manage"
    MANAGE_ML = "manage_ml"
    MONITOR = "monitor"
    MONITOR_ML = "monitor_ml"


class Action(Enum):
    """What a caller wants to do, by the name that Elasticsearch's messages give it."""

    GET_INFLUENCERS = "cluster:monitor/xpack/ml/job/results/influencers/get"
    GET_RECORDS = "cluster:monitor/xpack/ml/job/results/records/get"
    GET_BUCKETS = "cluster:monitor/xpack/ml/job/results/buckets/get"
    GET_OVERALL_BUCKETS = "cluster:monitor/xpack/ml/job/results/overall_buckets/get"
    FLUSH_JOB = "cluster:admin/xpack/ml/job/flush"
    READ_RESULTS = "indices:data/read/search"


RESULTS_INDEX = ".ml-anomalies-shared"
_MONITOR_ML = (
    ClusterPrivilege.MONITOR_ML,
    ClusterPrivilege.MONITOR,
    ClusterPrivilege.MANAGE_ML,
    ClusterPrivilege.MANAGE,
    ClusterPrivilege.ALL,
)
GRANTED_BY: Mapping[Action, tuple[ClusterPrivilege, ...]] = {
    Action.GET_INFLUENCERS: _MONITOR_ML,
    Action.GET_RECORDS: _MONITOR_ML,
    Action.GET_BUCKETS: _MONITOR_ML,
    Action.GET_OVERALL_BUCKETS: _MONITOR_ML,
    Action.FLUSH_JOB: (
        ClusterPrivilege.MANAGE_ML,
        ClusterPrivilege.MANAGE,
        ClusterPrivilege.ALL,
    ),
}
"""Cluster privileges any one of which grants an action."""


@dataclass(frozen=True, kw_only=True)
class Role:
    """What a role grants.

    Attributes:
        cluster: cluster privileges.
        reads_results: whether it may read the index that stores the results.
    """

    cluster: frozenset[ClusterPrivilege] = frozenset()
    reads_results: bool = False


ROLES: Mapping[str, Role] = {
    "all_access": Role(cluster=frozenset({ClusterPrivilege.ALL}), reads_results=True),
    "machine_learning_admin": Role(
        cluster=frozenset({ClusterPrivilege.MANAGE_ML}), reads_results=True
    ),
    "machine_learning_user": Role(
        cluster=frozenset({ClusterPrivilege.MONITOR_ML}), reads_results=True
    ),
}
"""The built-in roles that matter here."""


class Policy:
    """Judges what identities may do. Immutable; thread-safe.

    Args:
        roles: what each role grants; a role that is not here grants nothing.
    """

    def __init__(self, roles: Mapping[str, Role] = ROLES) -> None:
        self._roles = dict(roles)

    def check_results(self, identity: Identity, action: Action, job: str) -> None:
        """Let pass who may read a job's results by an action.

        Raises: Forbidden in Elasticsearch's words.
        """
        granted = [self._roles[name] for name in identity.roles if name in self._roles]
        needed = GRANTED_BY[action]
        if not any(privilege in role.cluster for role in granted for privilege in needed):
            names = ",".join(each.value for each in needed)
            raise Forbidden(
                f"action [{action.value}] is unauthorized for user [{identity.name}] with "
                f"effective roles [{','.join(identity.roles)}] for job [{job}], this action is "
                f"granted by the cluster privileges [{names}]"
            )
        if not any(role.reads_results for role in granted):
            raise Forbidden(
                f"action [{action.value}] is unauthorized for user [{identity.name}] with "
                f"effective roles [{','.join(identity.roles)}] for job [{job}], it needs the "
                f"privilege [read] on the index [{RESULTS_INDEX}], where "
                f"[{Action.READ_RESULTS.value}] is unauthorized"
            )
