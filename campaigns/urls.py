from django.urls import path

from . import template_views, views

urlpatterns = [
    path("api/campaigns", views.CampaignsView.as_view()),
    path("api/campaigns/<id>", views.CampaignView.as_view()),
    path("api/campaigns/<id>/archive", views.CampaignArchiveView.as_view()),
    path("api/templates", template_views.TemplatesView.as_view()),
    path("api/templates/preview", template_views.UnsavedTemplatePreviewView.as_view()),
    path("api/templates/<id>", template_views.TemplateView.as_view()),
    path("api/templates/<id>/preview", template_views.TemplatePreviewView.as_view()),
    path("api/templates/<id>/default", template_views.TemplateDefaultView.as_view()),
]
