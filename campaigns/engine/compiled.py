"""Compiled letters, kept per process while the campaign and the settings stay as they are."""

from collections import OrderedDict

from campaigns.composing import compose
from campaigns.models import Campaign, Template
from listmonk_py.configuration import runtime
from listmonk_py.mail.letter import CompiledLetter, compile_letter

LIMIT_BYTES = 32 * 1024 * 1024

_kept: "OrderedDict[tuple[object, ...], CompiledLetter]" = OrderedDict()


def build(campaign: Campaign, *, message_id_suffix: str = "") -> CompiledLetter:
    """Compile the campaign's letter as it stands, saved or not.

    Raises:
        DomainError: the content cannot be compiled (TemplateError, with the line), or an address is invalid.
    """
    return compile_letter(compose(campaign, message_id_suffix=message_id_suffix))


def letter_of(campaign: Campaign) -> CompiledLetter:
    """The compiled letter of a stored campaign, from the cache where its version is the same.

    The least recently used go when all together hold more than `LIMIT_BYTES`; the newest always stays.

    Raises:
        DomainError: as `build`.
    """
    template = campaign.template or Template.objects.default()  # as `preparing` frames the body
    key = (
        campaign.pk,
        campaign.version,
        runtime.version(),
        None if template is None else (template.pk, template.updated_at),
    )
    letter = _kept.get(key)
    if letter is None:
        letter = build(campaign)
        for old in [one for one in _kept if one[0] == campaign.pk]:
            del _kept[old]
        _kept[key] = letter
        while len(_kept) > 1 and sum(one.size_bytes for one in _kept.values()) > LIMIT_BYTES:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return letter
