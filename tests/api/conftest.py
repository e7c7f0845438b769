"""One installation per module, one savepoint per case."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from tests.api import product as products
from tests.api import world
from tests.sinks import SmtpSink


@pytest.fixture(scope="module")
def mail_server() -> Iterator[SmtpSink]:
    with SmtpSink() as running:
        yield running


@pytest.fixture(scope="module")
def installation(
    django_db_setup: None, django_db_blocker: Any, mail_server: SmtpSink
) -> Iterator[dict[str, str]]:
    """The recorded installation, gone after the module; the API users' tokens by name.

    pytest-django runs each test in a savepoint of the transaction that this begins.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield world.build(mail_server)
        transaction.set_rollback(True)


@pytest.fixture
def tokens(
    installation: dict[str, str], db: None, redis: Any, settings: Any, tmp_path: Path
) -> dict[str, str]:
    """The installation as it was built, whatever the last case did to it."""
    settings.DATA_DIR = tmp_path
    return installation


@pytest.fixture(scope="module")
def product(
    django_db_setup: None, django_db_blocker: Any, mail_server: SmtpSink
) -> Iterator[products.Product]:
    """The recorded installation with its web server and workers running."""
    with django_db_blocker.unblock(), products.running(mail_server) as running:
        yield running
