"""Names, and values on their way in and out of a template."""

import datetime
import uuid
from decimal import Decimal

import pytest

from listmonk_py.templating.environment import environment, freeze, render
from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.people import first_name, last_name
from listmonk_py.templating.preview import demo_context
from tests.templating.rendering import render_jinja

NAMES = [
    ("Ann Lee Smith", "Ann", "Smith"),
    ("Dr Ann Smith", "Ann", "Smith"),
    ("J. R. Tolkien", "Tolkien", "Tolkien"),
    ("Bo Li", "Bo Li", "Bo Li"),
    ("", "", ""),
    ("Ann", "Ann", "Ann"),
    ("李 明", "李", "明"),
    ("Ann  Smith ", "Ann", "Smith"),
    ("Åke Ö", "Åke", "Åke"),
    ("é Ann", "Ann", "Ann"),
]


@pytest.mark.parametrize(("name", "first", "last"), NAMES)
def test_first_and_last_names(name, first, last):
    assert (first_name(name), last_name(name)) == (first, last)


def test_freezing_makes_plain_data():
    moment = datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)
    key = uuid.uuid4()
    frozen = freeze({"a": [1, {"b": {2}}], 3: moment, "u": key, "d": Decimal("1.50")})

    assert frozen["a"] == (1, {"b": (2,)})
    assert frozen["3"] == "2024-01-02T00:00:00+00:00"
    assert (frozen["u"], frozen["d"]) == (str(key), "1.50")
    with pytest.raises(TypeError):
        frozen["a"] = 1


@pytest.mark.parametrize("value", [object(), len, b"bytes", {"a": [print]}])
def test_what_is_not_plain_data_is_refused(value):
    with pytest.raises(TypeError, match="only plain data"):
        freeze(value)


@pytest.mark.parametrize(
    ("value", "html", "text"),
    [
        (None, "", ""),
        (True, "true", "true"),
        (3.0, "3", "3"),
        (0.1, "0.1", "0.1"),
        ("<", "&lt;", "<"),
        (["<", None], "[&lt; ]", "[< ]"),
        ({"b": 1, "a": [2]}, "map[a:[2] b:1]", "map[a:[2] b:1]"),
        (10**20, "100000000000000000000", "100000000000000000000"),
    ],
)
def test_printing(value, html, text):
    assert render_jinja("{{ v }}", v=value) == html
    assert render_jinja("{{ v }}", html=False, v=value) == text


def test_strict_engines_refuse_missing_names():
    engine = environment(html=True, strict=True)
    engine.add_template("x", "\n{{ subscriber.missing }}")
    with pytest.raises(TemplateError) as refused:
        render(engine, "x", demo_context())
    assert refused.value.line == 2


def test_functions_are_added():
    engine = environment(html=True, functions={"shout": lambda text: text.upper() + "!"})
    engine.add_template("x", "{{ shout('<a>') }}")
    assert render(engine, "x", {}) == "&lt;A&gt;!"


def test_a_missing_key_named_like_a_method_prints_nothing():
    assert render_jinja("{{ subscriber.attribs.items }}{{ subscriber.attribs['keys'] }}") == ""
    assert render_jinja("{{ d.items }}{{ d.values|length }}", d={"items": "i", "values": [1]}) == "i1"
    assert render_jinja("{% for k, v in d.items() %}{{ k }}{{ v }}{% endfor %}", d={"a": 1}) == "a1"


def test_the_last_line_break_stays():
    assert render_jinja("a\n") == "a\n"


def test_huge_output_is_refused():
    with pytest.raises(TemplateError, match="characters"):
        render_jinja("{% for i in range(3000) %}" + "x" * 5000 + "{% endfor %}")


def test_the_demo_has_every_field_of_the_language():
    from listmonk_py.templating.go_fields import FIELDS

    context = demo_context()
    for kind in ("subscriber", "campaign", "tx"):
        assert {ours for ours, _ in FIELDS[kind].values()} <= set(context[kind])
