"""Templates that want to do harm, and templates that are merely wrong."""

# ruff: noqa: E501 - a template and what it prints stand in one line

import json
import subprocess
import sys

import pytest

from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.preview import LOREM_IPSUM, demo_context
from listmonk_py.templating.trial import CHILD, TrialSource, trial_render


def trial(source, **limits):
    trial_render([TrialSource("body", source)], demo_context(), **limits)


HOSTILE = {
    "endless nested loops": "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
    "a huge literal": "{{ 'x' * 10**8 }}",
    "a huge power": "{{ 10**10000000 }}",
    "a huge range": "{{ range(1000000000)|list }}",
    "a huge list": "{{ [1] * 1000000000 }}",
    "a wide format": '{{ "%1000000000d"|format(1) }}',
    "a wide printf": '{{ go_printf("%1000000000d", 1) }}',
    "many parts": '{{ ["a"]|slice(100000000)|list|length }}',
    "a deep indent": '{{ "a"|indent(1000000000, true) }}',
    "a repeat": '{{ go_repeat(1000000000, "x") }}',
    "doubling in a namespace": '{% set n = namespace(a="xx") %}{% for i in range(40) %}{% set n.a = n.a ~ n.a %}{% endfor %}',
    "doubling by plus": '{% set n = namespace(a="xx") %}{% for i in range(40) %}{% set n.a = n.a + n.a %}{% endfor %}',
    "doubling by times": '{% set n = namespace(a="xx") %}{% for i in range(40) %}{% set n.a = n.a * 2 %}{% endfor %}',
    "doubling by replace": "{% set n = namespace(a='x') %}{% for i in range(40) %}{% set n.a = n.a|replace('x','xx') %}{% endfor %}",
    "doubling by two names": "{% set n = namespace(a='x',b='x') %}{% for i in range(40) %}{% set n.a = n.a ~ n.b %}{% set n.b = n.a ~ n.b %}{% endfor %}",
    "doubling line by line": "{% set a = 'x' %}" + "{% set a = a ~ a %}" * 40 + "{{ a|length }}",
    "doubling by capture": "{% set a = 'x' %}"
    + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40
    + "{{ a|length }}",
    "doubling by macro": "{% macro d(x) %}{{ x }}{{ x }}{% endmacro %}{% set a = 'x' %}"
    + "{% set a = d(a) %}" * 40,
    "a macro calling itself": "{% macro d(x) %}{{ d(x ~ x) }}{% endmacro %}{{ d('x') }}",
    "a recursive loop": "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "captures of loops": "{% set a %}{% for i in range(9000) %}{{ subscriber.name }}{% endfor %}{% endset %}"
    "{% set b %}{% for i in range(9000) %}{{ a }}{% endfor %}{% endset %}{{ b|length }}",
    "nested lists": "{% set n = namespace(l=[]) %}{% for i in range(9999) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l }}",
    "long text in a loop": "{% for i in range(30000) %}" + "x" * 5000 + "{% endfor %}",
    "the engine's state": "{{ debug() }}",
    "files": "{% include '/etc/passwd' %}",
    "parents": "{% extends '../secrets' %}",
    "imports": "{% import 'os' as os %}",
    "changing the data": "{{ subscriber.attribs.update({'a': 1}) }}",
    "changing a list": "{{ campaign.tags.append('x') }}",
    "deep parentheses": "{{ " + "(" * 20000 + "1" + ")" * 20000 + " }}",
    "deep lists": "{{ " + "[" * 20000 + "]" * 20000 + " }}",
    "deep blocks": "{% if true %}" * 5000 + "{% endif %}" * 5000,
    "a slow pattern": '{{ go_regexMatch("(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!") }}',
    "a slow pattern of alternatives": '{{ go_regexMatch("(a|aa)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!") }}',
    "a growing replacement": "{{ (('a' * 10000).replace('a', 'b' * 10000)).replace('b', 'c' * 10000)|length }}",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_templates_are_errors(source):
    with pytest.raises(TemplateError) as refused:
        trial(source)
    assert refused.value.message


HIDING = [
    "{{ subscriber.__class__ }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ subscriber._private }}",
    "{{ 'x'.format.__globals__ }}",
]


@pytest.mark.parametrize("source", HIDING)
def test_python_is_out_of_reach(source):
    from tests.templating.rendering import render_jinja

    assert render_jinja(source) == ""


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("\n\n{{ 1/0 }}", 3, "1 / 0"),
        ("a\n{% if %}", 2, "nexpected"),
        ("a\nb {{ subscriber.name }}\n {{ person.name }}", 3, 'no "person"'),
        ("a\n{{ subscriber.name|frobnicate }}", 2, "frobnicate"),
        ("a\n{% for x in campaign.tags %}", 2, "nexpected end"),
        ("\n{{ subscriber.name", 2, "never closed"),
        ("a\n\n{{ go_repeat(100000000, 'x') }}", 3, "grows longer"),
        ("a\n{{ subscriber.name|nindent(10000000) }}", 2, "grows longer"),
    ],
)
def test_mistakes_are_told_with_their_line(source, line, words):
    with pytest.raises(TemplateError) as refused:
        trial(source)
    assert refused.value.line == line
    assert words in refused.value.message


