"""Periodic tasks and their schedules in the admin, and which third-party tables staff do not meet.

django-celery-beat brings pages of its own; they are registered anew, because theirs have an inline script
that our content security policy stops, and let anybody switch off what sending depends on.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.decorators import display

from listmonk_py.accounts.admin_base import DomainForm, ReadOnly, StaffAdmin
from listmonk_py.configuration import periodic

# Their rows are reached through the account pages; Django's groups have no meaning here.
HIDDEN_APPS = {"account", "auth", "mfa", "socialaccount", "usersessions"}
REPLACED = (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule)

for _model in list(admin.site._registry):
    if _model._meta.app_label in HIDDEN_APPS or _model in REPLACED:
        admin.site.unregister(_model)


class PeriodicTaskForm(DomainForm):
    class Meta:
        model = PeriodicTask
        fields = ("enabled", "interval", "crontab", "description")

    def write(self, values: dict[str, Any]) -> PeriodicTask:
        return periodic.change(self.instance.pk, values)


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(StaffAdmin):
    form = PeriodicTaskForm
    list_display = ("name", "state", "schedule_words", "task", "last_run_at", "total_run_count")
    list_filter = ("enabled",)
    list_select_related = ("interval", "crontab", "solar", "clocked")
    search_fields = ("name", "task")
    readonly_fields = ("name", "task", "queue", "last_run_at", "total_run_count", "expire_seconds")
    fieldsets = (
        (None, {"fields": ("name", "enabled", ("interval", "crontab"), "description")}),
        ("What runs", {"fields": (("task", "queue"), ("last_run_at", "total_run_count"), "expire_seconds")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # the product makes its own

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # switch it off instead; a migration would make it anew

    @display(description="State", label={"on": "success", "off": "warning", "always on": "info"})
    def state(self, task: PeriodicTask) -> str:
        if task.enabled:
            return "always on" if periodic.is_protected(task.name) else "on"
        return "off"

    @display(description="Schedule")
    def schedule_words(self, task: PeriodicTask) -> str:
        found = task.interval or task.crontab or task.solar or task.clocked
        return task.crontab.human_readable if task.crontab else str(found or "-")


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(StaffAdmin):
    list_display = ("__str__",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(StaffAdmin):
    list_display = ("__str__", "human_readable")
    readonly_fields = ("human_readable",)
    fields = (
        ("minute", "hour"),
        ("day_of_month", "month_of_year", "day_of_week"),
        "timezone",
        "human_readable",
    )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(ClockedSchedule, SolarSchedule)
class UnusedScheduleAdmin(ReadOnly, StaffAdmin):
    """Kinds of schedules that the product does not use; an operator's own rows can be seen."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False
