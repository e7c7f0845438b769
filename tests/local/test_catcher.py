import json
import smtplib
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from email.message import EmailMessage

import pytest

from listmonk_py.local import ports


@pytest.fixture
def catcher(tmp_path):
    """A running catcher: (SMTP port, HTTP port, folder)."""
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"refuse": ["Nobody@example.com"], "defer_once": ["busy@example.com"]}))
    smtp, http = ports.free_port(31_000), ports.free_port(31_500)
    command = [sys.executable, "-m", "listmonk_py.local.catcher", "--folder", str(tmp_path / "catcher")]
    command += ["--smtp-port", str(smtp), "--http-port", str(http), "--rules", str(rules)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and "catching mail" in process.stdout.readline()
    yield smtp, http, tmp_path / "catcher"
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()


def get(port: int, path: str) -> tuple[str, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read().decode(), answer.headers["Content-Security-Policy"]


def letter(to: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "news@example.com", to, "Grüße & <b>more</b>"
    message["Message-ID"] = f"<{to}>"
    message.set_content(".a line that begins with a dot\n..\nend\n")
    message.add_alternative("<p>Hello <script>alert(1)</script></p>", subtype="html")
    return message


def test_a_message_is_shown_and_its_scripts_cannot_run(catcher):
    smtp, http, _ = catcher
    with smtplib.SMTP("127.0.0.1", smtp) as client:
        client.send_message(letter("ann@example.com"))

    page, policy = get(http, "/")
    assert "ann@example.com" in page and "Grüße &amp; &lt;b&gt;more&lt;/b&gt;" in page
    assert "script-src" not in policy and "default-src 'none'" in policy
    message, _ = get(http, "/messages/1")
    assert ".a line that begins with a dot\r\n..\r\nend" in message
    assert "sandbox='allow-popups" in message
    _, policy = get(http, "/messages/1/html")
    assert "default-src 'none'" in policy and "sandbox" in policy and "allow-scripts" not in policy
    assert get(http, "/?search=ANN@")[0].count("/messages/1") == 1
    assert "No message." in get(http, "/?search=bob")[0]


def test_rules_refuse_always_and_defer_once(catcher):
    smtp, http, folder = catcher
    with smtplib.SMTP("127.0.0.1", smtp) as client:
        for _ in range(2):
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
                client.send_message(letter("nobody@EXAMPLE.com"))
            assert refused.value.recipients["nobody@EXAMPLE.com"][0] == 550
        with pytest.raises(smtplib.SMTPRecipientsRefused) as deferred:
            client.send_message(letter("busy@example.com"))
        assert deferred.value.recipients["busy@example.com"][0] == 451
        client.send_message(letter("busy@example.com"))

    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["code"] for line in log] == [550, 550, 451, 250]
    assert log[-1]["message_id"] == "<busy@example.com>"
    assert json.loads(get(http, "/status")[0]) == {"caught": 1, "refused": 3}


def test_pipelined_envelopes_are_answered_in_order(catcher):
    smtp, _, folder = catcher
    with socket.create_connection(("127.0.0.1", smtp), timeout=10) as client:
        client.sendall(
            b"EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<nobody@example.com>\r\nRCPT TO:<b@x>\r\nDATA\r\n"
            b"Message-ID: <1@x>\r\n\r\n..dot\r\n.\r\n"
            b"MAIL FROM:<a@x>\r\nRCPT TO:<nobody@example.com>\r\nDATA\r\nQUIT\r\n"
        )
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk

    codes = [line[:3] for line in answer.split(b"\r\n") if line[3:4] == b" "]
    assert codes == [b"220", b"250", b"250", b"550", b"250", b"354", b"250", b"250", b"550", b"554", b"221"]
    assert len((folder / "log.jsonl").read_text().splitlines()) == 3


def test_an_unknown_page_is_not_found(catcher):
    _, http, _ = catcher
    for path in ("/messages/99", "/messages/../etc", "/x"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(http, path)
        assert refused.value.code == 404
        refused.value.close()


def test_a_taken_port_is_one_sentence(catcher, tmp_path):
    smtp, _, _ = catcher
    command = [
        sys.executable,
        "-m",
        "listmonk_py.local.catcher",
        "--folder",
        str(tmp_path),
        "--smtp-port",
        str(smtp),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [done.stderr.strip()]
    assert "cannot start" in done.stderr
