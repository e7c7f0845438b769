"""Settings whose versions no other test has used, so that nothing cached under one is taken for ours."""

import itertools
from typing import Any

import pytest

from listmonk_py.configuration import runtime
from listmonk_py.configuration.models import SettingsVersion

_versions = itertools.count(1)


@pytest.fixture(autouse=True)
def unseen_settings(request: pytest.FixtureRequest, fresh_runtime_settings: Any) -> None:
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("transactional_db" if _commits(request) else "db")
        SettingsVersion.objects.update_or_create(
            pk=1, defaults={"version": 1_000_000 + 1000 * next(_versions)}
        )
        runtime.forget()


def _commits(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker("django_db")
    return bool(marker and marker.kwargs.get("transaction"))
