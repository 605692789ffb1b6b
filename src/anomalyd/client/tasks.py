"""Calls of TaskService."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from anomalyd.client.bodies import Body, search_body
from anomalyd.client.connection import Connection
from anomalyd.v1 import task_pb2
from anomalyd.v1 import task_service_pb2 as pb

SERVICE = "TaskService"
ENDED = frozenset(
    {
        task_pb2.TASK_STATE_FINISHED,
        task_pb2.TASK_STATE_FAILED,
        task_pb2.TASK_STATE_STOPPED,
    }
)


class Tasks:
    """Look at runs of detectors and wait for them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, id: str, *, timeout: float | None = None) -> task_pb2.Task:
        """Read one task. Raises: TaskNotFound."""
        answer = self._connection.call(
            f"{SERVICE}/GetTask", pb.GetTaskRequest(id=id), pb.GetTaskResponse, timeout=timeout
        )
        return answer.task

    def search(
        self, body: Body = None, *, page_token: str = "", timeout: float | None = None
    ) -> pb.SearchTasksResponse:
        """Search tasks; ``page_token`` is the answer's ``next_page_token``.

        Raises: ParsingError, IllegalArgument.
        """
        request = pb.SearchTasksRequest(body=search_body(body), page_token=page_token)
        return self._connection.call(
            f"{SERVICE}/SearchTasks", request, pb.SearchTasksResponse, timeout=timeout
        )

    def wait(
        self,
        id: str,
        *,
        on_progress: Callable[[task_pb2.Task], None] = lambda task: None,
        interval: float = 0.2,
        sleep: Callable[[float], None] = time.sleep,
    ) -> task_pb2.Task:
        """Return the task once it has ended, however it ended.

        Args:
            id: of a historical task; a real-time one does not end by itself.
            on_progress: called with the task each time it was looked at.
            interval: seconds between two looks.
            sleep: waits that long.

        Raises: TaskNotFound.
        """
        while True:
            task = self.get(id)
            on_progress(task)
            if task.state in ENDED:
                return task
            sleep(interval)

    def watch(self, id: str, *, timeout: float | None = None) -> Iterator[task_pb2.Task]:
        """Follow a task: as it is now, after every change, and last as it ended.

        Args:
            id: the task's.
            timeout: seconds; no limit when None.

        Raises: TaskNotFound, Throttled, from the iterator.
        """
        answers = self._connection.follow(
            f"{SERVICE}/WatchTask",
            pb.WatchTaskRequest(id=id),
            pb.WatchTaskResponse,
            timeout=timeout,
        )
        return (answer.task for answer in answers)
