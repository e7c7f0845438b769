"""Which recipient domains belong to one mailbox provider, and how fast each may be written to."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class DomainGroup(models.Model):
    """A mailbox provider: recipients at `domains` share one rate. `domains.py` has the defaults."""

    name = models.TextField(unique=True)
    domains = ArrayField(models.TextField(), default=list)
    # Messages per window to all domains together; null is no limit of its own.
    rate = models.FloatField(null=True, blank=True, help_text="Messages per window; empty is no limit.")
    window_s = models.FloatField(default=1.0, help_text="Length of the window in seconds.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(rate=None) | models.Q(rate__gt=0), name="domain_group_rate_is_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(window_s__gt=0), name="domain_group_window_is_positive"
            ),
        )

    def __str__(self) -> str:
        return self.name
