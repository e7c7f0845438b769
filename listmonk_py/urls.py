"""All routes. Each app brings its own; the order only matters where a pattern could swallow another."""

from django.urls import include, path

urlpatterns = [
    path("", include("listmonk_py.accounts.urls")),
    path("", include("listmonk_py.api.urls")),
    path("", include("listmonk_py.configuration.urls")),
    path("", include("subscribers.urls")),
    path("", include("tracking.urls")),
    path("", include("campaigns.urls")),
    path("", include("campaigns.engine.urls")),
    path("", include("campaigns.media.urls")),
    path("", include("campaigns.archive.urls")),
    path("", include("campaigns.transactional.urls")),
    path("", include("bounces.urls")),
    path("", include("listmonk_py.workplace.urls")),
]

handler400 = "listmonk_py.workplace.error_pages.bad_request"
handler403 = "listmonk_py.workplace.error_pages.forbidden"
handler404 = "listmonk_py.workplace.error_pages.not_found"
handler500 = "listmonk_py.workplace.error_pages.server_error"
