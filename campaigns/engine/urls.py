from django.urls import path

from . import views

urlpatterns = [
    path("api/campaigns/running/stats", views.RunningStatsView.as_view()),
    path("api/campaigns/<id>/status", views.CampaignStatusView.as_view()),
    path("api/campaigns/<id>/pace", views.PaceView.as_view()),
    path("api/campaigns/<id>/deliveries", views.DeliveriesView.as_view()),
    path("api/campaigns/<id>/deliveries/export", views.DeliveriesExportView.as_view()),
    path("api/campaigns/<id>/retry-failed", views.RetryFailedView.as_view()),
    path("api/campaigns/<id>/resolve-unknown", views.ResolveUnknownView.as_view()),
]
