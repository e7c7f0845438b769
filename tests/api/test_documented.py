"""The comparison with the OpenAPI document can fail."""

from tests.api.documented import contradictions


def test_a_wrong_type_and_a_missing_key_are_seen():
    seen = contradictions("GET", "/api/templates/1?no_body=true", b'{"data": {"id": "x"}}')

    assert any("'x' is not of type 'integer'" in one for one in seen)
    assert any("'name' is a required property" in one for one in seen)


def test_null_is_allowed_only_where_the_document_says_so():
    page = b'{"data": {"results": %s, "search": "", "query": "", "total": 0, "per_page": 20, "page": 1}}'

    assert contradictions("GET", "/api/media", page % b"[]") == []
    assert len(contradictions("GET", "/api/media", page % b"null")) == 1
