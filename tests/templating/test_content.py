"""Content types, wrapping, conversion, style sheets, plain text, images."""

# ruff: noqa: E501 - a template and what it prints stand in one line

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listmonk_py.api.errors import DomainError
from listmonk_py.templating.content import convert, has_content_place, inline_css, plain_text, to_html, wrap
from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.golang import to_jinja
from listmonk_py.templating.images import content_id, embed_images
from listmonk_py.templating.tokens import TAG, Tokens
from tests.templating.rendering import render_jinja

MARKDOWN = [
    ("# Hi\n\n*you*", '<h1 id="hi">Hi</h1>\n<p><em>you</em></p>\n'),
    ("## One Two\n## One Two\n## é", '<h2 id="one-two">One Two</h2>\n<h2 id="one-two-1">One Two</h2>\n<h2 id="heading">é</h2>\n'),
    ("# Dear {{ .Subscriber.Name }}", '<h1 id="dear">Dear {{ .Subscriber.Name }}</h1>\n'),
    ("~~old~~ a--b... it's \"x\"", "<p><del>old</del> a–b… it’s &quot;x&quot;</p>\n"),
    ("a <b onclick='x'>raw</b>\n\n<div>*x*</div>", "<p>a <b onclick='x'>raw</b></p>\n<div>*x*</div>"),
    ("line  \nbreak", "<p>line<br />\nbreak</p>\n"),
    ("[a]({{ UnsubscribeURL }}) ![i](x.png)", '<p><a href="{{ UnsubscribeURL }}">a</a> <img src="x.png" alt="i" /></p>\n'),
    ("[a](https://x.test/a--b?c=1&d=2@TrackLink)", '<p><a href="https://x.test/a--b?c=1&d=2@TrackLink">a</a></p>\n'),
    ('{{ if eq .Subscriber.Name "a*b*" }}\n\nx *y*\n\n{{ end }}', '{{ if eq .Subscriber.Name "a*b*" }}\n<p>x <em>y</em></p>\n{{ end }}\n'),
    ("{% if a < b %}\n\nx\n\n{% endif %}", "{% if a < b %}\n<p>x</p>\n{% endif %}\n"),
    ("`{{ a }} -- b`", "<p><code>{{ a }} -- b</code></p>\n"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), MARKDOWN)
def test_markdown(source, expected):
    assert to_html(source, "markdown") == expected


def test_markdown_tables_and_task_lists():
    rendered = to_html("| a | b |\n|---|:-:|\n| 1 | {{ .X | f }} |\n\n- [x] done\n- [ ] open\n", "markdown")

    assert '<td style="text-align:center">{{ .X | f }}</td>' in rendered
    assert len(re.findall(r'<input[^>]*type="checkbox"', rendered)) == 2
    assert len(re.findall(r'checked="checked"', rendered)) == 1


@pytest.mark.parametrize("content_type", ["html", "richtext", "visual", "plain"])
def test_other_content_types_stay_as_they_are(content_type):
    body = "<!-- c --><p>{{ .Subscriber.Name }}&nbsp;"
    assert to_html(body, content_type) == body


def test_unknown_content_type_is_refused():
    with pytest.raises(TemplateError, match='no content type "rtf"'):
        to_html("x", "rtf")


def test_mjml_keeps_template_tags_everywhere():
    source = (
        "<mjml><mj-head><mj-title>{{ campaign.subject }}</mj-title></mj-head><mj-body>"
        "{% for i in items if i < 3 %}<mj-section><mj-column>{{ if .X }}<mj-text>Hi {{ subscriber.name }}</mj-text>"
        '{{ end }}<mj-button href="{{ TrackLink "https://x.test/?a=1&b=2" }}">Go</mj-button></mj-column></mj-section>'
        "{% endfor %}</mj-body></mjml>"
    )
    rendered = to_html(source, "mjml")

    assert "Hi {{ subscriber.name }}" in rendered
    assert 'href="{{ TrackLink "https://x.test/?a=1&b=2" }}"' in rendered
    tags = [found[0] for found in TAG.finditer(rendered)]
    assert tags[-1] == "{% endfor %}"
    order = ["{% for i in items if i < 3 %}", "{{ if .X }}", "{{ subscriber.name }}", "{{ end }}"]
    assert [tag for tag in tags if tag in order] == order
    assert "<!--[if mso" in rendered


@pytest.mark.parametrize(
    "source", ["<mjml><mj-bod>", "no mjml", "<mjml><mj-body><mj-include path='x'/></mj-body></mjml>"]
)
def test_wrong_mjml_is_refused(source):
    with pytest.raises(TemplateError):
        to_html(source, "mjml")


@pytest.mark.parametrize(
    "place",
    ['{{ template "content" . }}', '{{template "content" .}}', '{{-  template   "content"  .  -}}', "{{ content }}",
     '{{ template "content" }}'],
)  # fmt: skip
def test_wrapping(place):
    assert wrap(r"body \1 {{ x }}", f"<a>{place}</a>") == r"<a>body \1 {{ x }}</a>"
    assert wrap("body", to_jinja(f"<a>{place}</a>")) == "<a>body</a>"


def test_a_template_without_a_place_is_refused():
    assert not has_content_place('{{ template "footer" . }}')
    with pytest.raises(TemplateError, match="no place for the content"):
        wrap("body", "<a></a>")


def test_conversion():
    assert convert("# Hi\n\n*you*", "markdown", "html") == '<h1 id="hi">Hi</h1>\n<p><em>you</em></p>\n'
    assert (
        convert("{{ .Subscriber.Name }} **b**", "markdown", "richtext")
        == "<p>{{ .Subscriber.Name }} <strong>b</strong></p>\n"
    )
    for source, target in [
        ("html", "plain"),
        ("markdown", "plain"),
        ("", ""),
        ("visual", "html"),
        ("markdown", "markdown"),
    ]:
        with pytest.raises(DomainError, match="unknown formats to convert"):
            convert("<p>x</p>", source, target)


