from django.urls import path, re_path

from . import views

urlpatterns = [
    path("api/media", views.MediaListView.as_view()),
    path("api/media/<id>", views.MediaView.as_view()),
    # The default of upload.filesystem.upload_uri; another one is for a web server in front of us.
    re_path(r"^uploads/(?P<name>[^/]+)$", views.serve),
]
