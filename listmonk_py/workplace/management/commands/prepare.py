"""What must have happened before the processes start: schema, static files, starter content.

Safe to run again and by two machines at once: migrations run under an advisory lock, and starter content
is only put into an empty database.
"""

import time
from typing import Any

import redis
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from campaigns import starter

OLDEST_POSTGRESQL = 15
MIGRATION_LOCK = 0x6C6D706D  # pg_advisory_lock key: one migration at a time per database


class Command(BaseCommand):
    help = "Bring the database up to date, collect static files, put starter content into an empty database."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        self._check_servers()
        self._await_lock()
        try:
            call_command("migrate", interactive=False, verbosity=1 if options["verbosity"] > 1 else 0)
            starter.install()
            # Users that the environment asks for; once they exist this does nothing.
            call_command("create_users_from_environment", stderr=self.stderr)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])
        call_command("collectstatic", interactive=False, verbosity=0)

    @staticmethod
    def _await_lock() -> None:
        """Not in one statement that blocks: an index built concurrently would wait for that one, for ever."""
        while True:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [MIGRATION_LOCK])
                if cursor.fetchone()[0]:
                    return
            time.sleep(0.2)

    def _check_servers(self) -> None:
        where = connection.settings_dict
        try:
            connection.ensure_connection()
        except OperationalError as fault:
            raise CommandError(
                f"PostgreSQL at {where['HOST'] or 'its socket'}:{where['PORT'] or 5432} cannot be used:"
                f" {str(fault).strip()}"
            ) from fault
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')::int")
            major = cursor.fetchone()[0] // 10_000
        if major < OLDEST_POSTGRESQL:
            raise CommandError(f"PostgreSQL {OLDEST_POSTGRESQL} or newer is needed; this is {major}.")
        try:
            with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5) as client:
                client.ping()
        except redis.RedisError as fault:
            raise CommandError(f"The Redis of REDIS_URL cannot be used: {fault}") from fault
