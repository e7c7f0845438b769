"""Go's template syntax, translated and rendered."""

# ruff: noqa: E501 - a template and what it prints stand in one line

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.go_writer import quoted
from listmonk_py.templating.golang import to_jinja
from tests.templating.rendering import render_go, render_jinja

PRINTED = [
    # fields
    ("{{ .Subscriber.FirstName }}", "Ann"),
    ("{{.Subscriber.Email}}", "ann+news@example.com"),
    ("{{ .Subscriber.Attribs.nested.deep.er }}", "found"),
    ("{{ .Subscriber.Attribs.in }}", "reserved"),
    ("{{ .Subscriber.Attribs.missing }}", ""),
    ("{{ .Subscriber.Attribs.missing.too }}", ""),
    ("{{ $.Campaign.Attribs.issue }}", "5"),
    ("{{ index .Subscriber.Attribs.tags 1 }}{{ (index .Subscriber.Attribs.orders 0).name }}", "yPen"),
    ('{{ index .Subscriber.Attribs "city" }}', "Rome"),
    ('{{ index .Subscriber.Attribs "prices" "a" }}', "2"),
    ("{{ .Subscriber.Attribs.items }}{{ if .Subscriber.Attribs.keys }}a{{ end }}", ""),
    ('{{ range .Subscriber.Attribs.items }}a{{ end }}{{ if index .Subscriber.Attribs "values" }}a{{ end }}', ""),
    # what values print as
    ("{{ .Subscriber.Attribs.vip }} {{ .Subscriber.Attribs.gone }}|{{ nil }}", "true |"),
    ("{{ .Subscriber.Attribs.whole }} {{ .Subscriber.Attribs.half }}", "2 2.5"),
    ("{{ .Subscriber.Attribs.tags }} {{ .Subscriber.Attribs.prices }}", "[x y] map[a:2 b:1]"),
    ("{{ .Subscriber.Attribs.html }}", "&lt;b&gt;&amp;&lt;&#x2f;b&gt;"),
    ("{{ Safe .Subscriber.Attribs.html }}", "<b>&</b>"),
    ("{{ .Subscriber.Attribs.html | Safe }}", "<b>&</b>"),
    # literals
    ('{{ "a\\tb\\u00e9\\x41\\101" }}', "a\tbéAA"),
    ("{{ `raw \\n` }}", "raw \\n"),
    ("{{ 0x1F }} {{ 1_000 }} {{ print 017 }} {{ print -3 }} {{ print 'a' }} {{ 1.5e2 }}", "31 1000 15 -3 97 150"),
    ('{{ "a}}b" | upper }}', "A}}B"),
    ('{{ printf "%s" "{% if %} {{ x }} {# #}" }}', "{% if %} {{ x }} {# #}"),
    # pipelines and parentheses
    ('{{ .Subscriber.Name | printf "%s!" | upper }}', "ANN LEE SMITH!"),
    ('{{ printf "%s-%s" (upper "a") (lower "B") }}', "A-b"),
    ("{{ (.Subscriber).Name }}", "Ann Lee Smith"),
    # conditions
    ("{{ if .Subscriber.Attribs.vip }}a{{ else }}b{{ end }}", "a"),
    ("{{ if .Subscriber.Attribs.gone }}a{{ else if .Subscriber.Attribs.vip }}b{{ else }}c{{ end }}", "b"),
    ("{{ if eq .Subscriber.Attribs.city `Oslo` `Rome` }}a{{ end }}", "a"),
    ("{{ if eq .Subscriber.Attribs.city `Oslo` `Bern` }}a{{ else }}b{{ end }}", "b"),
    ("{{ if and (gt .Subscriber.Attribs.count 2) (le .Subscriber.Attribs.count 3) }}a{{ end }}", "a"),
    ("{{ if or .Subscriber.Attribs.gone (ne 1 1) (lt 2 1) (ge 1 2) }}a{{ else }}b{{ end }}", "b"),
    ("{{ if not .Subscriber.Attribs.gone }}a{{ end }}", "a"),
    ("{{ or .Subscriber.Attribs.gone `x` }}{{ and `y` `z` }}", "xz"),
    ("{{ if $n := len .Subscriber.Attribs.tags }}{{ $n }}{{ end }}", "2"),
    # with
    ("{{ with .Subscriber }}{{ .Name }} {{ $.Campaign.Name }}{{ end }}", "Ann Lee Smith May"),
    ("{{ with .Subscriber.Attribs.nested }}{{ .deep.er }}{{ end }}", "found"),
    ("{{ with .Subscriber.Attribs.gone }}a{{ else }}b{{ end }}", "b"),
    ("{{ with .Subscriber.Attribs.gone }}a{{ else with .Subscriber.Attribs.prices }}{{ .a }}{{ end }}", "2"),
    ("{{ with $x := .Subscriber.Attribs.prices }}{{ $x.a }}{{ .b }}{{ end }}", "21"),
    # range
    ("{{ range .Subscriber.Attribs.tags }}<{{ . }}>{{ end }}", "<x><y>"),
    ("{{ range $i, $o := .Subscriber.Attribs.orders }}{{ $i }}{{ $o.name }}{{ .price }} {{ end }}", "0Pen2 1Ink5 "),
    ("{{ range $o := .Subscriber.Attribs.orders }}{{ $o.name }}{{ end }}", "PenInk"),
    ("{{ range $k, $v := .Subscriber.Attribs.prices }}{{ $k }}={{ $v }} {{ end }}", "a=2 b=1 "),
    ("{{ range .Subscriber.Attribs.gone }}a{{ else }}none{{ end }}", "none"),
    ("{{ range 3 }}{{ . }}{{ end }}", "012"),
    ("{{ range .Subscriber.Attribs.orders }}{{ if eq .name `Pen` }}{{ continue }}{{ end }}{{ .name }}{{ end }}", "Ink"),
    ("{{ range .Subscriber.Attribs.orders }}{{ .name }}{{ break }}{{ end }}", "Pen"),
    ("{{ range .Subscriber.Attribs.orders }}{{ range $.Subscriber.Attribs.tags }}{{ . }}{{ end }}{{ end }}", "xyxy"),
    # variables
    ("{{ $x := 1 }}{{ $x = add $x 2 }}{{ $x }}", "3"),
    ("{{ $x := `a` }}{{ if true }}{{ $x := `b` }}{{ $x }}{{ end }}{{ $x }}", "ba"),
    ("{{ $x := `a` }}{{ if true }}{{ $x = `b` }}{{ end }}{{ $x }}", "b"),
    ("{{ $t := 0 }}{{ range .Subscriber.Attribs.orders }}{{ $t = add $t .price }}{{ end }}{{ $t }}", "7"),
    ("{{ $d := dict `a` 1 }}{{ $_ := set $d `b` 2 }}{{ $d.a }}{{ $d.b }}", "12"),
    ("{{ $d := dict }}{{ range .Subscriber.Attribs.tags }}{{ $_ := set $d . 1 }}{{ end }}{{ keys $d | join `+` }}", "x+y"),
    # templates
    ('{{ define "h" }}<{{ .Subscriber.Name }}>{{ end }}A{{ template "h" . }}B', "A<Ann Lee Smith>B"),
    ('{{ define "o" }}{{ .name }};{{ end }}{{ range .Subscriber.Attribs.orders }}{{ template "o" . }}{{ end }}', "Pen;Ink;"),
    ('{{ block "x" .Subscriber }}[{{ .Name }}]{{ end }}', "[Ann Lee Smith]"),
    ('{{ define "x" }}new{{ end }}{{ block "x" . }}old{{ end }}', "new"),
    # comments and white space
    ("a{{/* note {{ }} */}}b", "ab"),
    ("a {{- /* note */ -}} b", "ab"),
    ("a  {{- .Subscriber.FirstName -}}  b", "aAnnb"),
    ("a {{- if true }} b {{- end }} c", "a b c"),
    ("a\n{{ range .Subscriber.Attribs.tags -}}\n  {{ . }}\n{{- end }}\nb", "a\nxy\nb"),
    ("{{- with .Subscriber.Attribs.city }} {{ . }} {{ end -}} b", " Rome b"),
    # times
    ('{{ .Subscriber.CreatedAt.Format "Mon, 02 Jan 2006 15:04:05 MST" }}', "Tue, 05 Mar 2024 16:07:08 UTC"),
    ("{{ .Subscriber.CreatedAt.Year }} {{ .Subscriber.CreatedAt.Month }} {{ .Subscriber.UpdatedAt.Year }}", "2024 March "),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), PRINTED)
