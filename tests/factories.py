"""Rows for tests, with only what the test is about spelled out."""

import itertools
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from django.contrib.auth.hashers import make_password
from django.test import Client

from listmonk_py.accounts.models import ApiToken, Role, User
from listmonk_py.accounts.permissions import SUPER_ADMIN_ROLE_ID
from subscribers.models import List, Subscriber, Subscription

_numbers = itertools.count(1)


def make_list(**fields: Any) -> List:
    fields.setdefault("name", f"List {next(_numbers)}")
    return List.objects.create(**fields)


def make_subscriber(*, lists: Mapping[List, str] | None = None, **fields: Any) -> Subscriber:
    """A person; `lists` maps each list to the status of the subscription."""
    number = next(_numbers)
    fields.setdefault("email", f"person{number}@example.com")
    fields.setdefault("name", f"Person {number}")
    person = Subscriber.objects.create(**fields)
    for one, status in (lists or {}).items():
        Subscription.objects.create(list=one, subscriber=person, status=status)
    return person


def make_role(*permissions: str, **fields: Any) -> Role:
    fields.setdefault("name", f"Role {next(_numbers)}")
    return Role.objects.create(permissions=list(permissions), **fields)


def make_list_role(grants: Mapping[List, list[str]]) -> Role:
    """A list role; `grants` maps each list to `list:get`, `list:manage`."""
    role = make_role(type=Role.Type.LIST)
    for one, permissions in grants.items():
        role.lists.create(list=one, permissions=permissions)
    return role


PASSWORD = "correct horse 9 battery"


@lru_cache(maxsize=1)
def _password_hash() -> str:
    """Made once: a good hash is slow by design."""
    return make_password(PASSWORD)


def make_user(
    *permissions: str, superadmin: bool = False, grants: Mapping[List, list[str]] | None = None, **fields: Any
) -> User:
    """Somebody who signs in with PASSWORD, or with `type="api"` a program; may do only what is given."""
    number = next(_numbers)
    fields.setdefault("username", f"user{number}")
    fields.setdefault("name", f"User {number}")
    fields.setdefault("status", User.Status.ENABLED)
    fields.setdefault("password_login", True)
    if fields.get("type") != User.Type.API:
        fields.setdefault("email", f"user{number}@example.com")
    if "user_role" not in fields and "user_role_id" not in fields:
        fields["user_role_id"] = SUPER_ADMIN_ROLE_ID if superadmin else make_role(*permissions).pk
    if grants:
        fields["list_role"] = make_list_role(grants)
    user = User(**fields)
    user.password = _password_hash()
    user.save()
    return user


def make_api_client(*permissions: str, superadmin: bool = False, **fields: Any) -> Client:
    """A client that calls the API with the token of a new API user; `client.user` is that user."""
    user = make_user(*permissions, superadmin=superadmin, type=User.Type.API, **fields)
    return api_client(user)


def api_client(user: User) -> Client:
    token = ApiToken.issue(user)
    client = Client(headers={"Authorization": f"token {user.username}:{token}"})
    client.user = user  # type: ignore[attr-defined]
    return client


def call(client: Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and parsed JSON of one API request with a JSON body."""
    response = client.generic(
        method, path, b"" if body is None else orjson.dumps(body), content_type="application/json"
    )
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    return response.status_code, orjson.loads(response.content) if is_json else response.content
