"""Public pages of people and lists; the rest of /subscription/ is in campaigns."""

from django.urls import path

from . import public_pages

urlpatterns = [
    path("", public_pages.home),
    path("robots.txt", public_pages.robots),
    path("public/custom.css", public_pages.custom_css),
    path("public/custom.js", public_pages.custom_js),
    path("public/static/<str:name>", public_pages.old_static),
    path("api/public/captcha/altcha", public_pages.altcha_challenge),
    path("subscription/form", public_pages.form),
    path("subscription/optin/<str:subscriber>", public_pages.optin),
    path("subscription/wipe/<str:subscriber>", public_pages.wipe),
]
