"""The states of a campaign and the allowed moves, on one screen (contract 2.1)."""

from django.db import models

from listmonk_py.api.errors import DomainError


class IllegalTransition(DomainError):
    """The campaign cannot go from its status to the one asked for."""


class Status(models.TextChoices):
    DRAFT = "draft"
    RUNNING = "running"
    SCHEDULED = "scheduled"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"

    def may_become(self, target: "Status") -> bool:
        return target in TRANSITIONS[self]

    @property
    def is_editable(self) -> bool:
        return self in (Status.DRAFT, Status.PAUSED, Status.SCHEDULED)


# FINISHED is the engine's to write. FINISHED -> RUNNING is for retrying the failed and resolving the
# unknown; CANCELLED is for good.
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.SCHEDULED, Status.RUNNING}),
    Status.SCHEDULED: frozenset({Status.DRAFT, Status.RUNNING}),
    Status.RUNNING: frozenset({Status.PAUSED, Status.CANCELLED, Status.FINISHED}),
    Status.PAUSED: frozenset({Status.SCHEDULED, Status.RUNNING, Status.CANCELLED}),
    Status.FINISHED: frozenset({Status.RUNNING}),
    Status.CANCELLED: frozenset(),
}
