"""Tracked links, the pixel and the subscriber's URLs."""

# ruff: noqa: E501 - a template and what it prints stand in one line

import itertools

import pytest

from listmonk_py.templating.golang import to_jinja
from listmonk_py.templating.links import DUMMY_UUID, Tracking, Urls, constant_links, expand, link_function
from tests.templating.rendering import ANN, render_jinja

CAMPAIGN = "11111111-2222-3333-4444-555555555555"
URLS = Urls("https://r.test/", CAMPAIGN)
ME = ANN["uuid"]


class Registry:
    """Hands out link UUIDs and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, urls: list[str]) -> dict[str, str]:
        self.asked.append(urls)
        return {url: f"link-{number}" for number, url in enumerate(urls) if "unregistrable" not in url}


def expanded(source, tracking=Tracking.INDIVIDUAL, *, urls=URLS, html=True, register=None):
    return expand(
        to_jinja(source, html=html), urls=urls, tracking=tracking, register=register or Registry(), html=html
    )


@pytest.mark.parametrize(
    ("tracking", "expected"),
    [
        (Tracking.DISABLED, "https://x.test/?a=1&amp;b=2"),
        (Tracking.ANONYMOUS, f"https://r.test/link/link-0/{CAMPAIGN}/{DUMMY_UUID}"),
        (Tracking.INDIVIDUAL, f"https://r.test/link/link-0/{CAMPAIGN}/{{{{ subscriber.uuid }}}}"),
    ],
)
@pytest.mark.parametrize(
    "source",
    ['{{ TrackLink "https://x.test/?a=1&b=2" . }}', "https://x.test/?a=1&amp;b=2@TrackLink", '{{ TrackLink("https://x.test/?a=1&b=2") }}',
     "{{ track_link('https://x.test/?a=1&amp;b=2') }}"],
)  # fmt: skip
def test_tracked_links(source, tracking, expected):
    registry = Registry()

    assert expanded(f'<a href="{source}">', tracking, register=registry) == f'<a href="{expected}">'
    assert registry.asked == ([] if tracking is Tracking.DISABLED else [["https://x.test/?a=1&b=2"]])


def test_links_are_registered_once_together():
    registry = Registry()
    source = '{{ TrackLink "https://a" }} {% if TrackLink("https://b") %}{% endif %} https://a@TrackLink {{ TrackLink "https://a" }}'

    expanded(source, register=registry)

    assert registry.asked == [["https://a", "https://b"]]
    assert constant_links(to_jinja(source)) == ["https://a", "https://b"]


def test_a_link_that_cannot_be_registered_stays_plain():
    assert expanded('{{ TrackLink "https://unregistrable" }}') == "https://unregistrable"


def test_previews_register_and_count_nothing():
    registry = Registry()
    shown = expanded(
        '{{ TrackLink "https://a" }} {{ MessageURL }}',
        urls=Urls("https://r.test", CAMPAIGN, preview=True),
        register=registry,
    )

    assert registry.asked == []
    assert shown == f"https://a https://r.test/campaign/{DUMMY_UUID}/{{{{ subscriber.uuid }}}}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("UnsubscribeURL", f"https://r.test/subscription/{CAMPAIGN}/{ME}"),
        ("ManageURL", f"https://r.test/subscription/{CAMPAIGN}/{ME}?manage=true"),
        ("OptinURL", f"https://r.test/subscription/optin/{ME}?"),
        ("MessageURL", f"https://r.test/campaign/{CAMPAIGN}/{ME}"),
        ("ArchiveURL", "https://r.test/archive"),
        ("RootURL", "https://r.test"),
    ],
)
def test_urls_of_the_subscriber(name, expected):
    for source in (f"{{{{ {name} }}}}", f"{{{{ {name} . }}}}", f"{{{{ {name}() }}}}"):
        assert render_jinja(expanded(source)) == expected
    assert (
        render_jinja(
            expanded(f'{{{{ if {name} }}}}{{{{ printf "%s" {name} }}}}{{{{ end }}}}', html=False), html=False
        )
        == expected
    )
    assert render_jinja(expanded(f"{{% set u = {name}() %}}{{{{ u }}}}", html=False), html=False) == expected


@pytest.mark.parametrize(
    ("tracking", "person"), [(Tracking.ANONYMOUS, DUMMY_UUID), (Tracking.INDIVIDUAL, ME)]
)
def test_the_pixel(tracking, person):
    shown = render_jinja(expanded("<p>{{ TrackView }}</p>", tracking))

    assert f'src="https://r.test/campaign/{CAMPAIGN}/{person}/px.png"' in shown
    assert 'alt="" width="1" height="1"' in shown


def test_no_pixel_without_tracking_or_html():
    assert expanded("<p>{{ TrackView }}</p>", Tracking.DISABLED) == "<p></p>"
    assert expanded("a{{ TrackView . }}b", html=False) == "ab"


def test_white_space_is_trimmed_around_replaced_calls():
    assert render_jinja(expanded("a {{- RootURL -}} b")) == "ahttps://r.testb"


@pytest.mark.parametrize("tracking", Tracking)
def test_computed_links_are_made_per_recipient(tracking):
    source = expanded("{{ TrackLink .Subscriber.Attribs.target . }}", tracking, html=False)
    engine_function = link_function(URLS, tracking, Registry())
    person = DUMMY_UUID if tracking is Tracking.ANONYMOUS else ME
    plain = tracking is Tracking.DISABLED

    from listmonk_py.templating.environment import environment, freeze, render

    engine = environment(html=False, functions={"track_link": engine_function})
    engine.add_template("x", source)
    for target in ("https://a?b&amp;c", "https://unregistrable"):
        shown = render(engine, "x", freeze({"subscriber": {"uuid": ME, "attribs": {"target": target}}}))
        tracked = f"https://r.test/link/link-0/{CAMPAIGN}/{person}"
        assert shown == (target.replace("&amp;", "&") if plain or "unreg" in target else tracked)


def test_names_inside_strings_and_paths_are_left_alone():
    source = "{{ 'TrackLink(\"x\") RootURL' }}{{ subscriber.RootURL }}{% raw %}{{ RootURL() }}{% endraw %}{# RootURL #} RootURL"
    assert expand(source, urls=URLS, tracking=Tracking.INDIVIDUAL, register=Registry()) == source


def test_ordinary_campaigns_end_as_text_and_paths():
    source = '<a href="{{ TrackLink "https://a" . }}">{{ .Subscriber.Name }}</a>{{ TrackView }}<a href="{{ UnsubscribeURL . }}">'
    calls = [mark for mark in itertools.chain(expanded(source)) if mark in "()"]
    assert calls == []
