"""Every recorded GET is answered as listmonk answered it, or as docs/differences.md says."""

import pytest

from tests.api import asking, replay
from tests.sinks import SmtpSink

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("case", asking.cases("GET"))
def test_the_recorded_answer_is_given(
    case: replay.Case, tokens: dict[str, str], mail_server: SmtpSink
) -> None:
    asking.check(case, tokens, mail_server)
