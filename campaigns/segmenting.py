"""The segment of a campaign: only those people of its lists who are in it are written to.

While a campaign is a draft its segment is the one that is kept, with the rule it has now. When it starts, the
rule is copied onto the campaign, and from then on planning goes by the copy: whoever edits the segment changes
nothing about what is under way.
"""

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet

from listmonk_py.api.errors import DomainError
from subscribers import raw_conditions
from subscribers.models import Segment, Subscriber
from subscribers.segments import saved, sql
from subscribers.segments.rules import Rule, parse

from .models import Campaign
from .status import Status

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

# How long to look for somebody whom the letter can be shown as.
LOOK_FOR_S = 2
OVER = (Status.FINISHED, Status.CANCELLED)


def choose(campaign: Campaign, segment_id: int | None, user: "User") -> None:
    """Narrow `campaign` to a segment, or to none. Called in the transaction that saves the campaign.

    Choosing the segment that it has already changes nothing, whoever does it.

    Raises:
        DomainError: there is no such segment for the user, or its rule asks about lists that the user may not
            read: the numbers of the campaign would tell who is on them.
    """
    if (segment_id or None) == campaign.segment_id:
        return
    campaign.segment, campaign.segment_name, campaign.segment_rule = None, "", None
    if not segment_id:
        return
    # Held until the campaign is stored, so that the segment is not deleted meanwhile.
    found = Segment.objects.visible_to(user).select_for_update(no_key=True).filter(pk=segment_id).first()
    if found is None:
        raise DomainError(f"There is no segment {segment_id}. Choose another one.", field="segment_id")
    readable = user.readable_list_ids()
    if readable is not None and not saved.lists_in(saved.rule_of(found)) <= readable:
        raise DomainError(
            f"The segment “{found.name}” asks about lists that you may not see. Choose another one.",
            field="segment_id",
        )
    campaign.segment, campaign.segment_name = found, found.name


def freeze(campaign: Campaign) -> None:
    """Copy the segment's rule onto the campaign, which starts; one that was copied before stays."""
    if campaign.segment is None:
        campaign.segment_name, campaign.segment_rule = "", None
    elif campaign.segment_rule is None:
        campaign.segment_name, campaign.segment_rule = campaign.segment.name, campaign.segment.rule


def rule_of(campaign: Campaign) -> Rule | None:
    """What people have to fit to get the campaign: as frozen, or before its start as the segment is now."""
    if campaign.segment_rule is not None:
        return parse(campaign.segment_rule)
    return parse(campaign.segment.rule) if campaign.segment is not None else None


def check(campaign: Campaign) -> None:
    """
    Raises:
        DomainError: the rule cannot be evaluated any more, such as after a return to an older version.
    """
    try:
        where(rule_of(campaign))
    except DomainError as error:
        raise DomainError(
            f"The segment “{campaign.segment_name}” cannot be evaluated: {error.message}"
        ) from None


def where(rule: Rule | None, *, few: bool = False) -> tuple[str, dict[str, Any]]:
    """` AND ...` to end the WHERE of a statement about `person` with, and its parameters by name.

    Blank for no rule, so that the statement is then what it would be without segments.

    Args:
        few: see `subscribers.segments.sql.Scope`.

    Raises:
        BadRule: there is no such field any more.
    """
    if rule is None:
        return "", {}
    text, values = sql.to_sql(rule, sql.Scope(alias="person", few=few))
    first, *others = text.split("%s")
    named = "".join(f"%(segment_{number})s{piece}" for number, piece in enumerate(others))
    return f" AND {first}{named}", {f"segment_{number}": value for number, value in enumerate(values)}


def first_of(people: "QuerySet[Subscriber]", campaign: Campaign) -> Subscriber | None:
    """The first of `people` who is in the campaign's segment; None also when looking would take long."""
    try:
        rule = rule_of(campaign)
        if rule is None:
            return people.order_by("pk").first()
        with raw_conditions.reading(time_limit_s=LOOK_FOR_S):
            return people.filter(sql.condition(rule)).order_by("pk").first()
    except DomainError:
        return None


def _users(segment: Segment, user: "User") -> list[str]:
    """The campaigns that would go to other people without the segment: those that are not over."""
    campaigns = Campaign.objects.filter(segment=segment).exclude(status__in=OVER)
    seen = campaigns.visible_to(user).order_by("-pk")
    names = [f"the campaign “{name}”" for name in seen.values_list("name", flat=True)]
    hidden = campaigns.count() - len(names)
    return names + ["a campaign that you may not see"] * hidden


def _renamed(segment: Segment) -> None:
    Campaign.objects.filter(segment=segment).update(segment_name=segment.name)


def _released(segment: Segment) -> None:
    """Campaigns that are over keep the name and the rule."""
    Campaign.objects.filter(segment=segment, status__in=OVER).update(segment=None)


USE = saved.Use(users=_users, renamed=_renamed, released=_released)
