"""The rule of `outbound` for libraries that make their requests with a session of `requests`."""

from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from . import outbound

DEFAULT_TIMEOUT_S = 10.0
LONGEST_ANSWER_BYTES = 4 * 1024 * 1024


class CheckedAdapter(HTTPAdapter):
    """Sends each request on a connection to the address that was checked for it, and follows no redirect.

    Proxies of the environment are not used: they would look the name up once more. A bundle of authorities
    (`REQUESTS_CA_BUNDLE`) is.
    """

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """
        Raises:
            OutboundRefused: the host may not be asked, or the answer is a redirect, or too long.
            requests.RequestException: no answer.
        """
        verify = options.get("verify")
        try:
            answer = outbound.transfer(
                str(request.method),
                str(request.url),
                body=request.body,
                headers=dict(request.headers),
                timeout_s=_seconds(options.get("timeout")),
                ca_certs=verify if isinstance(verify, str) else "",
                longest_bytes=LONGEST_ANSWER_BYTES,
            )
        except urllib3.exceptions.TimeoutError as error:
            raise requests.Timeout(error, request=request) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise requests.ConnectionError(error, request=request) from error
        if answer.get_redirect_location():
            raise outbound.OutboundRefused(
                f"{str(request.url)[:200]} leads elsewhere, and redirects are not followed. "
                "Enter the address that it leads to."
            )
        return self.build_response(request, answer)


def checked(session: requests.Session) -> requests.Session:
    """The session, its requests held to the rule."""
    for scheme in ("http://", "https://"):
        session.mount(scheme, CheckedAdapter())
    return session


def _seconds(timeout: Any) -> float:
    longest = max((one for one in timeout if one), default=None) if isinstance(timeout, tuple) else timeout
    return float(longest) if isinstance(longest, int | float) else DEFAULT_TIMEOUT_S
