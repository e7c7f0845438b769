"""WSGI in threads behind granian: both bodies streamed, everything bounded, nobody waits for ever."""

import hashlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from listmonk_py.wsgi_bridge import client_address
from tests import web


@pytest.fixture(scope="module")
def server():
    with web.running("tests.server.bridge_app:app", ready_path="/nothing") as one:
        yield one


def test_the_environment_is_that_of_pep_3333(server):
    answer = server.get(
        "/environment/a%20b/%C3%A4?x=%20y",
        headers={"X-Forwarded-For": "192.0.2.1, 203.0.113.5", "X_Evil": "1", "Cookie": "a=1"},
    )

    seen = answer.json()
    assert seen["PATH_INFO"].encode("latin-1").decode() == "/environment/a b/ä"
    assert seen["QUERY_STRING"] == "x=%20y"
    assert seen["REQUEST_METHOD"] == "GET"
    assert seen["REMOTE_ADDR"] == "203.0.113.5"
    assert seen["HTTP_COOKIE"] == "a=1"
    assert seen["HTTP_HOST"] == f"127.0.0.1:{server.port}"
    assert (seen["SERVER_NAME"], seen["SERVER_PORT"]) == ("127.0.0.1", str(server.port))
    assert "HTTP_X_EVIL" not in seen
    assert answer.raw.headers.getlist("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("size", [0, 1, 200_000, 300_000, 4_900_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_request_bodies_arrive_whole(server, size, chunked):
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    sent = (body[at : at + 70_000] for at in range(0, size, 70_000)) if chunked else body

    answer = server.post("/digest", data=sent)

    assert answer.text == f"{size} {hashlib.sha256(body).hexdigest()}"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused(server, chunked):
    body = b"x" * 6_000_000
    sent = iter([body[:3_000_000], body[3_000_000:]]) if chunked else body
    try:
        status = server.post("/digest", data=sent).status_code
    except requests.ConnectionError:
        status = 413  # refused before all of it was sent

    assert status == 413
    assert server.post("/digest", data=b"ok").status_code == 200


def test_long_answers_are_streamed_in_constant_memory(server):
    pid = server.worker_pids()[0]
    server.get("/stream")
    before = rss_kb(pid)

    answer = server.get("/stream")

    assert len(answer.content) == 7 * 3_000_000
    assert answer.content[-7:] == b"999999\n"
    assert rss_kb(pid) - before < 10_000


def rss_kb(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_when_the_client_leaves_the_answer_is_closed(server):
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")

    assert server.get("/was_closed").text == "yes"


def test_files_are_sent_whole(server):
    answer = server.get("/file")

    assert answer.content == b"file " * 100_000
    assert answer.headers["content-length"] == "500000"


def test_a_broken_application_is_a_500_and_the_server_goes_on(server):
    assert server.get("/broken").status_code == 500
    assert server.get("/nothing").status_code == 204


def test_head_has_headers_and_no_body(server):
    answer = server.ask("HEAD", "/environment")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/json"


def test_requests_run_in_parallel_up_to_the_bound_and_above_it_are_refused(server):
    def ask(_):
        return requests.get(f"{server.url}/slow?1.0", timeout=20)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))

    codes = sorted(answer.status_code for answer in answers)
    assert codes.count(200) == 8  # four at a time, four waiting
    assert codes.count(503) == 8
    assert max(int(answer.text) for answer in answers if answer.status_code == 200) == 4
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.headers["retry-after"]
    assert server.get("/nothing").status_code == 204


def test_slow_senders_of_small_bodies_hold_no_thread(server):
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(7)]
    for client in clients:
        client.sendall(b"POST /digest HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")

    assert server.get("/slow?0").status_code == 200  # all four threads are free

    for client in clients:
        client.close()
    event = threading.Event()
    for _ in range(50):
        if server.get("/nothing").status_code == 204:
            break
        event.wait(0.1)


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "address"),
    [
        ("10.0.0.1", "", 0, "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1", 0, "10.0.0.1"),
        ("10.0.0.1", "", 1, "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, 2.2.2.2", 1, "2.2.2.2"),
        ("10.0.0.1", "6.6.6.6, 2.2.2.2, 10.0.0.9", 2, "2.2.2.2"),
        ("10.0.0.1", "2.2.2.2", 3, "2.2.2.2"),
        ("10.0.0.1", "[2001:db8::1]", 1, "2001:db8::1"),
    ],
)
def test_the_clients_address_is_what_our_own_proxies_say(peer, forwarded, proxies, address):
    assert client_address(peer, forwarded, proxies) == address
