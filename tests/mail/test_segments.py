"""Both engines must give the same message: segments on the wire, minijinja in one piece."""

import quopri

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from listmonk_py.templating.environment import environment, freeze
from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.segments import compile_segments

PERSON = {
    "id": 7,
    "uuid": "6c8a1e54-9d2f-4c55-8b7e-0f6a2f6f7a11",
    "email": "o'neil@example.com",
    "name": "Jürgen <O'Neil>",
    "first_name": "Jürgen",
    "last_name": "<O'Neil>",
    "status": "enabled",
    "attribs": {
        "city": "São Paulo",
        "points": 12,
        "balance": 30.0,
        "ratio": 0.1,
        "premium": True,
        "nothing": None,
        "address": {"street": "Hauptstraße 5 / Hof", "zip": "01001"},
        "tags": ["a", "b/c", 3],
        "dots": "..\n.\r\n.x",
        "long": "word " * 60,
        "huge": 2**90,
        "big": [1e16, 1e21, 1e22, 2**127, -(2**127), 10**40],
        "small": 1e-7,
        "minus": -0.0,
        "b1": 1e16,
        "b2": 1e21,
        "b3": 10**40,
    },
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
}
CAMPAIGN = {"subject": "12 things & more — weekly", "name": "c1", "attribs": {"colour": "red"}}


def wire(source, person=PERSON, *, html=True):
    out = []
    compile_segments(source, html=html, constants={"campaign": CAMPAIGN}).render_into(out, person)
    return b"".join(out)


def decoded(data):
    """The text a reader sees, after undoing dot-stuffing and quoted-printable; checks the wire rules."""
    lines = data.split(b"\r\n")
    assert lines[-1] == b""
    assert b"\r" not in b"".join(lines) and b"\n" not in b"".join(lines)
    assert all(len(line) <= 76 + line.startswith(b".") for line in lines)
    assert not any(line.endswith((b" ", b"\t")) for line in lines)
    for line in lines:
        assert not line.startswith(b".") or line.startswith(b"..")
    unstuffed = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
    return quopri.decodestring(unstuffed).replace(b"\r\n", b"\n").decode()


def reference(source, person=PERSON, *, html=True):
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    context = freeze({"subscriber": person, "campaign": CAMPAIGN})
    text = environment(html=html).render_str(source, **context)
    return text.replace("\r\n", "\n").replace("\r", "\n")


