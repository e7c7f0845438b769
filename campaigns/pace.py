"""A campaign's own speed: a rate, a sliding window, both or none. Changes act while it is being sent.

The installation's, the servers' and the recipients' providers' limits hold beside it (`engine.limits`).
"""

from datetime import timedelta
from typing import Any, NamedTuple

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import durations

from .models import Campaign

FIELDS = ("rate", "sliding_window_rate", "sliding_window_duration")
SHORTEST_WINDOW = timedelta(seconds=1)


class Pace(NamedTuple):
    """rate: messages a second. window_limit: messages in any stretch of `window_s`. None is no limit."""

    rate: float | None = None
    window_limit: int | None = None
    window_s: float = 3600.0


def pace_of(campaign_id: int) -> Pace:
    """As it is set now; none for a campaign that is gone."""
    row = Campaign.objects.filter(pk=campaign_id).values_list(*FIELDS).first()
    if row is None:
        return Pace()
    rate, window_limit, duration = row
    return Pace(rate or None, window_limit or None, durations.seconds(duration))


def apply(campaign: Campaign, values: dict[str, Any]) -> None:
    """Set the fields that `values` has; 0 and null are no limit.

    Raises:
        DomainError: a number is negative, or the duration is none or too short.
    """
    for name in FIELDS[:2]:
        if name in values:
            number = values[name] or None
            if number is not None and number < 0:
                raise DomainError(f"{name} must be a number of messages, or 0 for no limit.")
            setattr(campaign, name, number)
    if values.get("sliding_window_duration"):
        campaign.sliding_window_duration = _duration(values["sliding_window_duration"])


def change(campaign: Campaign, values: dict[str, Any]) -> Campaign:
    """Change the pace in any status; one that is being sent follows within a second.

    Raises:
        DomainError: as `apply`.
    """
    apply(campaign, values)
    campaign.save(update_fields=[*FIELDS, "updated_at"])
    return campaign


def _duration(text: str) -> str:
    try:
        length = durations.parse_duration(text)
    except ValueError as error:
        raise DomainError(f"sliding_window_duration: {error}") from None
    if length < SHORTEST_WINDOW:
        raise DomainError("sliding_window_duration must be at least 1s, such as 1h or 24h.")
    return text.strip()
