from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listmonk_py.mail import domains
from listmonk_py.mail.routing import WeightedRotation, servers_for
from listmonk_py.mail.smtp.settings import (
    ServerSettings,
    return_path,
    seconds,
    server_from_entry,
    wire_headers,
)

WHOLE = ServerSettings("1", from_addresses=("ceo@example.com",))
DOMAIN = ServerSettings("2", from_addresses=("example.com", "@example.org"))
ANY = ServerSettings("3")


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("The Boss <CEO@Example.com>", [WHOLE]),
        ("news@example.com", [DOMAIN]),
        ("news@example.org", [DOMAIN]),
        ("news@sub.example.com", [WHOLE, DOMAIN, ANY]),
        ("", [WHOLE, DOMAIN, ANY]),
    ],
)
def test_the_whole_address_comes_before_its_domain(sender, expected):
    assert servers_for(sender, [WHOLE, DOMAIN, ANY]) == expected


@dataclass
class Named:
    name: str
    weight: int


def test_the_rotation_is_smooth():
    rotation = WeightedRotation([Named("a", 5), Named("b", 1), Named("c", 1)])

    assert "".join(rotation.next([True] * 3).name for _ in range(7)) == "aabacaa"


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_the_rotation_keeps_the_weights_exactly(weights):
    rotation = WeightedRotation([Named(str(i), w) for i, w in enumerate(weights)])

    dealt = Counter(rotation.next([True] * len(weights)).name for _ in range(sum(weights)))

    assert dealt == {str(i): w for i, w in enumerate(weights)}


def test_the_rotation_leaves_out_what_is_not_usable():
    rotation = WeightedRotation([Named("a", 5), Named("b", 1)])

    assert {rotation.next([False, True]).name for _ in range(5)} == {"b"}
    assert rotation.next([False, False]) is None


def test_an_entry_of_the_settings_is_read():
    server = server_from_entry(
        {
            "uuid": "u", "name": "email-main", "enabled": True, "host": " smtp.example.com ", "port": 587,
            "auth_protocol": "cram", "username": "me", "password": "secret", "hello_hostname": "",
            "tls_type": "STARTTLS", "tls_skip_verify": False, "max_conns": 5, "idle_timeout": "1m30s",
            "wait_timeout": "5s", "max_msg_retries": 2, "msg_retry_delay": "10ms",
            "email_headers": [{"X-A": "1"}, {"X-B": "ü\r\nEvil: 1"}, {"Return-Path": "<b@example.com>"}],
            "from_addresses": ["Example.com"], "weight": 3,
        }
    )  # fmt: skip

    assert (server.host, server.idle_timeout_s, server.msg_retry_delay_s) == ("smtp.example.com", 90, 0.01)
    assert (server.from_addresses, server.weight, server.label) == (("example.com",), 3, "email-main")
    assert "secret" not in repr(server)
    assert return_path(server) == "b@example.com"
    lines = [line for _, line in wire_headers(server)]
    assert lines[0] == b"X-A: 1\r\n"
    assert len(lines) == 2
    assert lines[1].count(b"\r\n") == 1


@pytest.mark.parametrize("text", ["", "soon", "5 s", "s5", "-"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)


def test_domains_of_one_provider_are_together():
    assert domains.group_of("GoogleMail.com") == domains.group_of("gmail.com") == "gmail"
    assert domains.group_of("example.com") is None
    every = [d for group in domains.DEFAULT_GROUPS.values() for d in group]
    assert len(every) == len(set(every)), [d for d, n in Counter(every).items() if n > 1]
    assert domains.lookup_table({"a": ["X.org "], "b": ["x.org"]}) == {"x.org": "a"}
