from django.urls import path

from . import views

urlpatterns = [
    path("campaign/<str:campaign>/<str:subscriber>/px.png", views.pixel),
    path("link/<str:link>/<str:campaign>/<str:subscriber>", views.click),
]
