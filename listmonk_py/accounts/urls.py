from allauth.account import views as allauth_views
from django.urls import include, path

from . import pages, profile_page, single_sign_on, totp_views, views

# django-allauth's own pages: second factors, sessions, changing the password. What it has and we do
# differently (sign-up, e-mail confirmation, its login page) leads to our sign-in page.
ACCOUNT_PAGES = [
    path("profile/", profile_page.profile, name="account_profile"),
    path("2fa/", include("allauth.mfa.urls")),
    path("sessions/", include("allauth.usersessions.urls")),
    path("password/", allauth_views.password_change, name="account_change_password"),
    path("reauthenticate/", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("inactive/", pages.inactive, name="account_inactive"),
    path("sign-up/", pages.to_login, name="account_signup"),
    path("confirm/", pages.to_login, name="account_email_verification_sent"),
    path("set-password/", pages.to_login, name="account_set_password"),
    path("connections/", pages.to_login, name="socialaccount_connections"),
]

urlpatterns = [
    path("admin", pages.to_admin),
    path("admin/login", pages.login, name="account_login"),
    path("admin/login/twofa", pages.twofa),
    path("admin/forgot", pages.forgot, name="account_reset_password"),
    path("admin/reset", pages.reset),
    path("admin/logout", pages.sign_out, name="account_logout"),
    path("admin/account/", include(ACCOUNT_PAGES)),
    path("auth/oidc", single_sign_on.entrance),
    path("api/users/<str:pk_text>/twofa", totp_views.TwofaView.as_view()),
    path("api/users/<str:pk_text>/twofa/totp", totp_views.TotpView.as_view()),
    path("api/users", views.UsersView.as_view()),
    path("api/users/<str:pk_text>", views.UserView.as_view()),
    path("api/users/<str:pk_text>/tokens", views.TokensView.as_view()),
    path("api/users/<str:pk_text>/tokens/<str:token_pk>", views.TokenView.as_view()),
    path("api/roles/users", views.UserRolesView.as_view()),
    path("api/roles/users/<str:pk_text>", views.UserRoleView.as_view()),
    path("api/roles/lists", views.ListRolesView.as_view()),
    path("api/roles/lists/<str:pk_text>", views.ListRoleView.as_view()),
    path("api/roles/<str:pk_text>", views.RoleView.as_view()),
    path("api/profile", views.ProfileView.as_view()),
    path("api/profile/sessions", views.ProfileSessionsView.as_view()),
    path("api/profile/sessions/<str:pk_text>", views.ProfileSessionView.as_view()),
    path("api/logout", views.LogoutView.as_view()),
]
