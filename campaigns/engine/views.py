"""Starting and stopping campaigns, and what became of each recipient, over the API (contract 3.7)."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from rest_framework.response import Response

from campaigns import lifecycle, pace, progress
from campaigns.models import Campaign
from campaigns.serializers import PaceIn
from campaigns.status import Status
from campaigns.views import READ, one
from listmonk_py.api.errors import DomainError, Forbidden, NotFound
from listmonk_py.api.paging import DEFAULT_PER_PAGE
from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView, pk

from . import deliveries
from .models import LedgerStatus

SEND = ("campaigns:send",)


class CampaignAction(ApiView):
    """What all views of one campaign share."""

    def get_queryset(self) -> "QuerySet[Campaign]":
        return Campaign.objects.visible_to(self.request.user)

    def find(self, text: str) -> Campaign:
        """
        Raises:
            NotFound: there is no such campaign.
            Forbidden: it goes to none of the lists that the user may read.
        """
        campaign_id = pk(text)
        campaign = self.get_queryset().filter(pk=campaign_id).first()
        if campaign is None and Campaign.objects.filter(pk=campaign_id).exists():
            raise Forbidden("permission denied")
        if campaign is None:
            raise NotFound("Campaign not found")
        return campaign


class CampaignStatusView(CampaignAction):
    needs: Mapping[str, tuple[str, ...]] = {"PUT": SEND}  # type: ignore[assignment]

    def get_queryset(self) -> "QuerySet[Campaign]":
        """Sending asks for its own permission only; the lists of the user decide which campaigns."""
        user = self.request.user
        visible = Campaign.objects.visible_to(user)
        return visible if user.may(*READ) else Campaign.objects.all()

    def put(self, request: Request, id: str) -> Response:
        campaign = self.find(id)
        status = lifecycle.parse_status(self.body(request).get("status", ""))
        lifecycle.change_status(campaign, status=status)
        # listmonk answers the status that was asked for, also where it is stored as `scheduled`.
        return self.data({**one(campaign.pk), "status": status})


class RunningStatsView(ApiView):
    needs = {"GET": READ}

    def get_queryset(self) -> "QuerySet[Campaign]":
        return Campaign.objects.visible_to(self.request.user)

    def get(self, request: Request) -> Response:
        running = self.get_queryset().filter(status=Status.RUNNING).select_related("run")
        return self.data([stats(campaign) for campaign in running.order_by("pk")])


class LedgerView(CampaignAction):
    """Who may read the addresses in a campaign's ledger, and which part of it is asked for."""

    needs = {"GET": READ}

    def asked(self, request: Request, id: str) -> tuple[Campaign, list[LedgerStatus]]:
        if not request.user.may("subscribers:get", "subscribers:get_all"):
            raise Forbidden("permission denied: subscribers:get")
        return self.find(id), deliveries.parse_statuses(request.query_params.getlist("status"))


class DeliveriesExportView(LedgerView):
    """Ours: the ledger of a campaign as CSV."""

    def get(self, request: Request, id: str) -> Any:
        campaign, statuses = self.asked(request, id)
        return _download(campaign, deliveries.as_csv(campaign.pk, statuses))


class DeliveriesView(LedgerView):
    """Ours: the ledger of a campaign, by status, page by page."""

    def get(self, request: Request, id: str) -> Response:
        campaign, statuses = self.asked(request, id)
        asked = request.query_params
        most = _number(asked.get("per_page"), "per_page", DEFAULT_PER_PAGE) or DEFAULT_PER_PAGE
        most = min(most, deliveries.MOST_PER_PAGE)
        rows, following = deliveries.page(
            campaign.pk, statuses, after=_number(asked.get("cursor"), "cursor", 0), most=most
        )
        cursors = {"next_cursor": following, "next": following}  # `next` is the older name
        return self.data({"results": rows, **cursors, "per_page": most, **_totals(campaign)})


class RetryFailedView(CampaignAction):
    """Ours: give everybody who failed another try."""

    needs = {"POST": SEND}

    def post(self, request: Request, id: str) -> Response:
        campaign = self.find(id)
        return self.data({"queued": lifecycle.retry_failed(campaign)})


class PaceView(CampaignAction):
    """Ours: how fast the campaign may go; acts while it is being sent."""

    needs = {"PUT": SEND}

    def put(self, request: Request, id: str) -> Response:
        campaign = self.find(id)
        asked = PaceIn(data=self.body(request))
        asked.is_valid(raise_exception=True)
        pace.change(campaign, dict(asked.validated_data))
        return self.data({name: getattr(campaign, name) for name in pace.FIELDS})


class ResolveUnknownView(CampaignAction):
    """Ours: staff decide about those in doubt."""

    needs = {"POST": SEND}

    def post(self, request: Request, id: str) -> Response:
        campaign = self.find(id)
        action = self.body(request).get("action")
        if action not in ("accept", "resend"):
            raise DomainError('Send {"action": "accept"} or {"action": "resend"}.')
        return self.data({"resolved": lifecycle.resolve_unknown(campaign, action)})


def stats(campaign: Campaign) -> dict[str, Any]:
    """CampaignStats of contract 3.2, and the accounting beside it. Rates are messages per minute."""
    run = getattr(campaign, "run", None)
    minutes = 0.0
    if campaign.started_at is not None:
        minutes = (timezone.now() - campaign.started_at).total_seconds() / 60
    return {
        "id": campaign.pk,
        "status": campaign.status,
        "to_send": campaign.to_send,
        "sent": campaign.sent,
        "started_at": campaign.started_at,
        "updated_at": campaign.updated_at,
        "rate": round(run.rate) if run else 0,
        "net_rate": round(campaign.sent / minutes) if minutes > 0 else 0,
        **_totals(campaign),
    }


def _totals(campaign: Campaign) -> dict[str, Any]:
    return {**progress.accounting(campaign), "status_reason": campaign.status_reason}


def _number(text: str | None, name: str, default: int) -> int:
    if text is None or text == "":
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise DomainError(f"{name} must be a number, not {text!r}.")
    return int(text)


def _download(campaign: Campaign, lines: Any) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="deliveries-{campaign.pk}.csv"'
    return answer
