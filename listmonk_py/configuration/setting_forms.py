"""The form of one page of settings: inputs for every setting, saved through the same checks as the API."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django import forms
from django.apps import apps
from django.forms.formsets import BaseFormSet, formset_factory
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from . import presenting, runtime, setting_notes, setting_pages, validation
from .registry import FIELDS, Field
from .setting_pages import Leaf
from .values import Invalid

UNCHANGED = "unchanged while this is empty"
CODE = {"class": "lm-code", "spellcheck": "false"}
ROLE_KINDS = {"role": "user", "list_role": "list"}


def form_field(leaf: Leaf, *, has_secret: bool = False) -> forms.Field:
    """The input of a leaf. Bounds and rules are `validation`'s; here is only how it looks."""
    common: dict[str, Any] = {"label": leaf.label, "help_text": leaf.help, "required": False}
    match leaf.kind:
        case "bool":
            return forms.BooleanField(widget=UnfoldBooleanSwitchWidget, **common)
        case "int":
            limits = {
                name: value for name, value in (("min", leaf.low), ("max", leaf.high)) if value is not None
            }
            return forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget(attrs=limits), **common)
        case "choice":
            return forms.ChoiceField(choices=leaf.choices, widget=UnfoldAdminSelectWidget, **common)
        case "role" | "list_role":
            return forms.TypedChoiceField(
                choices=_roles(ROLE_KINDS[leaf.kind]),
                coerce=int,
                empty_value=None,
                widget=UnfoldAdminSelectWidget,
                **common,
            )
        case "secret" | "secret_text":
            return _secret(leaf, has_secret, common)
        case "hidden":
            return forms.CharField(widget=forms.HiddenInput, **common)
        case "text" | "json" | "strings" | "headers":
            return _long(leaf.kind, common)
    return forms.CharField(widget=UnfoldAdminTextInputWidget, strip=False, **common)


def _secret(leaf: Leaf, has_secret: bool, common: dict[str, Any]) -> forms.Field:
    hint = {"placeholder": f"•••••••• {UNCHANGED}" if has_secret else "", "autocomplete": "new-password"}
    if leaf.kind == "secret_text":
        return forms.CharField(widget=UnfoldAdminTextareaWidget(attrs={**CODE, **hint, "rows": 4}), **common)
    return forms.CharField(widget=UnfoldAdminPasswordWidget(attrs=hint), strip=False, **common)


def _long(kind: str, common: dict[str, Any]) -> forms.Field:
    rows = {"text": 10, "json": 3, "strings": 3, "headers": 2}[kind]
    widget = UnfoldAdminTextareaWidget(attrs={**(CODE if kind in ("text", "json") else {}), "rows": rows})
    if kind == "strings" and not common["help_text"]:
        common["help_text"] = "One per line."
    types = {"json": _Json, "strings": _Lines, "headers": _Headers}
    return types.get(kind, forms.CharField)(widget=widget, **common)


def _roles(kind: str) -> list[tuple[Any, str]]:
    roles = apps.get_model("accounts", "Role").objects.filter(type=kind).order_by("name")
    return [("", "None"), *roles.values_list("pk", "name")]


class _Lines(forms.CharField):
    """A list of texts, one per line; commas separate too."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [part.strip() for part in re.split(r"[\n,]", value or "") if part.strip()]


class _Headers(forms.CharField):
    """`[{"X-Name": "value"}]` as lines `X-Name: value`."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return "\n".join(f"{name}: {text}" for one in value for name, text in one.items())

    def to_python(self, value: Any) -> Any:
        found = []
        for line in (value or "").splitlines():
            name, colon, text = line.partition(":")
            if not line.strip():
                continue
            if not colon:
                raise forms.ValidationError(f"Write headers like X-Name: value, not {line!r}.")
            found.append({name.strip(): text.strip()})
        return found


class _Json(forms.CharField):
    def prepare_value(self, value: Any) -> Any:
        return (
            value
            if isinstance(value, str)
            else orjson.dumps(value or {}, option=orjson.OPT_INDENT_2).decode()
        )

    def to_python(self, value: Any) -> Any:
        try:
            return orjson.loads(value or "{}")
        except orjson.JSONDecodeError as error:
            raise forms.ValidationError(f"This is no JSON: {error}") from None


class EntryForm(forms.Form):
    """One entry of a setting that is a list of objects, such as an SMTP server."""

    key = ""
    leaves: Sequence[Leaf] = ()
    secret_uuids: frozenset[str] = frozenset()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = (self.initial or {}).get("uuid") in self.secret_uuids
        for leaf in self.leaves:
            self.fields[leaf.name] = form_field(leaf, has_secret=stored)
            if self.initial.get(leaf.name) is None and leaf.default is not None:
                self.initial[leaf.name] = leaf.default

    @property
    def basic(self) -> list[forms.BoundField]:
        return [self[leaf.name] for leaf in self.leaves if not leaf.advanced and leaf.kind != "hidden"]

    @property
    def more(self) -> list[forms.BoundField]:
        return [self[leaf.name] for leaf in self.leaves if leaf.advanced]

    @property
    def heading(self) -> str:
        """What this entry is known by; blank for a new one."""
        return next(
            (str(self.initial[name]) for name in ("host", "name", "domain") if self.initial.get(name)), ""
        )

    @property
    def note(self) -> str:
        """What is known of the stored entry; blank for a new one."""
        uuid = self.initial.get("uuid")
        stored = next((one for one in runtime.get(self.key) if uuid and one.get("uuid") == uuid), None)
        return setting_notes.of(self.key, stored) if stored else ""

    @property
    def is_open(self) -> bool:
        """Whether what stands behind "More" has an error that must be seen."""
        return any(bound.errors for bound in self.more)

    def has_changed(self) -> bool:
        return True  # an entry that was added and left as it is, is an entry all the same


