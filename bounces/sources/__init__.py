"""Where bounces come from: one module per provider, of one shape (`source.Source`)."""

from . import azure, forwardemail, lettermint, postmark, sendgrid, ses
from .source import Source

SOURCES: dict[str, Source] = {
    one.name: one
    for one in (
        ses.Ses(),
        azure.Azure(),
        sendgrid.SendGrid(),
        postmark.Postmark(),
        forwardemail.ForwardEmail(),
        lettermint.Lettermint(),
    )
}
