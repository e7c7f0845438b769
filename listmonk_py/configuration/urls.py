from django.urls import path

from . import views

urlpatterns = [
    path("api/settings", views.SettingsView.as_view()),
    path("api/settings/<str:key>", views.SettingView.as_view()),
    path("api/admin/reload", views.ReloadView.as_view()),
]
