from django.urls import path

from . import pages

urlpatterns = [
    path("archive", pages.archive),
    path("archive.xml", pages.feed),
    path("archive/<str:name>", pages.message),
    path("api/public/archive", pages.ArchiveView.as_view()),
]