CASES = [
    "",
    "plain",
    "Dear {{ subscriber.name }},",
    "{{ subscriber.attribs.city }}{{ subscriber.attribs.city }}",
    "{{subscriber.attribs.address.street}}|{{ subscriber.attribs.address }}|{{ subscriber.attribs.tags }}",
    "{{ subscriber.attribs.missing }}|{{ subscriber.attribs.missing.deeper.still }}|{{ subscriber.nope }}",
    "{{ subscriber.attribs.points }} {{ subscriber.attribs.balance }} {{ subscriber.attribs.ratio }}",
    "{{ subscriber.attribs.premium }} {{ subscriber.attribs.nothing }} {{ subscriber.attribs.huge }}",
    "{{ subscriber.attribs.nothing.x }}{{ subscriber.attribs.city.x }}{{ subscriber.attribs.tags.x }}",
    '{{ subscriber.attribs.missing|default("you / all") }} {{ subscriber.name|default("x") }}',
    "{{ subscriber.name|safe }} {{ subscriber.name|e }} {{ subscriber.name|escape }}",
    "{{ subscriber.attribs.nothing|safe }} {{ subscriber.attribs.missing|safe }} {{ subscriber.id|e }}",
    "{{ subscriber.attribs.tags|safe }} {{ subscriber.attribs.premium|safe }}",
    "{{ subscriber.attribs.balance|e }} {{ subscriber.attribs.balance|safe }}",
    "{{ subscriber.attribs.huge|e }} {{ subscriber.attribs.premium|e }} {{ subscriber.attribs.nothing|e }}",
    "{{ subscriber.attribs.big }} {{ subscriber.attribs.small }} {{ subscriber.attribs.minus }}",
    "{{ campaign.subject }} {{ campaign.attribs.colour }} {{ campaign.nope }} {{ campaign.subject|safe }}",
    "{{ unknown }} {{ unknown.deeper }}",
    "{% if subscriber.attribs.premium %}\nyes\n{% else %}\nno\n{% endif %}\n",
    "{% if not subscriber.attribs.premium %}yes{% elif subscriber.attribs.city %}city{% else %}no{% endif %}",
    '{% if subscriber.attribs.city == "São Paulo" and subscriber.attribs.points != "12" %}1{% endif %}',
    "{% if (subscriber.attribs.a or subscriber.attribs.b) and subscriber.name %}1{% else %}2{% endif %}",
    "{% if subscriber.attribs.points > 10 %}many{% else %}few{% endif %}",
    "{% if campaign.name == 'c1' %}1{% endif %}{% if campaign.name and subscriber.name %}2{% endif %}",
    "{% if subscriber.attribs.missing is defined %}1{% else %}2{% endif %}",
    "{% if subscriber.name %}{% endif %}{% if subscriber.name %}{% else %}{% endif %}end",
    "a  {%- if subscriber.name -%}  b  {%- endif %}  c\n\n{{- subscriber.id -}}  \n d",
    "a {# {{ no }} {% no %} #} b {#- c -#} d",
    "{{ \"}}\" }} {{ '%}' }} {{ 'a\\'}}' }}",
    "{% raw %}{{ subscriber.name }}{% endraw %} {%- raw -%} {% if %} {%- endraw -%} x",
    "{{ subscriber.name|upper }} {{ subscriber.name if subscriber.id > 3 else 'x' }}",
    "{% for tag in subscriber.attribs.tags %}\n<li>{{ loop.index }}{{ tag }}\n{% else %}none{% endfor %}",
    "{% for tag in subscriber.attribs.tags %}" + "constant text of an island " * 5 + "{{ tag }}{% endfor %}",
    "{% filter upper %}" + "text that the filter changes, long enough " * 3 + "{% endfilter %}",
    "{% set x = subscriber.name %}" + "text in a template of set " * 5 + "{{ x }}",
    "{% set x %}" + "text in a block set, long enough for it " * 3 + "{% endset %}{{ x|upper }}",
    "{% macro m(a) %}"
    + "text in a macro, long enough for a token" * 2
    + "{{ a }}{% endmacro %}{{ m(1)|upper }}",
    "{% with a = subscriber.id %}{{ a }}{% endwith %}"
    "{% autoescape false %}{{ subscriber.name }}{% endautoescape %}",
    ".\n..\n.x\r\n. {{ subscriber.attribs.dots }}.\n{{ subscriber.attribs.dots }}",
    "trailing \t\n blanks \n{{ subscriber.attribs.long }} \n=3D = {{ subscriber.attribs.long }}",
    "x" * 75 + "{{ subscriber.id }}" + "ü" * 80 + "\n" + "=" * 100,
    "From me\n\x0c\x0b\u2028\u2029\x85\x1c {{ subscriber.id }} -%} }} %} #}",
    "{{ subscriber.attribs.b1 }}|{{ subscriber.attribs.b2 }}|{{ subscriber.attribs.b3 }}",
    "{% if subscriber.name %}" * 60 + "x" + "{% endif %}" * 60,
    "{{ subscriber . name }}{{subscriber.first_name}}{{ subscriber['name'] }}",
]


@pytest.mark.parametrize("html", [True, False])
@pytest.mark.parametrize("source", CASES)
def test_segments_and_minijinja_give_the_same_text(source, html):
    assert decoded(wire(source, html=html)) == reference(source, html=html)


def test_a_person_without_attributes_is_rendered():
    person = {**PERSON, "attribs": None}
    assert decoded(wire("{{ subscriber.attribs.a.b }}x{{ subscriber.attribs.c }}", person)) == "x"


def test_an_ordinary_body_needs_no_island():
    source = "{{ subscriber.name }}{% if subscriber.attribs.a %}{{ campaign.subject }}{% endif %}"
    assert compile_segments(source, html=True, constants={"campaign": CAMPAIGN}).islands == 0


@pytest.mark.parametrize(
    "source", ["{{", "{% if x %}", "{% endif %}", "{% nope %}", "{% for %}{% endfor %}", "a {#"]
)
def test_what_minijinja_cannot_compile_is_refused_with_its_line(source):
    with pytest.raises(TemplateError) as caught:
        compile_segments("first\n" + source, html=True)
    assert caught.value.line == 2


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}",
        "{{ subscriber.name.foo() }}",
        "{{ subscriber.name|nosuchfilter }}",
    ],
)
def test_a_recipient_that_cannot_be_rendered_raises(source):
    with pytest.raises(TemplateError):
        wire(source)


