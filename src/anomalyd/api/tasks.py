"""``anomalyd.v1.TaskService``."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from anomalyd.api.convert import to_document
from anomalyd.api.paging import paged
from anomalyd.api.typed import required, respond
from anomalyd.service.tasks import TaskService
from anomalyd.service.watching import WatchService
from anomalyd.v1 import task_service_pb2 as pb
from anomalyd.v1.task_service_pb2_grpc import TaskServiceServicer

Context = grpc.ServicerContext


class TaskServicer(TaskServiceServicer):
    """Checks, converts, calls the use case, converts back."""

    def __init__(self, tasks: TaskService, watching: WatchService) -> None:
        self._tasks = tasks
        self._watching = watching

    def SearchTasks(  # noqa: N802 - RPC names are as in the proto
        self, request: pb.SearchTasksRequest, context: Context
    ) -> pb.SearchTasksResponse:
        """Search tasks."""
        found = paged(to_document(request.body), request.page_token, self._tasks.search)
        return respond(found, pb.SearchTasksResponse)

    def GetTask(  # noqa: N802
        self, request: pb.GetTaskRequest, context: Context
    ) -> pb.GetTaskResponse:
        """Read one task."""
        task = self._tasks.get(required(request.id, "id"))
        return respond({"task": task}, pb.GetTaskResponse)

    def WatchTask(  # noqa: N802
        self, request: pb.WatchTaskRequest, context: Context
    ) -> Iterator[pb.WatchTaskResponse]:
        """Send a task now and after every change."""
        task_id = required(request.id, "id")
        for task in self._watching.task(task_id, active=context.is_active):
            yield respond({"task": task}, pb.WatchTaskResponse)
