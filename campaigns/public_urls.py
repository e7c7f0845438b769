"""Public pages of campaigns. Pixels are answered before Django (tracking.door)."""

from django.urls import path

from . import message_page, subscription_pages

urlpatterns = [
    path("subscription/export/<str:subscriber>", subscription_pages.export),
    path("subscription/<str:campaign>/<str:subscriber>", subscription_pages.subscription),
    path("campaign/<str:campaign>/<str:subscriber>", message_page.message_page),
]
