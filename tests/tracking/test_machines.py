"""Programs by their User-Agent. The agents are those that mail proxies, gateways and libraries send."""

import pytest

from tracking.machines import by_user_agent
from tracking.models import Machine

GMAIL_PREFETCH = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)
GMAIL_OPEN = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO_OPEN = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
OUTLOOK = "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17328; Pro)"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (GMAIL_OPEN, Machine.NONE),
        (YAHOO_OPEN, Machine.NONE),
        (IPHONE, Machine.NONE),
        (OUTLOOK, Machine.NONE),
        (CHROME, Machine.NONE),
        ("Thunderbird/140.0", Machine.NONE),
        ("Mozilla/5.0", Machine.PREFETCH),
        (GMAIL_PREFETCH, Machine.PREFETCH),
        ("Mozilla/5.0 (compatible; Barracuda Sentinel)", Machine.SCANNER),
        ("Mozilla/5.0 (Proofpoint URL Defense)", Machine.SCANNER),
        ("Googlebot/2.1 (+http://www.google.com/bot.html)", Machine.USER_AGENT),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", Machine.USER_AGENT),
        ("WhatsApp/2.23.20.0", Machine.USER_AGENT),
        ("python-requests/2.34", Machine.USER_AGENT),
        ("curl/8.5.0", Machine.USER_AGENT),
        ("Go-http-client/1.1", Machine.USER_AGENT),
        (CHROME.replace("Chrome", "HeadlessChrome"), Machine.USER_AGENT),
        ("", Machine.USER_AGENT),
    ],
)
def test_people_are_told_from_programs(agent, expected):
    assert by_user_agent(agent) == expected