def test_a_tag_in_a_value_stays_text():
    person = {**PERSON, "name": "{{ subscriber.email }}{% if x %}"}
    source = "{{ subscriber.name }}{% for x in [1] %}{{ subscriber.name }}{% endfor %}"
    assert decoded(wire(source, person, html=False)) == person["name"] * 2


@pytest.mark.parametrize(
    "source",
    [
        "{% if " + "not " * 3000 + "subscriber.name %}1{% endif %}",
        "{% if " + "subscriber.name and " * 3000 + "subscriber.name %}1{% endif %}",
        "{% if subscriber.x %}" + "{% elif subscriber.x %}" * 2000 + "{% endif %}",
        "{% for x in [1] %}" * 100 + "{% endfor %}" * 100,
        "{{ subscriber" + ".a" * 3000 + " }}",
        "{{ subscriber.name }}" * 5000,
        "{{ subscriber.name|upper }}" * 3000,
        "{{" * 30000,
        "{% if subscriber.name %}" * 30000,
        "{#" * 30000,
        '{{ "' * 30000,
    ],
    ids=lambda source: source[:30],
)
def test_a_hostile_template_is_rendered_or_refused_but_never_breaks_the_compiler(source):
    try:
        text = decoded(wire(source))
    except TemplateError:
        return
    assert text == reference(source)


# --- generated templates and data ---

TEXTS = st.text(
    st.one_of(st.sampled_from(" \t\r\n.=-'\"&<>/{}%#xü\u2028"), st.characters(exclude_categories=["Cs"])),
    max_size=90,
)
PATHS = st.sampled_from(
    [
        "name",
        "uuid",
        "attribs.a",
        "attribs.b",
        "attribs.b.c",
        "attribs.zz",
        "attribs.zz.y",
        "attribs.l",
        "status",
    ]
).map(lambda path: "subscriber." + path)
CONDITIONS = st.recursive(
    st.one_of(
        PATHS,
        PATHS.map(lambda path: f'{path} == "x"'),
        PATHS.map(lambda path: f"{path} != 'ü'"),
        PATHS.map(lambda path: f"{path} is defined"),
    ),
    lambda inner: st.one_of(
        inner.map("not {}".format),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        inner.map("({})".format),
    ),
    max_leaves=4,
)
DASH = st.sampled_from(["", "", "-"])
OUTPUTS = st.tuples(
    DASH, PATHS, st.sampled_from(["", "", "", "|e", "|safe", "|default('d/e')", "|upper"]), DASH
).map(lambda p: "{{" + f"{p[0]} {p[1]}{p[2]} {p[3]}" + "}}")
COMMENTS = st.tuples(DASH, DASH).map(lambda p: "{#" + f"{p[0]} no {p[1]}" + "#}")


def _statement(parts):
    kind, condition, body, other, left, right = parts
    if kind == "if":
        return (
            "{%"
            + f"{left} if {condition} {right}"
            + "%}"
            + body
            + "{%- else %}"
            + other
            + "{%"
            + left
            + " endif %}"
        )
    return "{%" + f"{left} for x in subscriber.attribs.l {right}" + "%}" + body + "{{ x }}{% endfor %}"


TEMPLATES = st.recursive(
    st.one_of(TEXTS.map(lambda text: text.replace("{", "(")), OUTPUTS, COMMENTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.tuples(st.sampled_from(["if", "if", "for"]), CONDITIONS, inner, inner, DASH, DASH).map(_statement),
    ),
    max_leaves=12,
)
VALUES = st.recursive(
    st.one_of(
        TEXTS.map(lambda text: text.replace("\r", "\n")),
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=4,
)
PEOPLE = st.fixed_dictionaries(
    {
        "name": TEXTS.map(lambda text: text.replace("\r", "\n")),
        "uuid": st.uuids().map(str),
        "status": st.sampled_from(["enabled", "x", "ü"]),
        "attribs": st.fixed_dictionaries(
            {}, optional={"a": VALUES, "b": VALUES, "l": st.lists(VALUES, max_size=3)}
        ),
    }
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=TEMPLATES, person=PEOPLE, html=st.booleans())
def test_any_template_and_any_data_give_the_same_text(source, person, html):
    assert decoded(wire(source, person, html=html)) == reference(source, person, html=html)
