from django.urls import URLPattern, path

from .views import imports, lists, subscribers

urlpatterns: list[URLPattern] = [
    path("api/lists", lists.Lists.as_view()),
    path("api/lists/<str:list_id>", lists.OneList.as_view()),
    path("api/import/subscribers", imports.Import.as_view()),
    path("api/import/subscribers/logs", imports.Log.as_view()),
    path("api/import/subscribers/rejects.csv", imports.Rejects.as_view()),
    path("api/subscribers", subscribers.Subscribers.as_view()),
    path("api/subscribers/<str:subscriber_id>", subscribers.OneSubscriber.as_view()),
    path("api/subscribers/<str:subscriber_id>/optin", subscribers.Optin.as_view()),
    path("api/subscribers/<str:subscriber_id>/blocklist", subscribers.Blocklist.as_view()),
]
