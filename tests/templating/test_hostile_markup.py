"""Bodies that would make a careless pattern look at the rest of the text again and again."""

import time

import pytest

from listmonk_py.templating.content import inline_css, plain_text
from listmonk_py.templating.errors import TemplateError
from listmonk_py.templating.golang import to_jinja
from listmonk_py.templating.growth import Growth, check_growth
from listmonk_py.templating.links import constant_links

REPEATED = [
    "{{", "{{ a {{", '{{ "a', "{% if ", "{#", "{% raw %}", "<", "<a ", '<a "', "<!--", "<style ", "<v:", "</", "https://a",
    "@TrackLink", '<a href="', "<a style='", "{{ '", "((",
]  # fmt: skip


@pytest.mark.parametrize("text", REPEATED)
def test_time_grows_with_the_length_only(text):
    """Four times the text costs about four times the processor; a quadratic pattern costs sixteen times."""
    short, long = cpu_s(text * (20_000 // len(text))), cpu_s(text * (80_000 // len(text)))

    assert long < 10 * max(short, 0.05)


def cpu_s(hostile: str) -> float:
    begun = time.process_time()
    for function in (
        to_jinja,
        plain_text,
        constant_links,
        check_growth,
        lambda s: inline_css("<style>a{b:c}</style>" + s),
    ):
        try:
            function(hostile)
        except (TemplateError, Growth) as refused:
            assert refused.message  # noqa: PT017 - refusing is fine as well
    return time.process_time() - begun
