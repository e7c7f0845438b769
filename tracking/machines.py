"""Which opens and clicks come from programs rather than people, and how we know.

Judged at the door from the User-Agent, which is then forgotten: neither it nor the address is stored.
"""

import re
from functools import lru_cache

from .models import Machine

LONGEST_AGENT = 512

# Apple's Mail Privacy Protection loads images through a proxy whose agent is this and nothing more.
APPLE_PROXY = "Mozilla/5.0"
# Gmail's prefetcher poses as an Edge of 2015 with a second "Mozilla/5.0" behind it.
GMAIL_PREFETCH = re.compile(r"Edge/12\.\d+ Mozilla/5\.0$")
# Gateways that open links before the person does. (GoogleImageProxy and YahooMailProxy load when the
# person looks: those are people.)
SCANNER = re.compile(
    r"barracuda|mimecast|proofpoint|urldefense|safelinks|symantec|messagelabs|sophos|trendmicro|forcepoint"
    r"|fireeye|trellix|ironport|cloudmark|zscaler|checkpoint|fortiguard|bitdefender|avanan|virustotal"
    r"|urlscan|phishtank|netcraft",
    re.IGNORECASE,
)
PROGRAM = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|preview|facebookexternalhit|whatsapp|headless|phantomjs|curl/|wget/"
    r"|python|go-http-client|okhttp|java/|apache-httpclient|libwww|perl|ruby|node-fetch|axios|undici"
    r"|scrapy|httpie|powershell|php/|guzzle",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def by_user_agent(agent: str) -> int:
    """The `Machine` value for a User-Agent of at most LONGEST_AGENT characters.

    An empty agent is a program: every mail client and browser sends one.
    """
    if agent == APPLE_PROXY or GMAIL_PREFETCH.search(agent):
        return Machine.PREFETCH.value
    if SCANNER.search(agent):
        return Machine.SCANNER.value
    if not agent or PROGRAM.search(agent):
        return Machine.USER_AGENT.value
    return Machine.NONE.value


# When each message was accepted, for `Machine.TOO_SOON`; registered by the engine, which is above us.
# A SELECT of campaign_id, subscriber_id, at.
deliveries_sql = "SELECT NULL::integer AS campaign_id, NULL::bigint AS subscriber_id, NULL::timestamptz AS at"


def register_deliveries(sql: str) -> None:
    """Say where the times of delivery are; for AppConfig.ready()."""
    global deliveries_sql
    deliveries_sql = sql
