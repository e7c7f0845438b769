from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from .permissions import Public


class SchemaView(SpectacularAPIView):
    """The OpenAPI document; it tells nothing that the documentation does not."""

    permission_classes = (Public,)
    authentication_classes = ()


class SchemaPage(SpectacularSwaggerSplitView):
    permission_classes = (Public,)
    authentication_classes = ()


urlpatterns = [
    path("api/schema", SchemaView.as_view(), name="schema"),
    path("api/schema/docs", SchemaPage.as_view(url_name="schema"), name="schema-docs"),
]
