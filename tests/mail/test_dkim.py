from base64 import b64encode

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from listmonk_py.mail.dkim import InvalidKey, Signer, choose_signer
from listmonk_py.templating.quoted_printable import encode_piece

RSA_KEY = rsa.generate_private_key(65537, 2048)
ED25519_KEY = ed25519.Ed25519PrivateKey.generate()


def pem(key, form=serialization.PrivateFormat.PKCS8):
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def dns_record(key):
    if isinstance(key, rsa.RSAPrivateKey):
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return b"v=DKIM1; k=rsa; p=" + b64encode(public)
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return b"v=DKIM1; k=ed25519; p=" + b64encode(public)


def verified(key, message):
    asked = []

    def look_up(name, timeout=5):
        asked.append(name)
        return dns_record(key)

    good = dkim.verify(message, dnsfunc=look_up)
    assert asked in ([b"news._domainkey.example.com."], [])
    return good


def signer(key):
    return Signer(domain="example.com", selector="news", private_key_pem=pem(key))


def unstuffed(pieces):
    return b"".join(pieces).replace(b"\r\n..", b"\r\n.")


HEAD = (
    b"From: <a@example.com>\r\nTo: <b@example.org>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n folded  twice\r\n"
    b"Date: Mon, 01 Jan 2024 00:00:00 +0000\r\nMessage-ID: <x@example.com>\r\n"
    b"List-Unsubscribe: <https://example.com/u>\r\nContent-Type: text/plain;\r\n\tcharset=utf-8\r\n"
)
BODIES = [
    [b""],
    [b"\r\n", b"\r\n"],
    [b"hello\r\n"],
    [b"hello\r\n\r\n\r\n"],
    [b"hello \t\r\n", b"\r\n", b"\r\n"],
    [b"two  blanks\tand a tab\r\n", b"..dots\r\n.. \r\n", b"...\r\n"],
    [encode_piece("line with  blanks \n.\n..x\n" * 30), encode_piece("Zoë"), encode_piece(".\n" * 200)],
]


@pytest.mark.parametrize("key", [RSA_KEY, ED25519_KEY], ids=["rsa", "ed25519"])
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_another_implementation_verifies_the_signature(key, body):
    sign = signer(key).sign
    for _ in range(2):  # the second time pieces come from what the signer has kept
        field = sign(HEAD, body)
        assert all(len(line) <= 78 for line in field.split(b"\r\n"))
        assert verified(key, field + HEAD + b"\r\n" + unstuffed([b"", *body]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"folded", b"forged"),
        (b"hello", b"hullo"),
        (b"Date:", b"Reply-To: <thief@example.net>\r\nDate:"),
        (b"From:", b"From: <thief@example.net>\r\nFrom:"),
        (b"https://example.com/u", b"https://example.net/u"),
    ],
)
def test_a_changed_message_does_not_verify(old, new):
    message = signer(ED25519_KEY).sign(HEAD, [b"hello\r\n"]) + HEAD + b"\r\nhello\r\n"
    assert verified(ED25519_KEY, message)
    tampered = message.replace(old, new)
    assert tampered != message
    assert not verified(ED25519_KEY, tampered)


def test_the_time_of_signing_is_stated_on_request():
    field = signer(ED25519_KEY).sign(HEAD, [b"x\r\n"], time_s=1_700_000_000)
    assert b" t=1700000000;" in field
    assert verified(ED25519_KEY, field + HEAD + b"\r\nx\r\n")


def test_a_pkcs1_key_is_read():
    key = pem(RSA_KEY, serialization.PrivateFormat.TraditionalOpenSSL)
    assert Signer(domain="Exämple.com", selector="s1", private_key_pem=key).domain == "xn--exmple-cua.com"


@pytest.mark.parametrize(
    ("domain", "selector", "key"),
    [
        ("example.com", "news", "no key"),
        ("example.com", "news", ""),
        ("example.com", "news", "ключ"),
        ("example.com", "bad selector;", pem(ED25519_KEY)),
        ("exam ple.com", "news", pem(ED25519_KEY)),
        ("", "news", pem(ED25519_KEY)),
        ("example.com", "news", pem(ec.generate_private_key(ec.SECP256R1()))),
    ],
)
def test_an_unusable_key_or_name_is_refused_with_a_sentence(domain, selector, key):
    with pytest.raises(InvalidKey) as caught:
        Signer(domain=domain, selector=selector, private_key_pem=key)
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize(
    ("from_domain", "expected"),
    [
        ("example.com", True),
        ("Mail.Example.com", True),
        ("badexample.com", False),
        ("example.org", False),
    ],
)
def test_a_signer_signs_for_its_domain_and_those_below(from_domain, expected):
    assert signer(ED25519_KEY).signs_for(from_domain) is expected


def test_the_closest_domain_signs():
    key = pem(ED25519_KEY)
    wide = Signer(domain="example.com", selector="a", private_key_pem=key)
    close = Signer(domain="news.example.com", selector="b", private_key_pem=key)
    assert choose_signer([wide, close], "x.news.example.com") is close
    assert choose_signer([close, wide], "example.com") is wide
    assert choose_signer([wide, close], "example.org") is None
