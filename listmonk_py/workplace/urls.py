from django.urls import path

from . import config_view

urlpatterns = [
    path("api/health", config_view.HealthView.as_view()),
    path("api/config", config_view.ConfigView.as_view()),
]
