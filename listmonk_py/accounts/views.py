"""Users, roles, one's own profile, tokens and sessions over the API (contract 3.12)."""

from typing import Any

from django.contrib.auth import logout, update_session_auth_hash
from rest_framework.response import Response

from listmonk_py.api import paging
from listmonk_py.api.errors import DomainError, Missing
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView, pk

from . import people, roles, sessions, tokens
from .models import ApiToken, Role, User
from .serializers import (
    list_role_answer,
    session_answer,
    token_answer,
    user_answer,
    user_role_answer,
)


class UserRows(ApiView):
    needs = {"GET": ("users:get",), "*": ("users:manage",)}

    def get_queryset(self) -> Any:
        return User.objects.shown().visible_to(self.request.user)


class UsersView(UserRows):
    def get(self, request: Request) -> Response:
        return self.data([user_answer(user) for user in self.get_queryset().order_by("id")])

    def post(self, request: Request) -> Response:
        user, token = people.create(self.body(request))
        return self.data(user_answer(user, token=token))

    def delete(self, request: Request) -> Response:
        people.delete(paging.ids(request, "id", fail=DomainError))
        return self.data(True)


class UserView(UserRows):
    def get(self, request: Request, pk_text: str) -> Response:
        user = self.get_queryset().filter(pk=pk(pk_text)).first()
        if user is None:
            raise Missing("User not found")
        return self.data(user_answer(user))

    def put(self, request: Request, pk_text: str) -> Response:
        return self.data(user_answer(people.change(pk(pk_text), self.body(request))))

    def delete(self, request: Request, pk_text: str) -> Response:
        people.delete([pk(pk_text)])
        return self.data(True)


class TokenRows(ApiView):
    needs = {"GET": ("users:get",), "*": ("users:manage",)}

    def get_queryset(self) -> Any:
        return ApiToken.objects.visible_to(self.request.user)


class TokensView(TokenRows):
    """Ours: several tokens per API user, so that one can be replaced while the other still works."""

    def get(self, request: Request, pk_text: str) -> Response:
        user = people.find(pk(pk_text))
        rows = self.get_queryset().usable().filter(user=user).order_by("id")
        return self.data([token_answer(token) for token in rows])

    def post(self, request: Request, pk_text: str) -> Response:
        body = self.body(request)
        token, secret = tokens.issue(
            people.find(pk(pk_text)), name=body.get("name") or "", expires_at=body.get("expires_at")
        )
        return self.data({**token_answer(token), "token": secret})


class TokenView(TokenRows):
    def delete(self, request: Request, pk_text: str, token_pk: str) -> Response:
        tokens.revoke(people.find(pk(pk_text)), pk(token_pk))
        return self.data(True)


class RoleRows(ApiView):
    needs = {"GET": ("roles:get",), "*": ("roles:manage",)}
    type = Role.Type.USER

    def get_queryset(self) -> Any:
        rows = Role.objects.visible_to(self.request.user).filter(type=self.type)
        return rows.prefetch_related("lists__list").order_by("id")


class UserRolesView(RoleRows):
    def get(self, request: Request) -> Response:
        return self.data([user_role_answer(role) for role in self.get_queryset()])

    def post(self, request: Request) -> Response:
        body = self.body(request)
        return self.data(user_role_answer(roles.create_user_role(body.get("name"), body.get("permissions"))))


class UserRoleView(RoleRows):
    def put(self, request: Request, pk_text: str) -> Response:
        body = self.body(request)
        role = roles.change_user_role(pk(pk_text), body.get("name"), body.get("permissions"))
        return self.data(user_role_answer(role))


class ListRolesView(RoleRows):
    type = Role.Type.LIST

    def get(self, request: Request) -> Response:
        return self.data([list_role_answer(role) for role in self.get_queryset()])

    def post(self, request: Request) -> Response:
        body = self.body(request)
        return self.data(list_role_answer(roles.create_list_role(body.get("name"), body.get("lists"))))


class ListRoleView(RoleRows):
    type = Role.Type.LIST

    def put(self, request: Request, pk_text: str) -> Response:
        body = self.body(request)
        role = roles.change_list_role(pk(pk_text), body.get("name"), body.get("lists"))
        return self.data(list_role_answer(role))


class RoleView(RoleRows):
    def delete(self, request: Request, pk_text: str) -> Response:
        roles.delete_role(pk(pk_text))
        return self.data(True)


class ProfileView(ApiView):
    needs = {"*": ()}

    def get(self, request: Request) -> Response:
        return self.data(user_answer(people.find(request.user.pk)))

    def put(self, request: Request) -> Response:
        session = request._request.session
        user = people.change_own(request.user, self.body(request), session_key=session.session_key)
        if request.auth is None and user.password != request.user.password:
            # The session is bound to the password's hash: this one goes on, the others have ended.
            update_session_auth_hash(request._request, user)
        return self.data(user_answer(user))


class ProfileSessionsView(ApiView):
    """Ours: where one is signed in."""

    needs = {"*": ()}

    def get(self, request: Request) -> Response:
        key = request._request.session.session_key
        return self.data([session_answer(one, current_key=key) for one in sessions.of(request.user)])


class ProfileSessionView(ApiView):
    needs = {"*": ()}

    def delete(self, request: Request, pk_text: str) -> Response:
        if not sessions.end(request.user, pk(pk_text)):
            raise Missing("You have no such session.")
        return self.data(True)


class LogoutView(ApiView):
    """Ends the session; with a token there is none to end, which is an error a client can read."""

    needs = {"*": ()}

    def post(self, request: Request) -> Response:
        if request.auth is not None:
            raise DomainError("An API token has no session. Revoke the token to end its access.")
        logout(request._request)
        return self.data(True)
