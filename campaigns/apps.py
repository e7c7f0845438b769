from django.apps import AppConfig

# When a message was accepted: an open within a second of it is a program's.
DELIVERIES = "SELECT campaign_id, subscriber_id, at FROM engine_ledger WHERE status = 1"


class CampaignsConfig(AppConfig):
    name = "campaigns"
    label = "campaigns"

    def ready(self) -> None:
        # Models are loaded now.
        from subscribers.segments import saved
        from tracking.machines import register_deliveries
        from tracking.removal import forget_campaign

        from . import removal, segmenting

        removal.register(forget_campaign)
        register_deliveries(DELIVERIES)
        saved.register_use(segmenting.USE)
