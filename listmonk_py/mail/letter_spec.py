"""What a letter is made of, and how its texts become templates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from listmonk_py.mail.dkim import Signer
from listmonk_py.mail.outgoing import Attachment
from listmonk_py.templating.segments import Encoding, SegmentTemplate, compile_segments

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class LetterSpec:
    """What to send. Every text named *source* is Jinja (see `templating`), already free of Go syntax.

    from_email: `Name <a@b>` or a bare address.
    subject, body, altbody: sources. An altbody is the plain-text alternative of an HTML body.
    headers: names and sources; the first value of a name counts. `Return-Path`, `Cc` and `Bcc` go to the
        envelope, `From`, `To`, `Subject`, `Reply-To` and `Message-ID` replace the generated ones, headers
        that describe the content or that `letter_headers.protected_names` lists are ignored.
    server_headers: names and literal values of the SMTP server; they fill what the message leaves open.
    attachments: files; one with an `inline_id` is an image that the HTML names as `cid:<inline_id>`.
    constants: names that are the same in every copy, such as `campaign`.
    functions: what templates may call besides the language's own.
    extra_names: names that vary and are not the subscriber's, such as `tx`; `wire` takes their data.
    cc, bcc, reply_to: sources of comma-separated mailboxes, "" for none.
    return_path: source of the envelope sender; "" for the From address, "<>" for none.
    campaign_uuid: "" for mail that belongs to no campaign.
    message_id_domain: "" for the From address's domain.
    message_id_suffix: keeps test copies from being taken for the message itself.
    list_id: `Name <id>` or the bare id (RFC 2919), "" for none.
    auto_submitted: "auto-generated" for mail that a program decided to send (RFC 3834).
    unsubscribe: write the List-Unsubscribe pair (RFC 8058), under `root_url`.
    """

    from_email: str
    subject: str
    body: str
    content_type: Literal["html", "plain"] = "html"
    altbody: str | None = None
    headers: Sequence[tuple[str, str]] = ()
    server_headers: Sequence[tuple[str, str]] = ()
    attachments: Sequence[Attachment] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    extra_names: Sequence[str] = ()
    cc: str = ""
    bcc: str = ""
    reply_to: str = ""
    return_path: str = ""
    campaign_uuid: str = ""
    message_id_domain: str = ""
    message_id_suffix: str = ""
    list_id: str = ""
    feedback_id: str = ""
    auto_submitted: str = ""
    unsubscribe: bool = False
    root_url: str = ""
    signer: Signer | None = None


class Varying(NamedTuple):
    """A text that is the same for everybody (str) or not (template)."""

    text: str
    template: SegmentTemplate | None

    def __call__(self, recipient: Mapping[str, Any], extra: Mapping[str, Any]) -> str:
        if self.template is None:
            return self.text
        out: list[str] = []
        self.template.render_into(out, recipient, extra)
        return "".join(out)


def compile_source(
    spec: LetterSpec, source: str, *, html: bool, encoding: Encoding = "qp"
) -> SegmentTemplate:
    return compile_segments(
        source,
        html=html,
        encoding=encoding,
        constants=spec.constants,
        functions=spec.functions,
        extra_names=spec.extra_names,
    )


def varying(spec: LetterSpec, source: str) -> Varying:
    if not any(mark in source for mark in ("{{", "{%", "{#")):
        return Varying(source, None)
    template = compile_source(spec, source, html=False, encoding="text")
    return Varying("", template) if template.fixed is None else Varying("".join(template.fixed), None)
