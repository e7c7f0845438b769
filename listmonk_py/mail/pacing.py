"""How fast mail may leave, for all processes together: token buckets and sliding windows in Redis.

    grant = Pacer(redis).take([per_second, per_hour, for_gmail], want=100)

One call asks every limit that applies and takes the same number from all of them, as many as the
tightest allows. Time is the Redis server's, so machines with different clocks agree.

**Bucket**: `limit` tokens per `window_s` flow in evenly, at most `burst` collect. Over any time T at most
`limit * T / window_s + burst` are granted.

**Window**: at most `limit` in any stretch of `window_s` seconds, wherever it begins. Kept as a list of
(time, count), at most `ENTRIES` long: grants that are closer together than a `ENTRIES`th of the window are
one entry with the later time. So limits up to `ENTRIES` are exact, and larger ones may free a grant up to
`window_s / ENTRIES` late, never early.

**What is not known counts as used.** Redis remembers since when it has been keeping count (`pace:since`). A
limit that has no state although Redis has been counting for the whole window has simply not been used.
But when Redis is younger than that, because it is new or has lost its memory, a window starts full and a
bucket empty, so that nothing is granted that may have been granted before. `vouch` skips this on a new
installation. With an append-only file flushed every second, a crash of Redis forgets that second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

from redis import Redis
from redis.exceptions import RedisError

ENTRIES = 200
# Kept long after the last use, so that absence means "not used" rather than "expired".
KEPT_S = 86_400

_COMMON = f"""
local entries, kept = {ENTRIES}, {KEPT_S}"""
_COMMON += """
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
end
local function load(key) local s = redis.call('GET', key); return s and cmsgpack.unpack(s) end
local function store(key, value, horizon)
  redis.call('SET', key, cmsgpack.pack(value), 'PX', math.floor(horizon / 1000) + kept * 1000)
end
"""

# KEYS: since, then one per limit.
# ARGV: now [us] or "", want, then per limit: kind, limit, window [us], burst.
# State of a bucket: {tokens * window [us], last time}; integers, so that nothing is lost to rounding.
# State of a window: {time, count, first time of the entry, ...}, oldest first.
_TAKE = (
    _COMMON
    + """
local want = tonumber(ARGV[2])
local since = tonumber(redis.call('GET', KEYS[1]))
if not since then
  since = now
  redis.call('SET', KEYS[1], string.format('%.0f', now))
end
local states, granted = {}, want

local function bucket(i, limit, window, burst)
  local state = load(KEYS[i])
  local full = burst * window
  if not state then
    state = {(now - since) * limit >= full and full or math.max(0, (now - since) * limit), now}
  end
  local passed = math.max(0, now - state[2])
  return {math.min(full, state[1] + passed * limit), math.max(now, state[2])}
end

