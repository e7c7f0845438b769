"""Messages as Amazon SNS signs them."""

import base64
import json
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from bounces.sources import ses

CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem"


def make_key():
    """A key, and the certificate that Amazon would serve for it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return key, certificate.public_bytes(serialization.Encoding.PEM)


def signed(amazon, message, *, version="2", **changes):
    """What SNS sends for `message`, signed; `amazon` is what `make_key` gave."""
    data = {
        "Type": "Notification",
        "MessageId": "sns-1",
        "TopicArn": "arn:aws:sns:eu-west-1:1:bounces",
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-01-02T03:04:05.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE,
        **changes,
    }
    fields = ses.CONFIRMATION_FIELDS if data["Type"] in ses.CONFIRMATIONS else ses.NOTIFICATION_FIELDS
    text = "".join(f"{name}\n{data[name]}\n" for name in fields if name in data)
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
    signature = amazon[0].sign(text.encode(), padding.PKCS1v15(), algorithm)
    return {**data, "Signature": base64.b64encode(signature).decode()}
