"""Runtime settings as rows: one JSON value per key, and one version number for all of them."""

from django.conf import settings
from django.db import models


class Setting(models.Model):
    """The stored value of one key; a key without a row has its default (`registry.py`).

    Secrets inside `value` are encrypted (`secrets.py`); read settings through `runtime`, not here.
    """

    key = models.TextField(primary_key=True)
    value = models.JSONField()
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("key",)

    def __str__(self) -> str:
        return self.key


class SettingsVersion(models.Model):
    """One row (id 1). Its number grows with every save, so a process sees at a glance whether to reload."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=0)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="settings_version_is_one_row"),)

    def __str__(self) -> str:
        return str(self.version)
