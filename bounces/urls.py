from django.urls import path

from . import anymail_webhook, views, webhooks

urlpatterns = [
    path("api/bounces", views.BouncesView.as_view()),
    path("api/bounces/blocklist", views.BlocklistBouncedView.as_view()),
    path("api/bounces/mailboxes", views.MailboxesView.as_view()),
    path("api/bounces/<str:pk_text>", views.BounceView.as_view()),
    path("api/subscribers/<str:pk_text>/bounces", views.SubscriberBouncesView.as_view()),
    path("api/settings/mailbox/test", views.MailboxTestView.as_view()),
    path("webhooks/bounce", webhooks.NativeWebhookView.as_view()),
    path("webhooks/anymail/<str:provider>/tracking", anymail_webhook.AnymailWebhookView.as_view()),
    path("webhooks/service/<str:service>", webhooks.ServiceWebhookView.as_view()),
]