ALLOWED = [
    LOREM_IPSUM,
    "{{ subscriber.attribs.missing.too }}{{ campaign.tags|join(', ') }}",
    "{% set n = namespace(sum=0) %}{% for i in range(9) %}{% set n.sum = n.sum + 1 %}{% endfor %}{{ n.sum }}",
    "{% set n = namespace(t='') %}{% for t in campaign.tags %}{% set n.t = n.t ~ t ~ ', ' %}{% endfor %}{{ n.t }}",
    "{% set greeting = 'Hi ' ~ subscriber.first_name ~ ' ' ~ subscriber.last_name %}{{ greeting }} {{ greeting }}",
    "{% macro button(url, text) %}<a href='{{ url }}'>{{ text }}</a>{% endmacro %}"
    + "{{ button('x', subscriber.name) }}" * 30,
    "{% for k, v in subscriber.attribs.items() %}{{ k }}={{ v }}{% endfor %}",
    "{{ track_link(subscriber.uuid, subscriber.attribs.url) }}{{ content }}",
    "{% with a = subscriber.name, b = 2 %}{{ a }}{{ b * 2 }}{% endwith %}",
]


@pytest.mark.parametrize("source", ALLOWED)
def test_ordinary_templates_pass(source):
    trial(source)


def test_the_part_with_the_mistake_is_named():
    with pytest.raises(TemplateError, match="In the subject: "):
        trial_render(
            [TrialSource("body", "x"), TrialSource("subject", "{{ 1/0 }}", html=False)], demo_context()
        )


def test_given_functions_are_known():
    trial_render([TrialSource("body", "{{ shop_name('x') }}")], demo_context(), functions=["shop_name"])
    with pytest.raises(TemplateError, match="shop_name"):
        trial("{{ shop_name('x') }}")


def test_time_out_is_an_error_of_the_template():
    with pytest.raises(TemplateError, match=r"longer than 0\.001 seconds"):
        trial("x", timeout_s=0.001)


def test_the_child_starts_without_the_product():
    """Django and Celery would cost ten times what the rendering costs."""
    job = {
        "sources": [["body", "{{ subscriber.name }}", True]],
        "context": {"subscriber": {"name": "Ann"}},
        "names": ["subscriber"],
        "functions": [],
        "memory_mb": 512,
        "cpu_s": 5,
        "keep": True,
    }

    command = [sys.executable, "-I", "-X", "importtime", str(CHILD)]
    child = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=True)

    assert json.loads(child.stdout.splitlines()[-1]) == {"texts": ["Ann"]}
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in child.stderr.splitlines()}
    assert "minijinja" in imported
    assert not imported & {"django", "celery", "redis", "psycopg", "rest_framework"}
