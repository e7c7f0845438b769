"""The known mailbox providers, without a rate: staff give them one, change them, or delete them for good."""

from typing import Any

from django.db import migrations

from listmonk_py.mail.domains import DEFAULT_GROUPS


def add(apps: Any, schema_editor: Any) -> None:
    groups = apps.get_model("mail", "DomainGroup").objects
    for name, domains in DEFAULT_GROUPS.items():
        groups.get_or_create(name=name, defaults={"domains": list(domains)})


class Migration(migrations.Migration):
    dependencies = [("mail", "0002_system_mail")]

    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