class SettingsPage:
    """One page: `fields` are plain inputs and objects, `formsets` the lists of objects, by key."""

    def __init__(self, page: str, data: Mapping[str, Any] | None = None) -> None:
        self.page = page
        self.settings = setting_pages.fields_of(page)
        self.shown = presenting.shown()
        self.plain = self._plain_form(data)
        self.formsets = {
            field.key: self._formset(field, data) for field in self.settings if field.kind == "array"
        }
        self.error = ""

    def _plain_form(self, data: Mapping[str, Any] | None) -> forms.Form:
        form = forms.Form(data, initial=self._initial(), prefix="s")
        for field in self.settings:
            for leaf in self._leaves(field):
                form.fields[leaf.name] = form_field(leaf, has_secret=bool(self._stored(field, leaf)))
        return form

    def _leaves(self, field: Field) -> list[Leaf]:
        if field.kind == "array":
            return []
        if field.kind == "object":
            return list(setting_pages.leaves_inside(field))
        return [setting_pages.leaf_of(field)]

    def _initial(self) -> dict[str, Any]:
        found = {}
        for field in self.settings:
            for leaf in self._leaves(field):
                value = self._stored(field, leaf)
                found[leaf.name] = "" if leaf.kind == "secret" else value
        return found

    def _stored(self, field: Field, leaf: Leaf) -> Any:
        value: Any = self.shown.get(field.key, field.default)
        for name in leaf.name.split("/")[1:] if field.kind == "object" else ():
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def _formset(self, field: Field, data: Mapping[str, Any] | None) -> BaseFormSet:
        leaves = setting_pages.ENTRIES[field.key]
        stored = self.shown.get(field.key) or []
        secret = [leaf.name for leaf in leaves if leaf.kind.startswith("secret")]
        with_secret = frozenset(one["uuid"] for one in stored if any(one.get(name) for name in secret))
        form = type("Entry", (EntryForm,), {"key": field.key, "leaves": leaves, "secret_uuids": with_secret})
        initial = [{name: "" if name in secret else value for name, value in one.items()} for one in stored]
        made: Any = formset_factory(form, extra=0, can_delete=True, max_num=1000)
        prefix = field.key.replace(".", "_")
        found: BaseFormSet = made(data, initial=initial, prefix=prefix)
        return found

    def rows(self) -> list[dict[str, Any]]:
        """What the page shows, in order: a setting's inputs, or its entries."""
        rows = []
        for field in self.settings:
            bound = [self.plain[leaf.name] for leaf in self._leaves(field)]
            entry = setting_pages.ENTRY_NAMES.get(field.key, "")
            rows.append(
                {
                    "field": field,
                    "bound": bound,
                    "formset": self.formsets.get(field.key),
                    "entry_name": entry,
                    "is_smtp": field.key == "smtp",
                    "try_url": setting_pages.TRY_URLS.get(field.key, ""),
                }
            )
        return rows

    def save(self, user: Any) -> bool:
        """Store what was sent; False when something is wrong, which then stands at its input."""
        parts = [self.plain.is_valid(), *[formset.is_valid() for formset in self.formsets.values()]]
        if not all(parts):
            self.error = "Nothing was saved. See what is marked below."
            return False
        try:
            runtime.save(validation.checked(self.values()), by=user)
        except Invalid as error:
            self._show(error)
            return False
        return True

    def values(self) -> dict[str, Any]:
        """What was sent, by key, as the API would get it."""
        found: dict[str, Any] = {}
        for field in self.settings:
            if field.kind == "array":
                found[field.key] = [
                    _entry(form) for form in self.formsets[field.key].forms if not _gone(form)
                ]
            elif field.kind == "object":
                found[field.key] = self._object(field)
            else:
                found[field.key] = self.plain.cleaned_data[field.key]
        return found

    def _object(self, field: Field) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for leaf in setting_pages.leaves_inside(field):
            holder = made
            *parents, last = leaf.name.split("/")[1:]
            for name in parents:
                holder = holder.setdefault(name, {})
            holder[last] = self.plain.cleaned_data[leaf.name]
        return made

    def _show(self, error: Invalid) -> None:
        """Put a refusal at its input; where there is none, at the head of the page."""
        where, words = error.extra["key"], error.message.partition(": ")[2]
        sentence = words[:1].upper() + words[1:]
        self.error = "Nothing was saved. See what is marked below."
        entry = re.fullmatch(r"(?P<key>[\w.]+)\[(?P<number>\d+)\](?:\.(?P<name>\w+))?.*", where)
        if entry and entry["key"] in self.formsets:
            kept = [form for form in self.formsets[entry["key"]].forms if not _gone(form)]
            form = kept[int(entry["number"])]
            form.add_error(entry["name"] if entry["name"] in form.fields else None, sentence)
            return
        name = self._input_of(where)
        if name:
            self.plain.add_error(name, sentence)
        else:
            label = FIELDS[where].label if where in FIELDS else where
            self.error = f"Nothing was saved. {label}: {words}"

    def _input_of(self, where: str) -> str | None:
        key = next((key for key in FIELDS if where == key or where.startswith(f"{key}.")), "")
        path = [part for part in where.removeprefix(key).split(".") if part]
        name = "/".join([key, *path])
        return name if name in self.plain.fields else None


def _gone(form: forms.Form) -> bool:
    return bool(form.cleaned_data.get("DELETE"))


def _entry(form: EntryForm) -> dict[str, Any]:
    return {leaf.name: form.cleaned_data.get(leaf.name) for leaf in form.leaves}
