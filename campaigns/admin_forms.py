"""The forms of campaigns and templates. What they hold is stored by `writing` and `template_writing`."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from unfold.widgets import (
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from listmonk_py.accounts.admin_base import DomainForm
from listmonk_py.configuration import runtime
from listmonk_py.mail import messengers
from subscribers.models import List, Segment

from . import template_writing, writing
from .media.models import Media
from .models import Campaign, Template
from .pace import FIELDS as PACE

# Fields that `writing` takes under the name that the form has.
SAME_NAME = (
    "name",
    "subject",
    "from_email",
    "body",
    "content_type",
    "send_at",
    "messenger",
    "auto_altbody",
    "archive",
    "archive_slug",
    *PACE,
)
CODE = {"rows": 22, "spellcheck": "false", "class": "lm-code"}
SMALL_CODE = {"rows": 4, "spellcheck": "false", "class": "lm-code"}


# What a new template starts with: the least that is a frame.
NEW_FRAME = """\
<!doctype html>
<html>
  <body style="font-family: sans-serif; max-width: 600px; margin: 0 auto; padding: 20px;">
    {{ template "content" . }}
    <p><a href="{{ UnsubscribeURL }}">Unsubscribe</a></p>
    {{ TrackView }}
  </body>
</html>
"""


def messenger_choices() -> list[tuple[str, str]]:
    names = messengers.names()
    return [(name, "email: all SMTP servers" if name == "email" else name) for name in names]


class CampaignForm(DomainForm):
    error_fields = {
        "Invalid length for name": "name",
        "Invalid length for subject": "subject",
        "compiling subject": "subject",
        "compiling campaign body": "body",
        "compiling altbody": "altbody",
        "compiling header": "headers",
        "headers:": "headers",
        "`from_email`": "from_email",
        "Scheduled date": "send_at",
        "Unknown messenger": "messenger",
        "template": "template",
        "archive slug": "archive_slug",
        "list IDs": "lists",
        "double opt-in": "lists",
        "segment": "segment",
    }

    lists = forms.ModelMultipleChoiceField(
        queryset=List.objects.none(),
        widget=UnfoldAdminSelect2MultipleWidget,
        help_text="Who gets it. Somebody on several of them gets it once.",
    )
    segment = forms.ModelChoiceField(
        queryset=Segment.objects.all(),  # `writing` decides who may choose which
        required=False,
        widget=AutocompleteSelect(Campaign._meta.get_field("segment"), admin.site),
        help_text="Only people in it get it. Empty: everybody on the lists.",
    )
    messenger = forms.ChoiceField(
        widget=UnfoldAdminSelectWidget,
        label="Sent through",
        help_text="“email” uses every SMTP server; a named server or an HTTP messenger is used alone.",
    )
    attachments = forms.ModelMultipleChoiceField(
        queryset=Media.objects.none(),
        required=False,
        widget=AutocompleteSelectMultiple(Campaign._meta.get_field("media"), admin.site),
        help_text="Files of the media library; type a part of a name. A link to a file reaches more mailboxes "
        "than an attachment.",
    )
    # The version that the form was opened with, so that two editors do not overwrite each other.
    opened_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Campaign
        fields = (
            *("type", "name", "subject", "from_email", "template", "content_type", "body", "altbody"),
            *("auto_altbody", "send_at", *PACE, "tags", "headers", "attribs", "segment"),
            *("archive", "archive_slug", "archive_template", "archive_meta"),
        )
        labels = {
            "from_email": "From",
            "altbody": "Plain text",
            "auto_altbody": "Make the plain text from the HTML",
            "content_type": "Written as",
            "send_at": "Send at",
            "rate": "Messages a second",
            "sliding_window_rate": "Messages per window",
            "sliding_window_duration": "Window length",
            "archive": "Publish in the public archive",
            "archive_slug": "Address in the archive",
            "archive_template": "Template in the archive",
            "archive_meta": "Fields in the archive",
            "attribs": "Attributes",
        }
        help_texts = {
            "name": "For you and your colleagues; recipients do not see it.",
            "subject": "May hold fields, such as {{ .Subscriber.FirstName }}.",
            "template": "The frame around the content. Without one the default template is used.",
            "altbody": "What programs without HTML show. Empty: only HTML is sent.",
            "rate": "A limit for this campaign alone. Empty: only the installation's limits.",
            "sliding_window_rate": "Never more in any stretch of the window's length. Empty: no window.",
            "sliding_window_duration": "Such as 30m, 1h or 24h.",
            "headers": 'Additional headers, like [{"X-Campaign": "spring"}].',
            "attribs": "A JSON object that the content can use as {{ .Campaign.Attribs.key }}.",
            "tags": "Separated by commas.",
            "archive_slug": "The last part of its web address; empty is made of letters and digits.",
            "archive_meta": "What stands in the archive's copy in place of a subscriber, as a JSON object.",
        }
        widgets = {
            "name": UnfoldAdminTextInputWidget,
            "subject": UnfoldAdminTextInputWidget,
            "from_email": UnfoldAdminTextInputWidget,
            "archive_slug": UnfoldAdminTextInputWidget,
            "tags": UnfoldAdminTextInputWidget,
            "body": UnfoldAdminTextareaWidget(attrs=CODE),
            "altbody": UnfoldAdminTextareaWidget(attrs={**CODE, "rows": 10}),
            "headers": UnfoldAdminTextareaWidget(attrs=SMALL_CODE),
            "attribs": UnfoldAdminTextareaWidget(attrs=SMALL_CODE),
            "archive_meta": UnfoldAdminTextareaWidget(attrs=SMALL_CODE),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "lists" not in self.fields:
            return  # shown to somebody who may not change it
        self.fields["lists"].queryset = List.objects.visible_to(self.user).order_by("name")  # type: ignore[attr-defined]
        self.fields["attachments"].queryset = Media.objects.visible_to(self.user)  # type: ignore[attr-defined]
        self.fields["messenger"].choices = messenger_choices()  # type: ignore[attr-defined]
        for name in ("template", "archive_template"):
            field: Any = self.fields[name]
            field.queryset = Template.objects.exclude(type=Template.Type.TX)
            # No small icons that lead away from an unsaved text.
            field.widget = getattr(field.widget, "widget", field.widget)
        zone = timezone.get_current_timezone_name()
        self.fields[
            "send_at"
        ].help_text = f"Empty: when you press Start. Otherwise a time to come, in {zone}."
        self._describe()

    def _describe(self) -> None:
        campaign = self.instance
        if campaign.pk is None:
            self.fields["from_email"].required = False
            self.initial.setdefault("from_email", runtime.get("app.from_email"))
            self.initial.setdefault("template", SimpleLazyObject(Template.objects.default))
            self.initial.setdefault("content_type", Campaign.ContentType.HTML)
            return
        self.fields.pop("type", None)
        self.initial["lists"] = campaign.campaign_lists.filter(list__isnull=False).values_list(
            "list_id", flat=True
        )
        self.initial["attachments"] = campaign.media.values_list("pk", flat=True)
        self.initial["messenger"] = campaign.messenger
        self.initial["opened_version"] = campaign.version
        if campaign.messenger not in messengers.names():
            gone = (campaign.messenger, f"{campaign.messenger} (not there any more)")
            self.fields["messenger"].choices.append(gone)  # type: ignore[attr-defined]

    def write(self, values: dict[str, Any]) -> Campaign:
        given = campaign_values(values)
        if self.instance.pk is None:
            return writing.create({**given, "type": values.get("type")}, self.user)
        return writing.update(self.instance.pk, given, self.user, if_match=values.get("opened_version"))


def campaign_values(values: dict[str, Any]) -> dict[str, Any]:
    """Cleaned form values as `writing` takes them."""
    template, archive_template = values.get("template"), values.get("archive_template")
    segment = values.get("segment")
    return {
        **{name: values[name] for name in SAME_NAME if name in values},
        "altbody": values.get("altbody") or None,
        "tags": values.get("tags") or [],
        "headers": values.get("headers") or [],
        "attribs": values.get("attribs") or {},
        "archive_meta": values.get("archive_meta") or {},
        "template_id": template.pk if template else None,
        "segment_id": segment.pk if segment else None,
        "archive_template_id": archive_template.pk if archive_template else None,
        "lists": [one.pk for one in values.get("lists") or ()],
        "media": [one.pk for one in values.get("attachments") or ()],
    }


class TemplateForm(DomainForm):
    error_fields = {
        "length for name": "name",
        "subject": "subject",
        "placeholder": "body",
        "compiling": "body",
        "type:": "type",
    }

    class Meta:
        model = Template
        fields = ("name", "type", "subject", "body")
        labels = {"type": "For"}
        help_texts = {
            "type": "Campaigns: a frame, with a place for the content. Transactional: a whole message.",
            "subject": "Of transactional messages only.",
            "body": 'A frame for campaigns holds {{ template "content" . }} where the content goes.',
        }
        widgets = {
            "name": UnfoldAdminTextInputWidget,
            "subject": UnfoldAdminTextInputWidget,
            "body": UnfoldAdminTextareaWidget(attrs=CODE),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "type" in self.fields:
            self.fields["type"].choices = [  # type: ignore[attr-defined]
                (Template.Type.CAMPAIGN, "Campaigns: a frame around the content"),
                (Template.Type.CAMPAIGN_VISUAL, "Campaigns: a starting point to copy"),
                (Template.Type.TX, "Transactional mail: a whole message"),
            ]
            if self.instance.pk is not None:
                self.fields["type"].disabled = True
            else:
                self.initial.setdefault("body", NEW_FRAME)

    def write(self, values: dict[str, Any]) -> Template:
        if self.instance.pk is None:
            return template_writing.create(values)
        return template_writing.update(self.instance.pk, values)


class PaceForm(forms.Form):
    """The speed of a campaign that is under way; empty is no limit."""

    rate = forms.FloatField(required=False, min_value=0, label="Messages a second")
    sliding_window_rate = forms.IntegerField(
        required=False, min_value=0, max_value=1_000_000_000, label="Messages per window"
    )
    sliding_window_duration = forms.CharField(required=False, label="Window length")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["class"] = "lm-input"
