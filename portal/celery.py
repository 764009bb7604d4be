"""The Celery application, and the one function by which an action wakes a task."""

import logging
import os
from typing import Any

from celery import Celery, Task
from django.db import transaction

from portal import isolation

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


class ScopedTask(Task):  # type: ignore[type-arg]
    """A job says itself whose rows it sees, whoever calls it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with isolation.nobody():
            return super().__call__(*args, **kwargs)


app = Celery("portal", task_cls=ScopedTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

log = logging.getLogger(__name__)


def wake(task: str, *arguments: object) -> None:
    """Send a task by its name once the rows it will read are committed.

    The message is only a hint: beat looks for the same work in the database, so a broker that
    is down delays the work and never loses it, and the caller is not made to fail.
    """

    def send() -> None:
        try:
            app.send_task(task, args=arguments, retry=False)
        except Exception as problem:  # noqa: BLE001 (any broker error means «later», by beat)
            log.warning("broker not reached, %s waits for beat: %s", task, type(problem).__name__)

    transaction.on_commit(send)
