from django.apps import AppConfig


class BouncesConfig(AppConfig):
    name = "bounces"
    label = "bounces"

    def ready(self) -> None:
        from campaigns import analytics as campaign_analytics  # models are not loaded before ready()

        from . import analytics
        from .sources import anymail  # noqa: F401 - receives Anymail's signal from now on

        campaign_analytics.register("bounces", analytics.bounces)
