from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    name = "campaigns"
    label = "campaigns"

    def ready(self) -> None:
        from tracking.removal import forget_campaigns

        from . import removal

        removal.register(forget_campaigns)
