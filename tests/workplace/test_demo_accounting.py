"""The demonstration's proof must fail when a book is wrong: each test falsifies one."""

import json
from typing import Any

import pytest

from listmonk_py.local.catcher.store import Rules
from listmonk_py.workplace.demo import accounting
from listmonk_py.workplace.demo.mailbox import Mailbox

RULES = Rules(refuse=frozenset({"gone@x"}), defer_once=frozenset({"busy@x"}))


class Ledger:
    """The deliveries endpoint with two pages, as the API answers them."""

    def __init__(self, statuses: list[str]) -> None:
        self.rows = [{"status": one, "possible_duplicate": False} for one in statuses]

    def get(self, path: str, **query: Any) -> Any:
        assert path == "/api/campaigns/7/deliveries"
        half = len(self.rows) // 2
        if query.get("cursor"):
            return {"results": self.rows[half:], "next_cursor": None}
        return {"results": self.rows[:half], "next_cursor": "more"}


@pytest.fixture
def campaign():
    counters = {"to_send": 5, "sent": 3, "failed": 1, "skipped": 1, "unknown": 0, "deferred": 0}
    return {"id": 7, "uuid": "u", **counters}


@pytest.fixture
def ledger():
    return Ledger(["accepted", "accepted", "accepted", "failed", "skipped"])


@pytest.fixture
def log():
    """What the catcher wrote: three accepted, one of them at the second try, one refused."""
    lines = [
        {"code": 250, "to": f"{name}@x", "message_id": f"<{name}>", "campaign": "u"}
        for name in ("a", "b", "busy")
    ]
    refused = [{"code": 451, "to": "busy@x"}, {"code": 550, "to": "gone@x"}]
    return refused + lines


@pytest.fixture
def faults(tmp_path, campaign, ledger, log):
    def find() -> list[str]:
        path = tmp_path / "log.jsonl"
        path.write_text('{"a line of": "an earlier run"}\n')
        mailbox = Mailbox(path, path.stat().st_size, "http://localhost")
        with path.open("a") as file:
            file.writelines(json.dumps({"campaign": None, **line}) + "\n" for line in log)
        return accounting.faults(ledger, mailbox, campaign, RULES)  # type: ignore[arg-type]

    return find


def test_books_that_agree_have_no_fault(faults):
    assert faults() == []


def test_a_lost_recipient_is_found(faults, campaign):
    campaign["to_send"] = 6

    assert any("equation" in fault for fault in faults())


def test_a_message_that_the_catcher_never_saw_is_found(faults, log):
    del log[-2]

    assert any("3 accepted; the catcher has 2 messages" in fault for fault in faults())


def test_a_message_sent_twice_is_found(faults, log):
    log.append(dict(log[-1]))

    assert any("4 messages with 3 distinct Message-IDs to 3 addresses" in fault for fault in faults())


def test_a_repeat_that_the_ledger_flags_is_no_fault(faults, log, ledger):
    log.append(dict(log[-1]))
    ledger.rows[0]["possible_duplicate"] = True

    assert faults() == []


def test_one_message_id_for_two_people_is_found(faults, log):
    log[-1]["message_id"] = log[-2]["message_id"]

    assert any("3 messages with 2 distinct" in fault for fault in faults())


def test_a_deferred_person_who_is_never_tried_again_is_found(faults, log):
    log[-1]["to"] = "c@x"

    assert "Deferred and never sent again: busy@x." in faults()


def test_delivery_records_that_say_something_else_are_found(faults, ledger):
    ledger.rows[0]["status"] = "unknown"

    assert any("delivery records" in fault for fault in faults())