def test_go_source_prints_what_go_prints(source, expected):
    assert render_go(source) == expected


REFUSED = [
    ("a\n{{ .Foo }}", 2, "no field .Foo"),
    ("{{ .Subscriber.Nme }}", 1, "no field .Nme"),
    ("\n\n{{ nofunc .Subscriber.Name }}", 3, 'no function "nofunc"'),
    ("{{ if .Subscriber.Name }}\nx", 1, "has no {{ end }}"),
    ("x\n{{ end }}", 2, "closes nothing"),
    ("{{ if .Subscriber.Name }}{{ else }}{{ else }}{{ end }}", 1, "second {{ else }}"),
    ("{{ else }}", 1, "belongs to no"),
    ("\n{{ .Subscriber.Name", 2, "never closed"),
    ("{{ $x }}", 1, "$x is not declared"),
    ("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", 1, "$x is not declared"),
    ('{{ template "other" . }}', 1, 'no template "other"'),
    ('{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}', 1, "includes itself"),
    ("{{ .Subscriber }}", 1, "Only single fields"),
    ("{{ . }}", 1, "Only single fields"),
    ("{{ call .Subscriber.Name }}", 1, "call is not available"),
    ("{{ .Subscriber.Name 1 }}", 1, "takes no arguments"),
    ("{{ break }}", 1, "outside a range"),
    ("{{ (len .Subscriber.Name }}", 1, "ends too early"),
    ("{{ .Subscriber.Name ) }}", 1, 'Unexpected ")"'),
    ('{{ "a\\q" | upper | .Subscriber.Name }}', 1, "Unknown escape"),
    ("{{ }}", 1, "empty"),
    ("{{ eq 1 }}", 1, "needs at least 2"),
    ("{{ TrackLink .Subscriber.Name .Subscriber.Email }}", 1, "TrackLink needs one URL"),
    ('{{ TrackLink "https://x" .Subscriber.Name }}', 1, "TrackLink needs one URL"),
    ("{{ range $i = .Subscriber.Attribs.tags }}{{ end }}", 1, "with :="),
    ("{{ if .Subscriber.Name }}" * 60, 1, "nested deeper"),
    ("{{ .Subscriber.Name | printf " + "(" * 60 + "1" + ")" * 60 + " }}", 1, "nested deeper"),
]


