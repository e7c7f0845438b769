"""A message compiled once and written for many recipients.

`compile_letter` does everything that is the same for all of them: it compiles the templates, lays out the
MIME structure, encodes attachments and constant headers. `CompiledLetter.wire` then joins pieces.
Contract 5.6 says which headers and parts there are; RFC 5322, 2045-2047, 2369, 2919 and 8058 say how.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from listmonk_py.api.errors import DomainError
from listmonk_py.mail.addresses import envelope_address, parse_mailboxes
from listmonk_py.mail.headers import clean
from listmonk_py.mail.letter_headers import LetterHeaders
from listmonk_py.mail.letter_spec import NOTHING, LetterSpec, compile_source
from listmonk_py.mail.mime import Skeleton, skeleton
from listmonk_py.mail.outgoing import Outgoing, Parts
from listmonk_py.templating.segments import SegmentTemplate

__all__ = ["CompiledLetter", "LetterSpec", "RenderError", "compile_letter"]


class RenderError(Exception):
    """One recipient's message cannot be written; the others are not affected.

    Attributes:
        key: the sender's number for the message.
        message: why, for staff.
    """

    def __init__(self, key: int, message: str) -> None:
        super().__init__(message)
        self.key = key
        self.message = message


class _Bodies(NamedTuple):
    """What does not depend on headers: the compiled bodies and the structure around them."""

    text: SegmentTemplate | None
    html: SegmentTemplate | None
    skeleton: Skeleton


def compile_letter(spec: LetterSpec) -> "CompiledLetter":
    """Prepare `spec` for any number of recipients.

    Raises:
        TemplateError: a source does not compile.
        InvalidEmail: a constant address is not valid.
        InvalidHeader: a header's name is not valid, or the list id.
    """
    text_source, html_source = _body_sources(spec)
    bodies = _Bodies(
        None if text_source is None else compile_source(spec, text_source, html=False),
        None if html_source is None else compile_source(spec, html_source, html=True),
        skeleton(
            has_text=text_source is not None,
            has_html=html_source is not None,
            attachments=spec.attachments,
        ),
    )
    return CompiledLetter(spec, bodies)


def _body_sources(spec: LetterSpec) -> tuple[str | None, str | None]:
    """The sources of the text and the HTML body."""
    if spec.content_type == "plain":
        return spec.body, None
    return spec.altbody or None, spec.body


class CompiledLetter:
    """A letter ready to be written; good as long as its spec is current."""

    def __init__(self, spec: LetterSpec, bodies: _Bodies) -> None:
        self.spec = spec
        self._bodies = bodies
        self._headers = LetterHeaders(spec)
        content_fields, _, start = bodies.skeleton.head.partition(b"\r\n\r\n")
        self._content_fields = content_fields + b"\r\n"
        self._start = start
        self._readable: tuple[SegmentTemplate | None, SegmentTemplate | None] | None = None

    @property
    def size_bytes(self) -> int:
        """About what the letter keeps in memory, for a bounded cache."""
        readable = sum(template.size_bytes for template in self._readable or () if template is not None)
        files = sum(len(part.content) for part in self.spec.attachments)
        return self.message_bytes(wire=True) + readable + files

    def message_bytes(self, *, wire: bool) -> int:
        """About how long one written copy is; without `wire`, in `parts`, the files are not copied."""
        written = [self._headers, *self._bodies[:2]]
        constant = sum(len(piece or b"") for piece in self._bodies.skeleton) if wire else 0
        return constant + sum(piece.size_bytes for piece in written if piece is not None)

    def for_server(self, server_headers: Sequence[tuple[str, str]]) -> "CompiledLetter":
        """The same letter with another server's headers; the bodies are shared."""
        return CompiledLetter(replace(self.spec, server_headers=server_headers), self._bodies)

    def wire(
        self,
        key: int,
        recipient: Mapping[str, Any],
        extra: Mapping[str, Any] = NOTHING,
        *,
        message_id: str = "",
    ) -> Outgoing:
        """Write the copy for `recipient` in the form that goes over an SMTP connection.

        Args:
            key: comes back in the result.
            recipient: id, uuid, email, name, first_name, last_name, status, attribs, created_at, updated_at;
                uuid is "" for somebody who is no subscriber.
            extra: the data of the spec's `extra_names`.
            message_id: the local part of the Message-ID; by default it is made of the campaign's and the
                subscriber's UUIDs, so that a repeat is recognisable as the same message.

        Raises:
            RenderError: an address or a template fails for this recipient.
        """
        try:
            return self._wire(key, recipient, extra, message_id)
        except (DomainError, TypeError, RecursionError) as error:
            raise _render_error(key, error) from error

    def _wire(
        self, key: int, recipient: Mapping[str, Any], extra: Mapping[str, Any], message_id: str
    ) -> Outgoing:
        to = envelope_address(recipient["email"])
        envelope = self._headers.envelope(recipient, extra)
        head = self._headers.write(recipient, extra, to=to.octets, message_id=message_id)
        head.append(self._content_fields)
        text, html, around = self._bodies
        body = [self._start]
        if text is not None:
            text.render_into(body, recipient, extra)
        if around.between is not None:
            body.append(around.between)
        if html is not None:
            html.render_into(body, recipient, extra)
        body.append(around.tail)
        if self.spec.signer is not None:
            head.insert(0, self.spec.signer.sign(b"".join(head), body))
        head.append(b"\r\n")
        copies = envelope.cc + envelope.bcc
        recipients = (to.octets, *(copy.octets for copy in copies)) if copies else (to.octets,)
        header = b"".join(head)
        # Everything but addresses is encoded, so an octet above 127 is an address that needs RFC 6531.
        utf8 = not header.isascii() or envelope.sender.smtputf8 or any(copy.smtputf8 for copy in copies)
        data = b"".join([header, *body])
        return Outgoing(key, envelope.sender.octets, recipients, data, smtputf8=utf8 or to.smtputf8)

    def parts(
        self,
        key: int,
        recipient: Mapping[str, Any],
        extra: Mapping[str, Any] = NOTHING,
        *,
        message_id: str = "",
    ) -> Parts:
        """The copy for `recipient` in pieces, for providers with an HTTP API; arguments as in `wire`.

        Raises:
            RenderError: an address or a template fails for this recipient.
        """
        try:
            return self._parts(key, recipient, extra, message_id)
        except (DomainError, TypeError, RecursionError) as error:
            raise _render_error(key, error) from error

    def _parts(
        self, key: int, recipient: Mapping[str, Any], extra: Mapping[str, Any], message_id: str
    ) -> Parts:
        spec, headers = self.spec, self._headers
        envelope_address(recipient["email"])
        envelope = headers.envelope(recipient, extra)
        text, html = self._readable_bodies()
        return Parts(
            key=key,
            subject=clean(headers.subject(recipient, extra)),
            from_email=clean(headers.from_field(recipient, extra)),
            to=recipient["email"],
            html=_joined(html, recipient, extra),
            text=_joined(text, recipient, extra),
            content_type=spec.content_type,
            recipient=recipient,
            campaign=spec.constants.get("campaign"),
            headers=headers.described(recipient, extra, message_id=message_id),
            attachments=tuple(spec.attachments),
            cc=tuple(address.octets.decode() for address in envelope.cc),
            bcc=tuple(address.octets.decode() for address in envelope.bcc),
            reply_to=tuple(str(box) for box in parse_mailboxes(headers.reply_to(recipient, extra))),
        )

    def _readable_bodies(self) -> tuple[SegmentTemplate | None, SegmentTemplate | None]:
        """The bodies once more, as text instead of wire form; only HTTP providers need them."""
        if self._readable is None:
            text_source, html_source = _body_sources(self.spec)
            self._readable = (
                None
                if text_source is None
                else compile_source(self.spec, text_source, html=False, encoding="text"),
                None
                if html_source is None
                else compile_source(self.spec, html_source, html=True, encoding="text"),
            )
        return self._readable


def _joined(
    template: SegmentTemplate | None, recipient: Mapping[str, Any], extra: Mapping[str, Any]
) -> str | None:
    if template is None:
        return None
    out: list[str] = []
    template.render_into(out, recipient, extra)
    return "".join(out)


def _render_error(key: int, error: Exception) -> RenderError:
    """TypeError is `freeze` refusing data that is not plain; RecursionError, attributes nested too deep."""
    return RenderError(key, getattr(error, "reason", None) or str(error) or type(error).__name__)
