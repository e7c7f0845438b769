"""The forms of people and lists in the admin. What they hold is stored by `people` and `lists`."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from listmonk_py.accounts.admin_base import DomainForm

from . import bulk, lists, people
from .models import List, Subscriber, Subscription


class SubscriberForm(DomainForm):
    error_fields = {"e-mail": "email", "E-mail": "email", "email": "email", "domain": "email", "name": "name"}

    lists = forms.ModelMultipleChoiceField(
        queryset=List.objects.none(), required=False, widget=UnfoldAdminSelect2MultipleWidget
    )
    preconfirm = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label="Confirmed already",
        help_text="New subscriptions count as confirmed, and no opt-in mail is sent.",
    )

    class Meta:
        model = Subscriber
        fields = ("email", "name", "status", "attribs")
        labels = {"attribs": "Attributes"}
        help_texts = {
            "status": "Blocklisting unsubscribes from every list, and holds for every way back.",
            "attribs": 'A JSON object, like {"city": "Oslo"}. Campaigns use it as {{ .Subscriber.Attribs.city }}.',
        }
        widgets = {
            "email": UnfoldAdminTextInputWidget,
            "name": UnfoldAdminTextInputWidget,
            "attribs": UnfoldAdminTextareaWidget(
                attrs={"rows": 5, "class": "lm-code", "spellcheck": "false"}
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "lists" not in self.fields:
            return
        mine: Any = self.fields["lists"]
        mine.queryset = List.objects.manageable_by(self.user).order_by("name")
        if self.instance.pk:
            on = Subscription.objects.filter(subscriber=self.instance, list__in=mine.queryset)
            self.initial["lists"] = list(on.values_list("list_id", flat=True))

    def clean_attribs(self) -> Any:
        attribs = self.cleaned_data.get("attribs")
        if attribs in (None, ""):
            return {}
        if not isinstance(attribs, dict):
            raise forms.ValidationError('Write a JSON object, like {"city": "Oslo"}.')
        return attribs

    def write(self, values: dict[str, Any]) -> Subscriber:
        given = {
            **values,
            "lists": [one.pk for one in values.get("lists") or ()],
            "preconfirm_subscriptions": values.get("preconfirm", False),
        }
        if self.instance.pk is None:
            return people.create(given, self.user)
        return people.replace(self.instance.pk, given, self.user)


class ListForm(DomainForm):
    error_fields = {"Invalid name": "name"}

    class Meta:
        model = List
        fields = ("name", "description", "type", "optin", "tags", "status")
        labels = {"optin": "Opt-in"}
        help_texts = {
            "type": "Public lists are offered on the sign-up form; private ones are for you alone.",
            "optin": "Double: nobody gets mail before they have confirmed by a link sent to them.",
            "tags": "Separated by commas.",
            "status": "Archived lists are not offered any more.",
            "description": "Shown beside public lists on the sign-up form.",
        }
        widgets = {
            "name": UnfoldAdminTextInputWidget,
            "tags": UnfoldAdminTextInputWidget,
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        }

    def write(self, values: dict[str, Any]) -> List:
        if self.instance.pk is None:
            return lists.create(values)
        return lists.update(lists.manageable(self.instance.pk, self.user), values)


class ChangeListsForm(forms.Form):
    """What to do with the lists of the people who were ticked."""

    change = forms.ChoiceField(
        choices=[
            (bulk.Action.ADD, "Add to these lists"),
            (bulk.Action.UNSUBSCRIBE, "Unsubscribe from these lists"),
            (bulk.Action.REMOVE, "Take off these lists, without a trace"),
        ],
        widget=UnfoldAdminSelectWidget,
        label="Do",
    )
    lists = forms.ModelMultipleChoiceField(
        queryset=List.objects.none(), widget=UnfoldAdminSelect2MultipleWidget
    )
    confirmed = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label="As confirmed",
        help_text="When adding: only if they have agreed already.",
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine: Any = self.fields["lists"]
        mine.queryset = List.objects.manageable_by(user).order_by("name")