@pytest.mark.parametrize(("source", "line", "words"), REFUSED)
def test_what_cannot_be_translated_is_refused_with_its_line(source, line, words):
    with pytest.raises(TemplateError) as refused:
        to_jinja(source)

    assert refused.value.line == line
    assert words in refused.value.message
    assert refused.value.message.startswith(f"Line {line}: ")


JINJA = [
    "{{ subscriber.name }}",
    "{{ subscriber.name | upper }}",
    "{% if subscriber.attribs.vip %}{{ subscriber.name|default('x') }}{% endif %}",
    "{% set title = 'a' %}{{ title }}",
    "{% for first in campaign.tags %}{{ first }}{% endfor %}",
    "{{ not subscriber.name }}{{ 'a' ~ 'b' }}{{ [1, 2]|first }}",
    "{# a comment {{ .Subscriber.Name }} #}",
    "{% raw %}{{ .Subscriber.Name }}{% endraw %}",
    "{{ 'a' if subscriber.attribs.vip else 'b' }}",
    '{{ TrackLink("https://example.com") }}',
    "{{ 1 + 2 }}{{ 'x'|length }}",
]


@pytest.mark.parametrize("source", JINJA)
def test_jinja_source_passes_through_unchanged(source):
    assert to_jinja(source) == source


def test_both_languages_mix():
    assert (
        render_go("{% if subscriber.name %}{{ .Subscriber.Email }}{% endif %}", html=False)
        == "ann+news@example.com"
    )


