from django.urls import include, path

from . import analytics_views, preview_views, subscriber_activity, template_views, views

urlpatterns = [
    path("", include("campaigns.public_urls")),
    path("api/campaigns", views.CampaignsView.as_view()),
    path("api/campaigns/analytics/<type>", analytics_views.AnalyticsView.as_view()),
    path("api/campaigns/<id>", views.CampaignView.as_view()),
    path("api/campaigns/<id>/archive", views.CampaignArchiveView.as_view()),
    path("api/campaigns/<id>/preview", preview_views.CampaignPreviewView.as_view()),
    path("api/campaigns/<id>/preview/archive", preview_views.ArchivePreviewView.as_view()),
    path("api/campaigns/<id>/text", preview_views.CampaignTextView.as_view()),
    path("api/campaigns/<id>/content", preview_views.ContentView.as_view()),
    path("api/campaigns/<id>/test", preview_views.CampaignTestView.as_view()),
    path("api/subscribers/<subscriber_id>/activity", subscriber_activity.ActivityView.as_view()),
    path("api/subscribers/<subscriber_id>/export", subscriber_activity.ExportView.as_view()),
    path("api/templates", template_views.TemplatesView.as_view()),
    path("api/templates/preview", template_views.UnsavedTemplatePreviewView.as_view()),
    path("api/templates/<id>", template_views.TemplateView.as_view()),
    path("api/templates/<id>/preview", template_views.TemplatePreviewView.as_view()),
    path("api/templates/<id>/default", template_views.TemplateDefaultView.as_view()),
]
