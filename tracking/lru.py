"""A dictionary of texts that forgets what was used longest ago, bounded in bytes."""

from collections import OrderedDict
from threading import Lock

# What one entry costs beside its texts (CPython 3.11, 64 bit: two string headers, a dictionary slot).
ENTRY_BYTES = 250


class Lru:
    """Texts by text. Any thread may use it."""

    def __init__(self, *, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self._entries: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> str | None:
        with self._lock:
            value = self._entries.get(key)
            if value is not None:
                self._entries.move_to_end(key)
            return value

    def put(self, key: str, value: str) -> None:
        with self._lock:
            self._forget(key)
            self._entries[key] = value
            self.size_bytes += _cost(key, value)
            while self.size_bytes > self.limit_bytes:
                self._forget(next(iter(self._entries)))

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self.size_bytes = 0

    def _forget(self, key: str) -> None:
        value = self._entries.pop(key, None)
        if value is not None:
            self.size_bytes -= _cost(key, value)


def _cost(key: str, value: str) -> int:
    return len(key) + len(value) + ENTRY_BYTES