SHORTHANDS = [
    ('{{ TrackLink "https://x.test/?a=1&b=2" . }}', '{{ TrackLink("https://x.test/?a=1&b=2") }}'),
    ('{{ TrackLink "https://x.test" }}', '{{ TrackLink("https://x.test") }}'),
    ('{{TrackLink "https://x.test"}}', '{{ TrackLink("https://x.test") }}'),
    ("{{ TrackLink .Subscriber.Attribs.url . }}", "{{ TrackLink(subscriber.attribs.url) }}"),
    ('<a href="https://x.test/ä?b=c&amp;d@TrackLink">', '<a href="{{ TrackLink("https://x.test/ä?b=c&amp;d") }}">'),
    ("see https://x.test/(a)@TrackLink.", 'see {{ TrackLink("https://x.test/(a)") }}.'),
    ("{{ TrackView }}{{TrackView .}}{{   TrackView   .   }}", "{{ TrackView() }}" * 3),
    ("{{ UnsubscribeURL }}{{ UnsubscribeURL . }}", "{{ UnsubscribeURL() }}" * 2),
    ("{{ ManageURL . }}{{ OptinURL }}{{ MessageURL }}", "{{ ManageURL() }}{{ OptinURL() }}{{ MessageURL() }}"),
    ("{{ ArchiveURL }}{{ RootURL }}", "{{ ArchiveURL() }}{{ RootURL() }}"),
    ('{{ template "content" . }}', "{{ content }}"),
    ('{{- template "content" . -}}', "{{- content -}}"),
    ('{{ L.T "public.title" }}', '{{ L_T("public.title") }}'),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), SHORTHANDS)
def test_shorthands_become_calls(source, expected):
    assert to_jinja(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            '<a href="{{ .Subscriber.Attribs.url }}">',
            '<a href="https:&#x2f;&#x2f;x.test&#x2f;a%20b?c=d&amp;e=f">',
        ),
        ('<a href="{{ .Subscriber.Attribs.bad_url }}">', '<a href="#">'),
        (
            '<a href="https://x/?m={{ .Subscriber.Email }}">',
            '<a href="https://x/?m=ann%2Bnews%40example.com">',
        ),
        ("<a href='/p/{{ .Subscriber.Attribs.city }}'>", "<a href='/p/Rome'>"),
        ('<a href="/{{ .Subscriber.UUID }}">', f'<a href="/{"6d4b6c2e-8c1c-4b52-a1ab-3f0f6b1f2a11"}">'),
        (
            '<p title="{{ .Subscriber.Attribs.url }}">',
            '<p title="https:&#x2f;&#x2f;x.test&#x2f;a b?c=d&amp;e=f">',
        ),
        ('<a href="x">{{ .Subscriber.Email }}</a>', '<a href="x">ann+news@example.com</a>'),
    ],
)
def test_values_in_urls_are_encoded_for_their_place(source, expected):
    assert render_go(source) == expected


def test_line_numbers_survive_translation():
    source = "a\n{{/* two\nlines */}}\n{{ if\n.Subscriber.Name }}\nx{{ end }}\n{{ 1/0 }}"
    with pytest.raises(TemplateError) as failed:
        render_go(source)
    assert failed.value.line == 7


def test_marks_of_jinja_are_ordinary_text_in_stylesheets():
    css = "@media print{#a{color:red}} b{%;} {% unknown %}"
    assert render_go(css) == css


@given(
    st.text(alphabet="{}%# \nax-+@é<", max_size=60).filter(lambda text: "{{" not in text and "#}" not in text)
)
def test_text_without_actions_is_printed_as_it_is(text):
    assert render_jinja(to_jinja(text)) == text


@given(st.text(alphabet='{}%#"\\\n\t aé\x00\x7f\u2028😀', max_size=40))
def test_any_text_can_be_a_literal(text):
    assert render_jinja("{{ " + quoted(text) + " }}", html=False) == text


@given(st.text(alphabet="{}%#()|.$:=\" \nabiflendrgw-/*`'", max_size=50))
def test_garbage_is_translated_or_refused(text):
    for source in (text, "{{" + text + "}}", "{{ .Subscriber" + text + "}}"):
        try:
            to_jinja(source)
        except TemplateError as refused:
            assert refused.message  # noqa: PT017 - either outcome is right, another exception is not
