"""Everything about one campaign that a sender needs for a slice of time, read once at its beginning."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.models import Campaign
from listmonk_py.configuration import durations, runtime
from listmonk_py.mail import messengers
from listmonk_py.mail.letter import CompiledLetter
from listmonk_py.mail.outgoing import Messenger, Outgoing, Parts

from . import compiled
from .audience import Audience
from .verdicts import RetryRules

# `created_at`, `updated_at`, or `subscriber` without a dot and a name behind it.
_MAY_SHOW_TIMES = re.compile(r"created_at|updated_at|\bsubscriber\b(?!\s*\.\s*\w)")


@dataclass(slots=True)
class Job:
    """A running campaign, ready to be written and sent."""

    campaign_id: int
    letter: CompiledLetter
    messenger: Messenger
    from_email: str
    audience: Audience
    rules: RetryRules
    # The campaign's version and that of the settings.
    made_of: tuple[int, int]
    # Whether a template shows when somebody was added or changed.
    wants_times: bool = True

    def write(self, key: int, recipient: Mapping[str, Any]) -> Outgoing | Parts:
        """One recipient's message in the form that the messenger wants.

        Raises:
            RenderError: this one cannot be written.
        """
        if self.messenger.wants == "wire":
            return self.letter.wire(key, recipient)
        return self.letter.parts(key, recipient)

    @property
    def message_bytes(self) -> int:
        """About what one written message takes in memory. In parts, the attachments are shared."""
        return self.letter.message_bytes(wire=self.messenger.wants == "wire")

    def is_current(self) -> bool:
        """Whether `prepare` would give the same job: content, lists and settings are what they were."""
        campaign = (
            Campaign.objects.defer("body", "body_source", "altbody").filter(pk=self.campaign_id).first()
        )
        if campaign is None:
            return False
        return (campaign.version, runtime.version()) == self.made_of and Audience.of(
            campaign
        ) == self.audience

    @staticmethod
    def max_errors() -> int:
        return int(runtime.get("app.max_send_errors"))


def prepare(campaign_id: int) -> Job:
    """Read the campaign and compile its letter, unless this process has it compiled already.

    Raises:
        Campaign.DoesNotExist: it was deleted.
        DomainError: its messenger is gone, or its content does not compile.
    """
    version = runtime.version()
    campaign = Campaign.objects.select_related("template").get(pk=campaign_id)
    letter = compiled.letter_of(campaign)
    return Job(
        campaign_id=campaign.pk,
        letter=letter,
        messenger=messengers.get(campaign.messenger),
        from_email=letter.spec.from_email,
        audience=Audience.of(campaign),
        rules=retry_rules(),
        made_of=(campaign.version, version),
        wants_times=_shows_times(letter),
    )


def _shows_times(letter: CompiledLetter) -> bool:
    """Also true for whatever could reach the times without naming them, such as `subscriber|items`."""
    spec = letter.spec
    values = [value for _, value in spec.headers]
    sources = [spec.subject, spec.body, spec.altbody or "", spec.cc, spec.bcc, spec.reply_to, *values]
    return any(_MAY_SHOW_TIMES.search(source) for source in sources)


def retry_rules() -> RetryRules:
    return RetryRules(
        max_attempts=runtime.get("engine.max_attempts"),
        base_s=durations.seconds(runtime.get("engine.retry_base")),
        total_s=durations.seconds(runtime.get("engine.retry_total")),
        resend_in_doubt=runtime.get("engine.in_doubt") == "resend",
    )
