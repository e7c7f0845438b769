"""Pages of the admin are compressed; what is small, streamed or not a page is left alone."""

import gzip

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory

from listmonk_py.workplace.compression import CompressedPages
from tests.factories import make_subscriber, make_user

pytestmark = pytest.mark.django_db

LONG = b"<p>A page with the same words again and again.</p>" * 200


def answered(path: str, response: HttpResponse | StreamingHttpResponse) -> HttpResponse:
    request = RequestFactory().get(path, headers={"Accept-Encoding": "gzip, br"})
    return CompressedPages(lambda _: response)(request)  # type: ignore[return-value,arg-type]


def test_a_listing_is_sent_at_a_tenth_of_its_size() -> None:
    for _ in range(50):
        make_subscriber()
    client = Client(headers={"Accept-Encoding": "gzip"})
    client.force_login(make_user(superadmin=True))

    answer = client.get("/admin/subscribers/subscriber/")

    assert answer["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer["Vary"]
    page = gzip.decompress(answer.content)
    assert b"csrfmiddlewaretoken" in page
    assert len(answer.content) * 10 < len(page)


def test_who_cannot_unpack_gets_the_page_as_it_is() -> None:
    client = Client()
    client.force_login(make_user(superadmin=True))

    answer = client.get("/admin/subscribers/subscriber/")

    assert "Content-Encoding" not in answer
    assert answer.content.strip().startswith(b"<!DOCTYPE html>")


def test_the_csrf_token_of_a_page_is_masked_anew_each_time() -> None:
    client = Client()
    client.force_login(make_user(superadmin=True))

    tokens = {str(client.get("/admin/subscribers/subscriber/").context["csrf_token"]) for _ in range(3)}

    assert len(tokens) == 3


@pytest.mark.parametrize(
    ("path", "response"),
    [
        ("/campaign/1/2/px.png", HttpResponse(LONG, content_type="image/png")),
        ("/subscription/form", HttpResponse(LONG)),
        ("/api/subscribers", HttpResponse(LONG, content_type="application/json")),
        ("/admin/campaigns/campaign/1/progress.json", HttpResponse(LONG, content_type="application/json")),
        (
            "/admin/subscribers/importjob/1/rejects.csv",
            StreamingHttpResponse([LONG], content_type="text/csv"),
        ),
        ("/admin/streamed/", StreamingHttpResponse([LONG])),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_everything_else_is_left_alone(path: str, response: HttpResponse | StreamingHttpResponse) -> None:
    assert "Content-Encoding" not in answered(path, response)
