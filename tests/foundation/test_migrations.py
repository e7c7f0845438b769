"""The data model migrates forwards and backwards, and matches the models."""

import pytest
from django.core.management import call_command
from django.db import connection

OURS = ("transactional", "engine", "media", "bounces", "campaigns", "tracking", "subscribers", "mail")


def test_no_migration_is_missing(db):
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_every_migration_runs_backwards_and_forwards_again():
    for app in OURS:
        call_command("migrate", app, "zero", verbosity=0)

    assert "engine_ledger" not in connection.introspection.table_names()
    call_command("migrate", verbosity=0)
    assert "engine_ledger" in connection.introspection.table_names()


def test_the_system_checks_find_nothing():
    """The workers skip them (they would load the whole admin into each), so they run here."""
    call_command("check", fail_level="WARNING", verbosity=0)
