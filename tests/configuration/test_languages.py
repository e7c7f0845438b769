"""The texts: every key that listmonk's clients look for, and packs that fit the English one."""

import re
from pathlib import Path

import pytest

from listmonk_py.api.errors import DomainError
from listmonk_py.configuration import languages

PLACEHOLDER = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")
ENGLISH = languages.texts("en")
OTHERS = [one["code"] for one in languages.available() if one["code"] != "en"]
# Groups of keys that subscribers see, all of which every language has.
READERS = ("page.", "mail.")


def placeholders(text):
    return set(PLACEHOLDER.findall(text))


def listmonks_texts():
    for line in (Path(__file__).parent / "listmonk_texts.txt").read_text().splitlines():
        if not line.startswith("#"):
            key, *parts = line.split()
            yield key, {part.strip("{}") for part in parts if part != "|"}, "|" in parts


def test_english_has_every_key_of_listmonk_with_its_placeholders_and_plurals():
    wanted = list(listmonks_texts())
    assert len(wanted) > 700

    wrong = [
        key
        for key, names, has_plural in wanted
        if key not in ENGLISH
        or placeholders(ENGLISH[key]) != names
        or (languages.FORMS in ENGLISH[key]) != has_plural
    ]

    assert wrong == []


def test_these_languages_are_offered():
    assert OTHERS == ["de", "es", "fr", "it", "nl", "pl", "pt-BR"]
    assert {"code": "de", "name": "Deutsch (de)"} in [dict(one) for one in languages.available()]


@pytest.mark.parametrize("code", OTHERS)
def test_a_pack_fills_the_same_placeholders_as_english(code):
    own = languages._read(code)

    assert set(own) <= set(ENGLISH)
    assert [key for key, text in own.items() if placeholders(text) != placeholders(ENGLISH[key])] == []
    assert not [key for key, text in own.items() if not text.strip()]


@pytest.mark.parametrize("code", OTHERS)
def test_a_pack_has_everything_that_subscribers_see(code):
    own = languages._read(code)

    assert [key for key in ENGLISH if key.startswith(READERS) and key not in own] == []


@pytest.mark.parametrize("code", OTHERS)
def test_a_pack_falls_back_to_english_key_by_key(code):
    texts = languages.texts(code)

    assert set(texts) == set(ENGLISH)
    assert texts["_.code"] == code
    assert texts["settings.title"] == ENGLISH["settings.title"]


def test_an_unknown_language_is_english_and_a_malformed_code_is_refused():
    assert languages.texts("xx") == ENGLISH
    with pytest.raises(DomainError):
        languages.texts("../en")


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["de"], "de"),
        (["DE-at"], "de"),
        (["pt_BR"], "pt-BR"),
        (["pt"], "pt-BR"),
        (["pt-PT"], "pt-BR"),
        (["sv", "fr-CA"], "fr"),
        (["sv"], None),
        (["", "-", "*"], None),
        ([], None),
    ],
)
def test_language_tags_find_the_nearest_language(tags, found):
    assert languages.match(tags) == found


@pytest.mark.parametrize(
    ("language", "count", "text"),
    [
        ("en", 1, "1 private list"),
        ("en", 0, "0 private lists"),
        ("en", 2, "2 private lists"),
        ("fr", 0, "0 liste privée"),
        ("pl", 1, "1 lista prywatna"),
        ("pl", 3, "3 listy prywatne"),
        ("pl", 5, "5 list prywatnych"),
        ("pl", 12, "12 list prywatnych"),
        ("pl", 22, "22 listy prywatne"),
    ],
)
def test_plural_forms_follow_the_rules_of_the_language(language, count, text):
    assert languages.translate("mail.optinCampaign.private", language, count=count) == text


def test_html_escapes_what_fills_a_placeholder():
    text = languages.translate_html("mail.hello", "de", name="<b>Ann</b> {name}")

    assert text == "Hallo &lt;b&gt;Ann&lt;/b&gt; {name},"


def test_a_key_that_nobody_knows_is_its_own_text():
    assert languages.translate("no.such.key", "de") == "no.such.key"
