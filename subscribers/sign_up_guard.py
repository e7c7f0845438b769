"""Keeping robots off the sign-up form and its API: honeypot, captcha, and how often one address may try.

ALTCHA's first protocol (proof of work, SHA-256): any process may make a challenge and any other check it,
for the key is derived from SECRET_KEY and used solutions are remembered in Redis.
"""

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import redis
import requests
from altcha import v1 as altcha
from django.conf import settings
from django.utils import timezone
from redis.exceptions import RedisError

from listmonk_py.api.errors import DomainError, Missing, Unavailable
from listmonk_py.configuration import runtime

logger = logging.getLogger(__name__)

CHALLENGE_TTL_S = 300
SALT_BYTES = 12
HCAPTCHA_TIMEOUT_S = 5
# Sign-ups from one network address; a school or an office is one too.
TRIES, TRIES_WINDOW_S = 300, 60
# Opt-in mails to one person, so that nobody's mailbox is flooded from here.
OPTIN_MAILS, OPTIN_WINDOW_S = 5, 3600


class Robot(DomainError):
    """The honeypot was filled (contract 4.1)."""

    status = 502


class TooManyTries(DomainError):
    status = 429
    text_key = "page.form.tooMany"


class CaptchaAway(Unavailable):
    """hCaptcha cannot be asked, or cannot tell: the visitor has done nothing wrong."""

    text_key = "page.away.text"


def provider() -> str:
    """The captcha in force: "altcha", "hcaptcha" or ""; ALTCHA wins (contract 9.4)."""
    captcha = runtime.get("security.captcha")
    if captcha.get("altcha", {}).get("enabled"):
        return "altcha"
    return "hcaptcha" if captcha.get("hcaptcha", {}).get("enabled") else ""


def hcaptcha_key() -> str:
    return str(runtime.get("security.captcha").get("hcaptcha", {}).get("key", ""))


def check(fields: Mapping[str, Any], *, ip: str, honeypot: bool = True) -> None:
    """Pass a sign-up, or say why not.

    Args:
        fields: of the form or JSON body: `nonce`, and `altcha` or `h-captcha-response`.

    Raises:
        Robot: the honeypot is filled.
        TooManyTries: this address signs up too often.
        DomainError: the captcha is missing, wrong, old or used.
        CaptchaAway: hCaptcha does not answer.
    """
    if honeypot and str(fields.get("nonce") or "").strip():
        raise Robot("That feature is not available.")
    if not within_limit(f"sign-up:{ip}", TRIES, TRIES_WINDOW_S):
        raise TooManyTries("Too many sign-ups from your network. Please wait a minute and try again.")
    match provider():
        case "altcha":
            passed = _altcha_solved(str(fields.get("altcha") or ""))
        case "hcaptcha":
            passed = _hcaptcha_solved(str(fields.get("h-captcha-response") or ""), ip)
        case _:
            passed = True
    if not passed:
        raise DomainError(
            "The check for robots failed. Please reload the page and try again.", text_key="page.form.robot"
        )


def may_mail_optin(subscriber_id: int) -> bool:
    """Whether another opt-in mail may go to this person because a stranger asked."""
    return within_limit(f"optin-mail:{subscriber_id}", OPTIN_MAILS, OPTIN_WINDOW_S)


def challenge() -> dict[str, Any]:
    """A puzzle for the form, as ALTCHA's widget takes it.

    Raises:
        Missing: ALTCHA is not switched on.
    """
    if provider() != "altcha":
        raise Missing("captcha not enabled")
    made = altcha.create_challenge(
        altcha.ChallengeOptions(
            algorithm="SHA-256",
            max_number=int(runtime.get("security.captcha")["altcha"].get("complexity") or 300_000),
            salt_length=SALT_BYTES,
            hmac_key=_key(),
            expires=timezone.now() + timedelta(seconds=CHALLENGE_TTL_S),
        )
    )
    return {
        "algorithm": made.algorithm,
        "challenge": made.challenge,
        "maxNumber": made.max_number,
        "salt": made.salt,
        "signature": made.signature,
    }


def _key() -> str:
    return hmac.new(settings.SECRET_KEY.encode(), b"altcha", hashlib.sha256).hexdigest()


def _altcha_solved(payload: str) -> bool:
    if not payload or len(payload) > 4096:
        return False
    passed, _ = altcha.verify_solution(payload, _key(), check_expires=True)
    if not passed:
        return False
    # A solution's digest, not its text: Base64 has many spellings of the same bytes.
    mark = hashlib.sha256(_signature(payload)).hexdigest()
    try:
        with _redis() as client:
            return bool(client.set(f"captcha:used:{mark}", 1, nx=True, ex=CHALLENGE_TTL_S))
    except RedisError as error:
        logger.warning("Captcha solutions may be used twice: Redis does not answer (%s).", error)
        return True


def _signature(payload: str) -> bytes:
    return str(json.loads(base64.b64decode(payload))["signature"]).lower().encode()


def _hcaptcha_solved(token: str, ip: str) -> bool:
    """Ask hCaptcha about a token (docs.hcaptcha.com, "Verify the user response server side").

    Raises:
        CaptchaAway: no answer, one that makes no sense, or one that blames our secret.
    """
    if not token:
        return False
    secret = runtime.get("security.captcha")["hcaptcha"].get("secret", "")
    form = {"secret": secret, "response": token, "remoteip": ip}
    try:
        answer = requests.post(settings.HCAPTCHA_URL, data=form, timeout=HCAPTCHA_TIMEOUT_S)
        told = answer.json()
        passed, faults = told["success"] is True, told.get("error-codes") or ()
    except (requests.RequestException, LookupError, ValueError, TypeError, AttributeError) as error:
        logger.error("hCaptcha cannot be asked: %r", error)
        raise _away() from error
    if any("secret" in str(fault) for fault in faults):
        logger.error("hCaptcha refuses the secret in the settings: %s", faults)
        raise _away()
    return passed


def _away() -> CaptchaAway:
    return CaptchaAway(
        "The check for robots does not answer at the moment. Please try again in a few minutes."
    )


def within_limit(name: str, count: int, window_s: int) -> bool:
    """Count one use of `name`; False above `count` in a window. While Redis is away nothing is limited."""
    key = f"limit:{name}"
    try:
        with _redis() as client:
            pipe = client.pipeline(transaction=True)
            pipe.set(key, 0, nx=True, ex=window_s)
            pipe.incr(key)
            return int(pipe.execute()[1]) <= count
    except RedisError as error:
        logger.warning("%s is not limited: Redis does not answer (%s).", name, error)
        return True


def _redis() -> "redis.Redis":
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
