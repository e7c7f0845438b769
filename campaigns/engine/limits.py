"""How fast a campaign may be sent now: the limits that the pacer combines (design section 3, "Pacing").

listmonk's limits keep their meaning for the whole deployment (contract 5.2): `app.concurrency` times
`app.message_rate` messages a second, and one sliding window over all campaigns.
"""

from campaigns.pace import Pace
from listmonk_py.configuration import durations, runtime
from listmonk_py.mail.models import DomainGroup
from listmonk_py.mail.pacing import Limit, bucket

# listmonk ignores windows of a second or less.
SHORTEST_WINDOW_S = 1.0


def limits_of(campaign_id: int, pace: Pace, domain_group: str) -> list[Limit]:
    """Every limit that a message of this campaign to this domain group has to pass.

    pace: the campaign's own.
    domain_group: "" for people whose domain has no limit of its own.
    """
    limits = [bucket("deployment", runtime.get("app.concurrency") * runtime.get("app.message_rate"))]
    if runtime.get("app.message_sliding_window"):
        window_s = durations.seconds(runtime.get("app.message_sliding_window_duration"))
        if window_s > SHORTEST_WINDOW_S:
            limits.append(
                Limit("deployment", "window", runtime.get("app.message_sliding_window_rate"), window_s)
            )
    if pace.rate:
        limits.append(bucket(f"campaign:{campaign_id}", pace.rate))
    if pace.window_limit:
        limits.append(Limit(f"campaign:{campaign_id}", "window", pace.window_limit, pace.window_s))
    if domain_group:
        group = DomainGroup.objects.filter(name=domain_group, rate__isnull=False).first()
        if group is not None and group.rate is not None:
            limits.append(_of_group(group.name, group.rate, group.window_s, is_sliding=group.is_sliding))
    return limits


def _of_group(name: str, rate: float, window_s: float, *, is_sliding: bool) -> Limit:
    if is_sliding:
        return Limit(f"group:{name}", "window", rate, window_s)
    return bucket(f"group:{name}", rate, window_s)
