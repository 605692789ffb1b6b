"""Who may read results of jobs."""

from __future__ import annotations

import pytest

from anomalyd.api.status import error_body
from anomalyd.auth.identity import Identity, local_identity
from anomalyd.auth.policy import GRANTED_BY, Action, ClusterPrivilege, Policy, Role
from anomalyd.errors import Forbidden

READS = sorted(set(GRANTED_BY) - {Action.FLUSH_JOB}, key=lambda action: action.value)


def identity(*roles: str) -> Identity:
    return Identity(name="eve", roles=roles)


@pytest.mark.parametrize("action", READS, ids=lambda action: action.name)
@pytest.mark.parametrize("role", ["all_access", "machine_learning_admin", "machine_learning_user"])
def test_the_builtin_roles_read_results(action: Action, role: str) -> None:
    """So does the local identity, which everybody is until there is authentication."""
    Policy().check_results(identity("other", role), action, "job")
    Policy().check_results(local_identity(), action, "job")


def test_only_who_manages_jobs_flushes_them() -> None:
    """Reading them is not enough, as it makes results."""
    for role in ("all_access", "machine_learning_admin"):
        Policy().check_results(identity(role), Action.FLUSH_JOB, "job")
    Policy().check_results(local_identity(), Action.FLUSH_JOB, "job")
    with pytest.raises(Forbidden, match=r"job/flush.*manage_ml,manage,all"):
        Policy().check_results(identity("machine_learning_user"), Action.FLUSH_JOB, "job")


@pytest.mark.parametrize("privilege", ["monitor_ml", "monitor", "manage_ml", "manage"])
def test_each_documented_cluster_privilege_suffices(privilege: str) -> None:
    """Any of the four, with the right to read the results' index, from one role or from two."""
    cluster = Role(cluster=frozenset({ClusterPrivilege(privilege)}))
    policy = Policy({"cluster": cluster, "index": Role(reads_results=True)})
    policy.check_results(identity("cluster", "index"), Action.GET_INFLUENCERS, "job")
    with pytest.raises(Forbidden, match=r"read.*\.ml-anomalies"):
        policy.check_results(identity("cluster"), Action.GET_INFLUENCERS, "job")
    with pytest.raises(Forbidden, match=r"monitor_ml,monitor,manage_ml,manage"):
        policy.check_results(identity("index"), Action.GET_INFLUENCERS, "job")


def test_a_refusal_is_a_403_that_names_user_action_and_job() -> None:
    """The body is Elasticsearch's."""
    with pytest.raises(Forbidden) as caught:
        Policy().check_results(identity("nobody"), Action.GET_INFLUENCERS, "sales")
    status, body = error_body(caught.value)
    assert status == body["status"] == 403
    assert body["error"]["type"] == "security_exception"
    assert body["error"]["root_cause"][0]["type"] == "security_exception"
    start = (
        "action [cluster:monitor/xpack/ml/job/results/influencers/get] is unauthorized for user "
        "[eve] with effective roles [nobody] for job [sales]"
    )
    assert body["error"]["reason"].startswith(start)
