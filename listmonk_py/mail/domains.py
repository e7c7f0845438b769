"""Mailbox providers and the domains they serve, so that a provider's limit covers all of them.

Defaults as data; staff may change them (`models.DomainGroup`). Only domains whose mail goes to the same
servers are together; national variants count (hotmail.de is Microsoft's).
"""

from collections.abc import Iterable, Mapping

DEFAULT_GROUPS: Mapping[str, tuple[str, ...]] = {
    "gmail": ("gmail.com", "googlemail.com"),
    "microsoft": (
        *("outlook.com", "hotmail.com", "live.com", "msn.com", "passport.com", "windowslive.com"),
        *(
            f"{name}.{tld}"
            for name in ("outlook", "hotmail", "live")
            for tld in ("de", "fr", "it", "be", "dk")
        ),
        *(
            "hotmail.co.uk",
            "hotmail.es",
            "hotmail.nl",
            "hotmail.se",
            "hotmail.no",
            "hotmail.fi",
            "hotmail.gr",
        ),
        *(
            "hotmail.ca",
            "hotmail.com.au",
            "hotmail.com.br",
            "hotmail.com.ar",
            "hotmail.com.mx",
            "hotmail.co.jp",
        ),
        *("live.co.uk", "live.nl", "live.se", "live.no", "live.ca", "live.com.au", "live.com.mx", "live.cn"),
        *(
            "outlook.es",
            "outlook.jp",
            "outlook.kr",
            "outlook.in",
            "outlook.at",
            "outlook.ie",
            "outlook.com.au",
        ),
        "outlook.com.br",
    ),
    "yahoo": (
        *("yahoo.com", "ymail.com", "rocketmail.com", "myyahoo.com", "aol.com", "aim.com", "aol.de"),
        *("aol.fr", "aol.co.uk", "aol.it", "netscape.net", "netscape.com", "love.com", "games.com"),
        *(f"yahoo.{tld}" for tld in ("de", "fr", "it", "es", "in", "ca", "ie", "se", "no", "dk", "ro", "gr")),
        *("yahoo.co.uk", "yahoo.co.in", "yahoo.co.id", "yahoo.com.au", "yahoo.com.br", "yahoo.com.mx"),
        *("yahoo.com.ar", "yahoo.com.sg", "yahoo.com.ph", "yahoo.com.hk", "yahoo.com.vn", "yahoo.com.tr"),
    ),
    "yahoo-japan": ("yahoo.co.jp", "ybb.ne.jp"),
    "icloud": ("icloud.com", "me.com", "mac.com"),
    "gmx-webde": (
        *("gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.com", "gmx.eu", "gmx.org", "gmx.info", "gmx.biz"),
        *("gmx.fr", "gmx.es", "gmx.us", "gmx.co.uk", "web.de", "email.de", "mail.com", "caramail.com"),
    ),
    "t-online": ("t-online.de", "magenta.de"),
    "proton": ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
    "mail-ru": ("mail.ru", "bk.ru", "list.ru", "inbox.ru", "internet.ru", "xmail.ru"),
    "yandex": (
        *("yandex.ru", "yandex.com", "ya.ru", "yandex.by", "yandex.kz", "yandex.ua", "yandex.com.tr"),
        "narod.ru",
    ),
    "orange": ("orange.fr", "wanadoo.fr", "voila.fr"),
    "free-fr": ("free.fr", "libertysurf.fr", "aliceadsl.fr", "online.fr"),
    "laposte": ("laposte.net",),
    "sfr": ("sfr.fr", "neuf.fr", "cegetel.net", "club-internet.fr", "numericable.fr"),
    "libero": ("libero.it", "iol.it", "inwind.it", "blu.it", "giallo.it"),
    "virgilio-tim": ("virgilio.it", "tin.it", "alice.it", "tim.it"),
    "comcast": ("comcast.net", "xfinity.com"),
    "att": (
        *("att.net", "sbcglobal.net", "bellsouth.net", "ameritech.net", "pacbell.net", "swbell.net"),
        *("flash.net", "prodigy.net", "snet.net", "wans.net", "nvbell.net"),
    ),
    "charter": ("charter.net", "spectrum.net", "rr.com", "roadrunner.com", "twc.com", "brighthouse.com"),
    "bt": ("btinternet.com", "btopenworld.com", "talk21.com", "bt.com"),
    "virgin-media": ("virginmedia.com", "ntlworld.com", "blueyonder.co.uk", "virgin.net"),
    "naver": ("naver.com",),
    "daum-kakao": ("daum.net", "hanmail.net", "kakao.com"),
    "tencent": ("qq.com", "foxmail.com", "vip.qq.com"),
    "netease": ("163.com", "126.com", "yeah.net", "vip.163.com", "188.com"),
    "docomo": ("docomo.ne.jp",),
    "au-kddi": ("ezweb.ne.jp", "au.com"),
    "softbank": ("softbank.ne.jp", "i.softbank.jp", "vodafone.ne.jp"),
    "wp-pl": ("wp.pl", "o2.pl", "tlen.pl", "go2.pl"),
    "onet": ("onet.pl", "op.pl", "onet.eu", "vp.pl", "poczta.onet.pl"),
    "interia": ("interia.pl", "interia.eu", "poczta.fm"),
    "seznam": ("seznam.cz", "email.cz", "post.cz", "spoluzaci.cz"),
    "uol": ("uol.com.br", "bol.com.br"),
    "terra": ("terra.com.br", "terra.com"),
    "zoho": ("zoho.com", "zohomail.com", "zoho.eu", "zoho.in"),
    "fastmail": ("fastmail.com", "fastmail.fm", "messagingengine.com", "sent.com"),
}


def lookup_table(groups: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """{domain: group} from {group: domains}; a domain that two groups name belongs to the first."""
    table: dict[str, str] = {}
    for group, domains in groups.items():
        for domain in domains:
            table.setdefault(domain.strip().lower(), group)
    return table


DEFAULT_TABLE: Mapping[str, str] = lookup_table(DEFAULT_GROUPS)


def group_of(domain: str, table: Mapping[str, str] = DEFAULT_TABLE) -> str | None:
    """The group that mail to `domain` counts towards, or None when it has none."""
    return table.get(domain.lower())
