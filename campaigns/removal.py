"""Who keeps rows about a campaign without a foreign key, and removes them with it.

The ledger and the events have no foreign keys (they double the cost of a checkpoint), so the apps
that own such rows register here in `AppConfig.ready()`.
"""

from collections.abc import Callable

_removers: list[Callable[[int], None]] = []


def register(remover: Callable[[int], None]) -> None:
    if remover not in _removers:
        _removers.append(remover)


def remove_everything_of(campaign_id: int) -> None:
    """Call every registered remover; the caller holds the transaction."""
    for remover in _removers:
        remover(campaign_id)