PAGE = """<!DOCTYPE html>
<html xmlns:v="urn:schemas-microsoft-com:vml"><head>
<style>td { color: red; } .b { margin: {{ m }}; font: "A B" } @media (max-width: 600px) { td { color: blue } }</style>
<!--[if mso]><style>td{color:green}</style><xml><o:PixelsPerInch>96</o:PixelsPerInch></xml><![endif]-->
</head><body>
<table>{% for i in x %}<tr {% if i < 1 %}class="q"{% endif %}><td>{{ i }}&nbsp;é</td></tr>{% endfor %}</table>
<!--[if !mso]><!--><br/><![endif]--><!--[if gte mso 9]><v:rect fill="true"><v:fill src="x" /></v:rect><![endif]-->
<v:rect arcsize="8%"><v:fill type="tile"/></v:rect>
<table><td style="margin: {{ m }}px">odd</td></table><p CLASS='b'>{{ "</td>" }}</p>
</body></html>
"""


def test_inlining_changes_style_attributes_only():
    inlined = inline_css(PAGE)

    assert inlined.count('<td style="color: red;">') == 1
    assert '<td style="color: red; margin: {{ m }}px">' in inlined
    assert """<p style="margin: {{ m }};font: 'A B';" CLASS='b'>""" in inlined
    removed = re.sub(r" style=(\"[^\"]*\"|'[^']*')", "", inlined)
    assert removed == re.sub(r" style=\"[^\"]*\"", "", PAGE)


def test_inlined_values_reach_the_reader():
    html = '<style>p{font-family:"A B";color:red!important}</style><p style="color:blue;top:1px">x</p>'
    assert inline_css(html).endswith("""<p style="font-family: 'A B';color: red !important;top: 1px">x</p>""")


def test_styles_holding_calls_come_last():
    html = """<style>p{color:red}</style><p style="top: {{ f("x", '}') }}px" id=a>x</p>"""
    assert inline_css(html).endswith("""<p style="color: red; top: {{ f("x", '}') }}px" id=a>x</p>""")


def test_html_without_styles_is_untouched():
    html = "<P>a<br>{{ x }}<!-- c -->"
    assert inline_css(html) is html


PIECES = st.sampled_from(
    ["<p>", "</p>", "<td>", "<table>", "<tr>", "</table>", "text", "{{ x }}", "{% if a < b %}", "{% endif %}", "<!-- c -->",
     "<!--[if mso]>", "<![endif]-->", '<a href="{{ u }}">', "<br/>", "&nbsp;", "<", ">", '"', "<b class='x'", "<img src=x>",
     "<v:fill />", "é", "\n", "<textarea>", "<title>{{ t }}</title>", "<tr {% if c %}class=a{% endif %}>"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25).map("".join))
def test_inlining_survives_any_markup(markup):
    html = "<style>p,td,a,b,tr{color:red}</style>" + markup
    inlined = inline_css(html)
    assert re.sub(r" style=\"color: red;\"", "", inlined) == html


def test_plain_text_of_a_letter():
    html = (
        "<html><head><style>p{}</style><title>t</title></head><body><!--[if mso]>x<![endif]-->"
        "<h1>Hi {{ subscriber.name }}</h1><p>Read <a href=\"{{ TrackLink('https://x.test') }}\">this</a> &amp; that</p>"
        "<ul><li>one</li><li>two</li></ul>{% if subscriber.attribs.vip %}<p>VIP</p>{% endif %}"
        "<table>{% for o in subscriber.attribs.orders %}<tr><td>{{ o.name }}</td><td>{{ o.price }}</td></tr>{% endfor %}"
        "</table><img src='x' alt=''></body></html>"
    )
    text = render_jinja(
        plain_text(html).replace("{{ TrackLink('https://x.test') }}", "https://x.test"), html=False
    )

    assert "Hi Ann Lee Smith" in text
    assert "Read [this](https://x.test) & that" in text
    assert re.search(r"\* one\n\s*\* two", text)
    assert "VIP" in text
    assert [line.split() for line in text.splitlines() if line.startswith(("Pen", "Ink"))] == [
        ["Pen", "2"],
        ["Ink", "5"],
    ]
    assert "mso" not in text and "p{}" not in text


@pytest.mark.parametrize(
    "html", ["", "  \n", "<!-- only a comment -->", "<style>p{}</style>", "<img src='x'>"]
)
def test_plain_text_of_nothing_is_nothing(html):
    assert plain_text(html).strip() == ""


def test_embedded_images():
    html = (
        '<img data-embed src="https://m.test/uploads/a%20b.png?x" alt="a"><img src="a b.png" data-embed />'
        '<img data-embed src="missing.png"><img src="a b.png"><!-- <img data-embed src="a b.png"> -->'
    )
    embedded, files = embed_images(html, {"a b.png"}.__contains__)

    cid = content_id("a b.png")
    assert re.fullmatch(r"[0-9a-f]{16}@email", cid)
    assert files == {"a b.png": cid}
    assert embedded == (
        f'<img data-embed src="cid:{cid}" alt="a"><img src="cid:{cid}" data-embed />'
        '<img data-embed src="missing.png"><img src="a b.png"><!-- <img data-embed src="a b.png"> -->'
    )


@given(st.text(alphabet='{}%#ab "\n', max_size=60))
def test_tokens_come_back_unchanged(text):
    tokens = Tokens()
    protected = tokens.protect(text)
    assert not TAG.search(protected)
    assert tokens.restore(protected) == text
