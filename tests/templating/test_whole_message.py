"""A listmonk user's template and body, through every step in the documented order."""

from listmonk_py.templating.content import inline_css, plain_text, to_html, wrap
from listmonk_py.templating.environment import environment, freeze, render
from listmonk_py.templating.golang import to_jinja
from listmonk_py.templating.links import Tracking, Urls, expand
from listmonk_py.templating.preview import demo_context
from listmonk_py.templating.trial import TrialSource, trial_render
from tests.templating.rendering import ANN, CAMPAIGN

TEMPLATE = """<!doctype html>
<html><head><style>body{margin:0} .footer{color:#888}</style>
<!--[if mso]><style>td{font-family:Arial}</style><![endif]--></head>
<body><table>{{ range .Campaign.Tags }}<tr><td>{{ . }}</td></tr>{{ end }}</table>
{{ template "content" . }}
<div class="footer"><a href="{{ UnsubscribeURL }}">Unsubscribe</a></div>
{{ TrackView }}
</body></html>
"""
BODY = """# Hi {{ .Subscriber.FirstName }}

{{ if eq .Subscriber.Attribs.city "Rome" }}

Ciao -- read [the news](https://x.test/news?a=1&b=2@TrackLink) or [mail](https://x.test/?m={{ .Subscriber.Email }}).

{{ end }}
"""


def prepared(tracking=Tracking.INDIVIDUAL, *, html=True):
    source = wrap(to_jinja(to_html(BODY, "markdown")), to_jinja(TEMPLATE))
    source = inline_css(source) if html else plain_text(source)
    urls = Urls("https://r.test", CAMPAIGN["uuid"])
    return expand(
        source, urls=urls, tracking=tracking, register=lambda links: dict.fromkeys(links, "link"), html=html
    )


def shown(source, *, html):
    engine = environment(html=html)
    engine.add_template("message", source)
    return render(engine, "message", freeze({"subscriber": ANN, "campaign": CAMPAIGN}))


def test_html():
    message = shown(prepared(), html=True)

    person = f"{CAMPAIGN['uuid']}/{ANN['uuid']}"
    assert '<h1 id="hi">Hi Ann</h1>' in message
    assert f'<p>Ciao – read <a href="https://r.test/link/link/{person}">the news</a>' in message
    assert 'href="https://x.test/?m=ann%2Bnews%40example.com"' in message
    assert "<tr><td>t1</td></tr>" in message
    assert "<!--[if mso]><style>td{font-family:Arial}</style><![endif]-->" in message
    assert (
        f'<div style="color: #888;" class="footer"><a href="https://r.test/subscription/{person}">' in message
    )
    assert f"https://r.test/campaign/{person}/px.png" in message
    assert "{{" not in message and "{%" not in message


def test_text():
    message = shown(prepared(html=False), html=False)

    assert "Hi Ann" in message
    assert f"[the news](https://r.test/link/link/{CAMPAIGN['uuid']}/{ANN['uuid']})" in message
    assert f"[Unsubscribe](https://r.test/subscription/{CAMPAIGN['uuid']}/{ANN['uuid']})" in message
    assert "px.png" not in message and "<" not in message and "{{" not in message


def test_trial():
    trial_render(
        [TrialSource("body", prepared()), TrialSource("text", prepared(html=False), html=False)],
        demo_context(),
    )
