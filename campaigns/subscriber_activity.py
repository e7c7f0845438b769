"""What one person has opened and clicked (contract 3.5).

Here rather than in subscribers because it shows campaigns (design: a route lives in the highest app
whose data it shows). Opens and clicks of machines are left out.
"""

from typing import TYPE_CHECKING, Any

import orjson
from django.db.models import Count, Exists, Max, OuterRef, Q
from django.http import HttpResponse
from rest_framework.response import Response

from listmonk_py.api.requests import Request
from listmonk_py.api.views import ApiView, pk
from subscribers import people
from subscribers.presenting import offset_time
from tracking.models import Click, Link, Machine, View

from .models import Campaign, CampaignList
from .personal_data import personal_data

if TYPE_CHECKING:
    from listmonk_py.accounts.models import User

READ = ("subscribers:get", "subscribers:get_all")


def activity(subscriber_id: int, user: "User | None" = None) -> dict[str, list[dict[str, Any]]]:
    """The person's opened campaigns and clicked links, the latest first.

    Args:
        user: who asks; shown are campaigns to lists that this user may read. None: all.
    """
    seen, clicked = _views(subscriber_id), _clicks(subscriber_id)
    ids = {row["campaign_id"] for row in (*seen, *clicked)}
    campaigns = {one.pk: one for one in _shown_campaigns(user).filter(pk__in=ids)}
    urls = dict(Link.objects.filter(pk__in=[row["link_id"] for row in clicked]).values_list("pk", "url"))
    return {
        "campaign_views": [
            _view(campaigns[row["campaign_id"]], row) for row in seen if row["campaign_id"] in campaigns
        ],
        "link_clicks": [
            _click(campaigns[row["campaign_id"]], urls.get(row["link_id"], ""), row)
            for row in clicked
            if row["campaign_id"] in campaigns
        ],
    }


def _shown_campaigns(user: "User | None") -> Any:
    ids = None if user is None else user.readable_list_ids()
    if ids is None:
        return Campaign.objects.only("pk", "uuid", "name", "subject")
    on_one = CampaignList.objects.filter(campaign=OuterRef("pk"), list_id__in=ids)
    return Campaign.objects.filter(Exists(on_one)).only("pk", "uuid", "name", "subject")


def _views(subscriber_id: int) -> list[Any]:
    rows = View.objects.filter(subscriber_id=subscriber_id, machine=Machine.NONE).values("campaign_id")
    return list(rows.annotate(number=Count("event_id"), last=Max("created_at")).order_by("-last"))


def _clicks(subscriber_id: int) -> list[Any]:
    rows = Click.objects.filter(~Q(campaign_id=None), subscriber_id=subscriber_id, machine=Machine.NONE)
    grouped = rows.values("campaign_id", "link_id")
    return list(grouped.annotate(number=Count("event_id"), last=Max("created_at")).order_by("-last"))


def _view(campaign: Campaign, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": campaign.pk,
        "uuid": campaign.uuid,
        "name": campaign.name,
        "subject": campaign.subject,
        "view_count": row["number"],
        "last_viewed_at": offset_time(row["last"]),
    }


def _click(campaign: Campaign, url: str, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "link_id": row["link_id"],
        "url": url,
        "campaign_id": campaign.pk,
        "campaign_uuid": campaign.uuid,
        "campaign_name": campaign.name,
        "campaign_subject": campaign.subject,
        "click_count": row["number"],
        "last_clicked_at": offset_time(row["last"]),
    }


class ActivityView(ApiView):
    """`GET /api/subscribers/:id/activity`."""

    needs = {"GET": READ}

    def get(self, request: Request, subscriber_id: str) -> Response:
        number = pk(subscriber_id)
        # listmonk answers somebody who does not exist with empty lists.
        if not people.sees_everybody(request.user):
            people.readable(number, request.user)
        return self.data(activity(number, request.user))


class ExportView(ApiView):
    """`GET /api/subscribers/:id/export`: a file, without the envelope."""

    needs = {"GET": READ}

    def get(self, request: Request, subscriber_id: str) -> HttpResponse:
        person = people.readable(pk(subscriber_id), request.user)
        content = orjson.dumps(personal_data(person), option=orjson.OPT_INDENT_2)
        headers = {"Content-Disposition": 'attachment; filename="data.json"', "Cache-Control": "no-cache"}
        return HttpResponse(content, content_type="application/json", headers=headers)
