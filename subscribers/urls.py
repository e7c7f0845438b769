from django.urls import URLPattern, URLResolver, include, path

from .views import bulk, export, imports, lists, public, segments, subscribers

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("subscribers.public_urls")),
    path("api/public/lists", public.Lists.as_view()),
    path("api/public/subscription", public.SignUp.as_view()),
    path("api/lists", lists.Lists.as_view()),
    path("api/lists/<str:list_id>", lists.OneList.as_view()),
    path("api/segments", segments.Segments.as_view()),
    path("api/segments/<str:segment_id>", segments.OneSegment.as_view()),
    path("api/segments/<str:segment_id>/count", segments.Count.as_view()),
    path("api/import/subscribers", imports.Import.as_view()),
    path("api/import/subscribers/logs", imports.Log.as_view()),
    path("api/import/subscribers/rejects.csv", imports.Rejects.as_view()),
    path("api/subscribers", subscribers.Subscribers.as_view()),
    # Before the path with an id, which would take these words for one.
    path("api/subscribers/export", export.Export.as_view()),
    path("api/subscribers/blocklist", bulk.Blocklist.as_view()),
    path("api/subscribers/lists", bulk.Lists.as_view()),
    path("api/subscribers/lists/<str:subscriber_id>", bulk.Lists.as_view()),
    path("api/subscribers/query/delete", bulk.QueryDelete.as_view()),
    path("api/subscribers/query/blocklist", bulk.QueryBlocklist.as_view()),
    path("api/subscribers/query/lists", bulk.QueryLists.as_view()),
    path("api/subscribers/<str:subscriber_id>", subscribers.OneSubscriber.as_view()),
    path("api/subscribers/<str:subscriber_id>/optin", subscribers.Optin.as_view()),
    path("api/subscribers/<str:subscriber_id>/blocklist", subscribers.Blocklist.as_view()),
]
