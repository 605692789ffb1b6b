"""A typed client of the service over gRPC.

::

    with Client("127.0.0.1:50051") as client:
        created = client.detectors.create(document)
        task_id = client.detectors.start(created.id, start=1_763_000_000_000, end=1_763_600_000_000)
        task = client.tasks.wait(task_id)
        for hit in client.results.anomalies(created.id, task_id=task_id).hits.hits:
            print(hit.source.data_start_time, hit.source.anomaly_grade)

Answers are the messages of ``anomalyd.v1``. What the service refuses is raised as the error of
``anomalyd.errors`` that the service itself raised; a call that does not get through is CallFailed.
"""

from anomalyd.client.client import Client
from anomalyd.client.errors import CallFailed

__all__ = ["CallFailed", "Client"]
