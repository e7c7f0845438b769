from django.apps import AppConfig


class BouncesConfig(AppConfig):
    name = "bounces"
    label = "bounces"

    def ready(self) -> None:
        from campaigns import analytics as campaign_analytics  # models are not loaded before ready()

        from . import analytics

        campaign_analytics.register("bounces", analytics.bounces)
