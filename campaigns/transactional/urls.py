from django.urls import path

from . import views

urlpatterns = [
    path("api/tx", views.TxView.as_view()),
    path("api/tx/<uuid:id>", views.TxMessageView.as_view()),
]
