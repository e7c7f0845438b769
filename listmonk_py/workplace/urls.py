from django.urls import path

from . import admin_site, appearance, config_view, event_stream, monitoring, views

urlpatterns = [
    path("health", monitoring.health),
    path("ready", monitoring.ready),
    path("metrics", monitoring.metrics),
    path("api/events", event_stream.EventsView.as_view()),
    path("api/health", config_view.HealthView.as_view()),
    path("api/config", config_view.ConfigView.as_view()),
    path("api/settings/smtp/test", views.SmtpTestView.as_view()),
    # `path`, so that a code with a slash in it is answered in words.
    path("api/lang/<path:code>", views.LanguageView.as_view()),
    path("api/about", views.AboutView.as_view()),
    path("api/logs", views.LogsView.as_view()),
    path("api/dashboard/counts", views.DashboardCountsView.as_view()),
    path("api/dashboard/charts", views.DashboardChartsView.as_view()),
    path("api/maintenance/subscribers/<str:kind>", views.MaintainSubscribersView.as_view()),
    path("api/maintenance/subscriptions/unconfirmed", views.MaintainSubscriptionsView.as_view()),
    path("api/maintenance/analytics/<str:kind>", views.MaintainAnalyticsView.as_view()),
    path("api/maintenance/analytics/<str:kind>/export", views.ExportAnalyticsView.as_view()),
    path("admin/custom.css", appearance.CustomCssView.as_view()),
    path("admin/custom.js", appearance.CustomJsView.as_view()),
    *admin_site.urlpatterns(),
]
