"""Compiled transactional letters: one per template version and request contents."""

import hashlib
from collections import OrderedDict
from typing import Any

import orjson

from campaigns.models import Template
from listmonk_py.configuration import runtime, template_texts
from listmonk_py.mail.letter import CompiledLetter, LetterSpec, compile_letter
from listmonk_py.mail.outgoing import Attachment
from listmonk_py.mail.signing import signer_of
from listmonk_py.templating.content import to_html
from listmonk_py.templating.golang import to_jinja

from .models import TxAttachment, TxMessage

KEEP = 64

_letters: "OrderedDict[str, CompiledLetter]" = OrderedDict()


def letter_for(message: TxMessage) -> CompiledLetter:
    """The compiled form of the message's template with what its request overrides.

    Raises:
        TemplateError: it does not compile.
        Template.DoesNotExist: the template is gone.
    """
    template = message.template
    if template is None:
        raise Template.DoesNotExist("The template of this message was deleted.")
    attachments = _attachments(message)
    key = _key(template, message.payload, message.request if attachments else None)
    if key in _letters:
        _letters.move_to_end(key)
        return _letters[key]
    letter = compile_letter(_spec(template, message.payload, attachments))
    _letters[key] = letter
    while len(_letters) > KEEP:
        _letters.popitem(last=False)
    return letter


def _key(template: Template, payload: dict[str, Any], request: Any) -> str:
    contents = {name: value for name, value in payload.items() if name != "data"}
    parts = [template.pk, template.updated_at, contents, request, runtime.version()]
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _spec(template: Template, payload: dict[str, Any], attachments: tuple[Attachment, ...]) -> LetterSpec:
    content_type = payload["content_type"]
    html = content_type != "plain"
    body = to_html(template.body, "markdown") if content_type == "markdown" else template.body
    return LetterSpec(
        from_email=payload["from_email"],
        subject=to_jinja(payload["subject"] or template.subject, html=False),
        body=to_jinja(body, html=html),
        content_type="html" if html else "plain",
        altbody=to_jinja(payload["altbody"], html=False) if payload["altbody"] and html else None,
        headers=tuple(
            (name, to_jinja(value, html=False))
            for entry in payload["headers"]
            for name, value in entry.items()
        ),
        attachments=attachments,
        functions=template_texts.functions(),
        extra_names=("tx",),
        root_url=runtime.get("app.root_url"),
        signer=signer_of(payload["from_email"]),
    )


def _attachments(message: TxMessage) -> tuple[Attachment, ...]:
    rows = TxAttachment.objects.filter(request=message.request).order_by("pk")
    return tuple(Attachment(row.filename, bytes(row.content), row.content_type) for row in rows)