local function window_log(i, limit, window)
  local log = load(KEYS[i])
  if not log then
    log = {}
    if now - since < window then log = {since, limit, since} end
  end
  local alive, used = {}, 0
  for j = 1, #log, 3 do
    if log[j] + window > now then
      used = used + log[j + 1]
      alive[#alive + 1], alive[#alive + 2], alive[#alive + 3] = log[j], log[j + 1], log[j + 2]
    end
  end
  return alive, used
end

local function wait_of_window(log, used, limit, window)
  local left = used
  for j = 1, #log, 3 do
    left = left - log[j + 1]
    if left <= limit - 1 then return math.max(0, log[j] + window - now) end
  end
  return window
end

local limits = {}
for i = 2, #KEYS do
  local a = 3 + (i - 2) * 4
  local kind, limit = ARGV[a], tonumber(ARGV[a + 1])
  local window, burst = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  local available
  if kind == 'bucket' then
    local state = bucket(i, limit, window, burst)
    states[i] = state
    available = math.floor(state[1] / window)
  else
    local log, used = window_log(i, limit, window)
    states[i] = {log, used}
    available = math.floor(limit) - used
  end
  limits[i] = {kind, limit, window, burst}
  granted = math.min(granted, math.max(0, available))
end

local wait = 0
for i = 2, #KEYS do
  local kind, limit, window, burst = unpack(limits[i])
  if kind == 'bucket' then
    local state = states[i]
    state[1] = state[1] - granted * window
    if state[1] < window then wait = math.max(wait, math.ceil((window - state[1]) / limit)) end
    store(KEYS[i], {math.floor(state[1]), state[2]}, burst * window / limit)
  else
    local log, used = states[i][1], states[i][2] + granted
    local n = #log
    if granted > 0 then
      if n > 0 and limit > entries and now - log[n] < window / entries then
        log[n - 2], log[n - 1] = now, log[n - 1] + granted
      else
        log[n + 1], log[n + 2], log[n + 3] = now, granted, now
      end
    end
    if used >= math.floor(limit) then
      wait = math.max(wait, wait_of_window(log, used, math.floor(limit), window))
    end
    store(KEYS[i], log, window)
  end
end
return {granted, wait}
"""
)

# KEYS: one per limit. ARGV: now [us] or "", count, then per limit: kind, limit, window [us], burst.
_GIVE_BACK = (
    _COMMON
    + """
local count = tonumber(ARGV[2])
for i = 1, #KEYS do
  local a = 3 + (i - 1) * 4
  local limit, window, burst = tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  local state = load(KEYS[i])
  if state and ARGV[a] == 'bucket' then
    store(KEYS[i], {math.min(burst * window, state[1] + count * window), state[2]}, burst * window / limit)
  elseif state then
    local left = count
    while left > 0 and #state > 0 do
      local n = #state
      local some = math.min(left, state[n - 1])
      state[n - 1], left = state[n - 1] - some, left - some
      if state[n - 1] == 0 then state[n], state[n - 1], state[n - 2] = nil, nil, nil end
    end
    store(KEYS[i], state, window)
  end
end
return count
"""
)


class PacerUnavailable(Exception):
    """Redis does not answer. Wait and ask again; never send unpaced."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit in one scope.

    key: names the scope; the same key shares the same allowance, such as "campaign:7" or "group:gmail".
    limit: messages per `window_s`, above 0. A bucket may have a fraction; of a window's the whole counts.
    window_s: length [s], above 0.
    burst: what a bucket may save up, at least 1; by default a twentieth of a second's worth.

    Raises:
        ValueError: a number is out of range.
    """

    key: str
    kind: Literal["bucket", "window"]
    limit: float
    window_s: float = 1.0
    burst: float | None = None

    def __post_init__(self) -> None:
        if self.limit <= 0 or self.window_s <= 0 or (self.burst is not None and self.burst < 1):
            raise ValueError(f"The limit {self.key} needs numbers above 0, and a burst of 1 or more.")
        if self.kind == "window" and self.limit < 1:
            raise ValueError(f"The window {self.key} must allow at least one message.")

    @property
    def capacity(self) -> float:
        return self.burst if self.burst is not None else max(1.0, self.limit / self.window_s / 20)

    def arguments(self) -> list[str | float]:
        return [self.kind, repr(float(self.limit)), round(self.window_s * 1_000_000), repr(self.capacity)]


# A bucket may save up so much, so that a sender that looks a little late loses nothing.
SAVED_S = 0.2
LEAST_BURST = 2.0


def bucket(key: str, rate: float, window_s: float = 1.0) -> Limit:
    """A bucket of `rate` messages per `window_s` that saves up a fifth of a second's worth."""
    return Limit(key, "bucket", rate, window_s, burst=max(LEAST_BURST, rate / window_s * SAVED_S))


class Grant(NamedTuple):
    """granted: so many may leave now. wait_s: in how many seconds the next one may; 0 when at once."""

    granted: int
    wait_s: float


class Pacer:
    """The limits' state in one Redis. Holds no state of its own, so any number may be made."""

    def __init__(self, redis: Redis, *, prefix: str = "pace") -> None:
        self._redis = redis
        self._prefix = f"{{{prefix}}}"
        self._take = redis.register_script(_TAKE)
        self._give_back = redis.register_script(_GIVE_BACK)

    def _keys(self, limits: Sequence[Limit]) -> list[str]:
        return [f"{self._prefix}:{limit.kind}:{limit.key}" for limit in limits]

    @staticmethod
    def _arguments(limits: Sequence[Limit], count: int, now_us: int | None) -> list[str | float]:
        arguments: list[str | float] = ["" if now_us is None else now_us, count]
        for limit in limits:
            arguments += limit.arguments()
        return arguments

    def take(self, limits: Sequence[Limit], want: int, *, now_us: int | None = None) -> Grant:
        """Take up to `want` from every limit at once; no limits, no pacing.

        now_us: the time [us since the epoch] to go by instead of the server's, for tests.

        Raises:
            PacerUnavailable: Redis does not answer. Nothing may be sent; something may have been taken.
        """
        if not limits:
            return Grant(want, 0.0)
        keys = [f"{self._prefix}:since", *self._keys(limits)]
        try:
            answer = self._take(keys=keys, args=self._arguments(limits, want, now_us))
        except RedisError as fault:
            raise PacerUnavailable(f"Redis does not answer, so nothing can be paced: {fault}") from fault
        granted, wait_us = cast(tuple[int, int], answer)
        return Grant(granted, wait_us / 1_000_000)

    def give_back(self, limits: Sequence[Limit], count: int, *, now_us: int | None = None) -> None:
        """Return what was taken and not used.

        Raises:
            PacerUnavailable: Redis does not answer; what was taken stays taken.
        """
        if not limits or count <= 0:
            return
        try:
            self._give_back(keys=self._keys(limits), args=self._arguments(limits, count, now_us))
        except RedisError as fault:
            raise PacerUnavailable(f"Redis does not answer, so nothing can be paced: {fault}") from fault

    def vouch(self) -> None:
        """State that nothing was sent before now, as on a new installation: limits start unused.

        Without effect when Redis is counting already.
        """
        try:
            self._redis.set(f"{self._prefix}:since", 0, nx=True)
        except RedisError as fault:
            raise PacerUnavailable(f"Redis does not answer: {fault}") from fault
