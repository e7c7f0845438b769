"""The header of a letter: which fields it has, which of them vary, and the envelope they decide.

Not emitted: `Precedence` (no standard; List-Id and List-Unsubscribe tell the same). Staff can add it, as any
other header, to a campaign.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from listmonk_py.mail import headers as fields
from listmonk_py.mail.addresses import EnvelopeAddress, envelope_address, parse_mailbox, parse_mailboxes
from listmonk_py.mail.letter_spec import LetterSpec, Varying, varying

# Stands for "no campaign" in a subscriber's links (contract 5.10).
DUMMY_UUID = "00000000-0000-0000-0000-000000000000"

_HEX_ID = re.compile(r"[0-9A-Za-z-]{1,64}\Z")
_MESSAGE_ID = re.compile(r"[A-Za-z0-9._+-]{1,200}\Z")
_ADDRESS_FIELDS = frozenset(["from", "to", "cc", "reply-to", "sender"])

Data = Mapping[str, Any]


class Envelope(NamedTuple):
    """Who a message goes to and comes from, besides the subscriber."""

    sender: EnvelopeAddress
    cc: tuple[EnvelopeAddress, ...]
    bcc: tuple[EnvelopeAddress, ...]


def protected_names(spec: LetterSpec) -> frozenset[str]:
    """Lower-case names that custom headers of this letter cannot set."""
    names = {"x-listmonk-campaign", "x-listmonk-subscriber"}
    if spec.unsubscribe:
        names |= {"list-unsubscribe", "list-unsubscribe-post"}
    return fields.OURS_ALONE | names


class LetterHeaders:
    """The compiled header of `spec`.

    Attributes:
        subject, from_field, reply_to: the texts in force, after custom headers had their say.
        custom: the other fields that the message or the server asks for.
        size_bytes: about what it keeps in memory.

    Raises:
        TemplateError: a source does not compile.
        InvalidEmail: a constant address is not valid.
        InvalidHeader: a header's name is not valid, or the list id.
    """

    def __init__(self, spec: LetterSpec) -> None:
        self.spec = spec
        self.date = fields.DateField()
        self._mailbox = parse_mailbox(spec.from_email)
        custom = self._custom_headers()

        def in_force(name: str, source: str) -> Varying:
            return custom.pop(name)[1] if name in custom else varying(spec, source)

        self._return_path = in_force("return-path", spec.return_path)
        self._cc = in_force("cc", spec.cc)
        self._bcc = in_force("bcc", spec.bcc)
        self.reply_to = in_force("reply-to", spec.reply_to)
        self.subject = in_force("subject", spec.subject)
        self.from_field = custom.pop("from", ("", Varying(str(self._mailbox), None)))[1]
        self._given = frozenset(custom)
        protected = protected_names(spec)
        self.custom = [field for name, field in custom.items() if name not in protected]
        self._lay_out()

    # --- compiling ---

    def _custom_headers(self) -> dict[str, tuple[str, Varying]]:
        """Name and value by lower-case name: the message's first value wins, then the server's."""
        found: dict[str, tuple[str, Varying]] = {}
        for name, source in self.spec.headers:
            name = fields.check_name(name)
            found.setdefault(name.lower(), (name, varying(self.spec, source)))
        for name, text in self.spec.server_headers:
            name = fields.check_name(name)
            found.setdefault(name.lower(), (name, Varying(text, None)))
        return found

    def _lay_out(self) -> None:
        """Write what is the same for everybody; keep the rest for `write`."""
        named = [
            ("From", self.from_field),
            ("Subject", self.subject),
            ("Cc", self._cc),
            ("Reply-To", self.reply_to),
            *self.custom,
        ]
        self._varying = [(name, value) for name, value in named if value.template is not None]
        constant = [_field(name, value.text) for name, value in named if value.template is None]
        self._fixed = b"".join(constant) + self._list_fields() + b"MIME-Version: 1.0\r\n"
        self._personal = self._personal_form(known=True)
        self._anonymous = self._personal_form(known=False)
        campaign = self.spec.campaign_uuid.replace("-", "")
        self._message_prefix = campaign + "." if campaign else ""
        self._envelope: Envelope | None = None
        if not any(value.template for value in (self._return_path, self._cc, self._bcc)):
            self._envelope = self.envelope({}, {})
        self.size_bytes = (
            4000 + len(self._fixed) + sum(v.template.size_bytes for _, v in self._varying if v.template)
        )

    def _list_fields(self) -> bytes:
        spec, out = self.spec, b""
        if spec.list_id and "list-id" not in self._given:
            out += fields.list_id(spec.list_id)
        if spec.feedback_id and "feedback-id" not in self._given:
            out += fields.unstructured("Feedback-ID", spec.feedback_id)
        if spec.auto_submitted and "auto-submitted" not in self._given:
            out += fields.unstructured("Auto-Submitted", spec.auto_submitted)
        return out

    def _personal_form(self, *, known: bool) -> bytes:
        """The fields that name the recipient, to be filled in; `known` when there is a subscriber's UUID."""
        spec = self.spec
        form = b"" if "to" in self._given else b"To: <%(to)b>\r\n"
        if "message-id" not in self._given:
            domain = spec.message_id_domain or self._mailbox.domain
            form += b"Message-ID: <%(message)b@" + envelope_address(f"x@{domain}").octets[2:] + b">\r\n"
        if spec.campaign_uuid:
            form += b"X-Listmonk-Campaign: " + _identifier(spec.campaign_uuid) + b"\r\n"
        if known:
            form += b"X-Listmonk-Subscriber: %(uuid)b\r\n"
        if known and spec.unsubscribe:
            url = fields.web_address(spec.root_url) + b"/subscription/"
            url += _identifier(spec.campaign_uuid or DUMMY_UUID) + b"/"
            form += b"List-Unsubscribe: <" + url.replace(b"%", b"%%") + b"%(uuid)b>\r\n"
            form += b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        return form

    # --- writing ---

    def write(self, recipient: Data, extra: Data, *, to: bytes, message_id: str) -> list[bytes]:
        """The fields in pieces; see `CompiledLetter.wire` for the arguments.

        Raises:
            TemplateError, InvalidEmail, InvalidHeader: a value does not do for this recipient.
        """
        uuid = _identifier(recipient.get("uuid") or "")
        message = self.message_id(recipient, message_id).encode("ascii")
        form = self._personal if uuid else self._anonymous
        out = [self._fixed, form % {b"to": to, b"uuid": uuid, b"message": message}]
        if "date" not in self._given:
            out.append(self.date())
        for name, value in self._varying:
            out.append(_field(name, value(recipient, extra)))
        return out

    def message_id(self, recipient: Data, message_id: str) -> str:
        """The local part of the Message-ID: as given, or made of the campaign's and subscriber's UUIDs."""
        if not message_id:
            person = (recipient.get("uuid") or str(recipient.get("id"))).replace("-", "")
            message_id = f"{self._message_prefix}{person}{self.spec.message_id_suffix}"
        if not _MESSAGE_ID.match(message_id):
            raise fields.InvalidHeader("The Message-ID has characters other than letters, digits and ._+-")
        return message_id

    def envelope(self, recipient: Data, extra: Data) -> Envelope:
        """
        Raises:
            TemplateError, InvalidEmail: the return path or a copy's address does not do for this recipient.
        """
        if self._envelope is not None:
            return self._envelope
        return Envelope(
            self._sender(self._return_path(recipient, extra)),
            tuple(envelope_address(box.address) for box in parse_mailboxes(self._cc(recipient, extra))),
            tuple(envelope_address(box.address) for box in parse_mailboxes(self._bcc(recipient, extra))),
        )

    def _sender(self, return_path: str) -> EnvelopeAddress:
        if return_path.strip() == "<>":
            return EnvelopeAddress(b"", False)
        return envelope_address(
            parse_mailbox(return_path).address if return_path.strip() else self._mailbox.address
        )

    def described(self, recipient: Data, extra: Data, *, message_id: str) -> list[tuple[str, str]]:
        """The fields besides From, To, Subject, Reply-To and the MIME ones, as names and texts."""
        # What is written is what providers get: one source for both.
        skipped = ("from", "to", "cc", "subject", "reply-to", "mime-version", "date")
        head = b"".join(self.write(recipient, extra, to=b"", message_id=message_id))
        return [(name, text) for name, text in fields.read(head) if name.lower() not in skipped]


def _identifier(uuid: str) -> bytes:
    if uuid and not _HEX_ID.match(uuid):
        raise fields.InvalidHeader(f"“{uuid[:64]}” is no UUID.")
    return uuid.encode("ascii")


def _field(name: str, text: str) -> bytes:
    """One field; nothing when an address list is empty."""
    if name.lower() in _ADDRESS_FIELDS:
        boxes = parse_mailboxes(text)
        return fields.addresses(name, boxes) if boxes else b""
    return fields.unstructured(name, text, literal=name == "Subject")
