from django.apps import AppConfig

# When a message was accepted: an open within a second of it is a program's.
DELIVERIES = "SELECT campaign_id, subscriber_id, at FROM engine_ledger WHERE status = 1"


class CampaignsConfig(AppConfig):
    name = "campaigns"
    label = "campaigns"

    def ready(self) -> None:
        from tracking.machines import register_deliveries  # models are loaded now
        from tracking.removal import forget_campaign

        from . import removal

        removal.register(forget_campaign)
        register_deliveries(DELIVERIES)
