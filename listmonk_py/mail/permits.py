"""Connection permits and resting servers, shared by every process through Redis.

`max_conns` of an SMTP server is a cap for the whole deployment. A process holds permits as leases that
end `LEASE_S` after its last word, so those of a killed process come back by themselves. One script call
tells Redis what the process holds and wants, and answers how many connections it may have.

The rules, in `CLAIM`:
- All lanes together never get more than the cap; the campaign lane never touches the transactional
  share (`transactional_share`), except with a cap of 1, where a transactional message takes the one
  connection over as soon as it is free.
- Nobody is given what another holds. But when another process of the lane has less than it wants and less
  than its fair share (the lane's permits divided by the processes that want some), who is above that
  share gives back what the other lacks. Connections that are merely kept are given back first.

When Redis is away a process keeps the connections it has and opens none. When Redis comes back without
its memory, holders report again within half a second; a process that held nothing and asks in that second
may be given permits that others still hold, so the cap can be exceeded for that long.
"""

import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, cast
from uuid import uuid4

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from .outgoing import Lane
from .smtp.loop import LoopThread
from .smtp.pool import ServerPool

logger = logging.getLogger(__name__)

LEASE_S = 10.0
RENEW_EVERY_S = 0.5
# While messages wait and no connection is open: another process may be giving some back.
HUNGRY_EVERY_S = 0.2
# A ring answers at most this often, so that a busy pool does not turn into a busy Redis.
SHORTEST_GAP_S = 0.02

# KEYS: permits hash, rest string.
# ARGV: member, lane (c or t), wanted, held, cap, reserved, lease [ms].
# Each field of the hash: lane|wanted|count|expiry [ms]. Returns {granted, rest [ms], reason}.
CLAIM = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local me, lane = ARGV[1], ARGV[2]
local wanted, held, cap = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local reserved, lease = tonumber(ARGV[6]), tonumber(ARGV[7])
local all, of_lane, claimants, unmet, unmet_t = 0, 0, 0, 0, 0
local others = {}
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if fields[i] ~= me then
    local l, w, c, e = fields[i + 1]:match('^(%a)|(%d+)|(%d+)|(%d+)$')
    w, c, e = tonumber(w), tonumber(c), tonumber(e)
    if not e or e < now then
      redis.call('HDEL', KEYS[1], fields[i])
    else
      all = all + c
      if l == lane then
        of_lane = of_lane + c
        others[#others + 1] = {w, c}
        if w > 0 then claimants = claimants + 1 end
        if w > c then unmet = unmet + w - c end
      elseif l == 't' and w > c then
        unmet_t = unmet_t + w - c
      end
    end
  end
end
local limit = cap
if lane == 'c' then
  limit = cap - reserved
  if reserved == 0 and unmet_t > 0 then limit = math.max(0, cap - unmet_t) end
end
local room = math.max(0, math.min(limit - of_lane, cap - all))
local keep = held
if unmet > 0 or unmet_t > 0 then keep = 0 end
local granted = math.min(math.max(wanted, keep), room)
if unmet > 0 then
  if wanted > 0 then claimants = claimants + 1 end
  local fair = math.max(1, math.floor(limit / math.max(1, claimants)))
  local owed = 0
  for _, other in ipairs(others) do owed = owed + math.max(0, math.min(other[1], fair) - other[2]) end
  granted = math.min(granted, math.max(fair, room - owed))
end
local count = math.max(granted, held)
if count == 0 and wanted == 0 then
  redis.call('HDEL', KEYS[1], me)
else
  redis.call('HSET', KEYS[1], me, lane .. '|' .. wanted .. '|' .. count .. '|' .. (now + lease))
  redis.call('PEXPIRE', KEYS[1], lease * 2)
end
local rest = redis.call('PTTL', KEYS[2])
if rest < 0 then rest = 0 end
return {granted, rest, rest > 0 and redis.call('GET', KEYS[2]) or ''}
"""


class Claim(NamedTuple):
    """granted: connections this process may have. rest_s: the server rests that long, for `reason`."""

    granted: int
    rest_s: float
    reason: str


class Health(NamedTuple):
    """One server for staff: connections that may be open now; the rest of its rest [s], and why."""

    connections: int
    rest_s: float
    reason: str


def reserved_for_transactional(max_conns: int) -> int:
    """The transactional lane's share of a server's connections: a tenth, at least one; 0 of one."""
    return 0 if max_conns <= 1 else max(1, round(max_conns * 0.1))


class Permits:
    """The shared state in Redis. Every method raises RedisError when Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._claim = redis.register_script(CLAIM)
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"

    @staticmethod
    def _keys(server: str) -> tuple[str, str]:
        return f"mail:{{{server}}}:permits", f"mail:{{{server}}}:rest"

    def claim(self, server: str, lane: Lane, *, wanted: int, held: int, cap: int) -> Claim:
        """Report what this process holds and wants of `server`; learn what it may have."""
        arguments: list[str | int] = [
            f"{self.owner}:{lane[0]}",
            lane[0],
            wanted,
            held,
            cap,
            reserved_for_transactional(cap),
            int(LEASE_S * 1000),
        ]
        granted, rest_ms, reason = cast(
            tuple[int, int, bytes | str], self._claim(keys=list(self._keys(server)), args=arguments)
        )
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
        return Claim(granted, rest_ms / 1000, text)

    def rest(self, server: str, seconds: float, reason: str) -> None:
        """Have every process leave `server` alone for `seconds`; a longer rest that is under way stays."""
        self._redis.set(self._keys(server)[1], reason, px=max(1, int(seconds * 1000)), nx=True)

    def recovered(self, server: str) -> None:
        """`server` works again: end its rest everywhere."""
        self._redis.delete(self._keys(server)[1])

    def release(self, server: str) -> None:
        """Give back everything this process has of `server`."""
        self._redis.hdel(self._keys(server)[0], f"{self.owner}:c", f"{self.owner}:t")

    def look(self, server: str) -> Health:
        """How `server` is, by what all processes said last."""
        permits, rest = self._keys(server)
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hvals(permits)
            pipe.time()
            pipe.pttl(rest)
            pipe.get(rest)
            rows, (now_s, _), rest_ms, reason = pipe.execute()
        leases = [bytes(row).split(b"|") for row in rows]
        connections = sum(int(row[2]) for row in leases if int(row[3]) > now_s * 1000)
        return Health(connections, max(0, rest_ms) / 1000, (reason or b"").decode("utf-8", "replace"))


class Steward:
    """The thread that speaks with Redis for this process's pools: permits, rests and recoveries.

    It is apart from the event loop because it may block, and apart from the senders because connections
    must be given back, and leases renewed, while nobody sends.
    """

    def __init__(self, thread: LoopThread, connect: Callable[[], Redis]) -> None:
        self._thread = thread
        self._connect = connect
        self._permits: Permits | None = None
        self._pools: dict[tuple[str, Lane], ServerPool] = {}
        self._seen_resting: set[tuple[str, Lane]] = set()
        self._reported: set[tuple[str, Lane]] = set()
        self._errands: deque[Callable[[Permits], None]] = deque(maxlen=1000)
        self._bell = threading.Event()
        self._ended = False
        self._worker = threading.Thread(target=self._run, name="mail-permits", daemon=True)
        self._worker.start()

    def watch(self, pool: ServerPool) -> None:
        """Look after `pool` from now on."""
        uuid = pool.settings.uuid

        def on_rest(reason: str, seconds: float) -> None:
            logger.warning("SMTP server %s rests for %.1f s: %s", pool.settings.label, seconds, reason)
            self._errands.append(lambda permits: permits.rest(uuid, seconds, reason))
            self._bell.set()

        def on_recovery() -> None:
            logger.info("SMTP server %s works again.", pool.settings.label)
            self._errands.append(lambda permits: permits.recovered(uuid))
            self._bell.set()

        pool.on_rest, pool.on_recovery, pool.on_change = on_rest, on_recovery, self._bell.set
        self._pools[(uuid, pool.lane)] = pool

    def release(self) -> None:
        """Give every permit back now, because this process ends."""
        self._ended = True
        permits = self._permits or Permits(self._connect())
        for uuid, _ in list(self._pools):
            permits.release(uuid)

    def _run(self) -> None:
        while not self._ended:
            hungry = any(pool.wanted and not pool.held for pool in list(self._pools.values()))
            self._bell.wait(HUNGRY_EVERY_S if hungry else RENEW_EVERY_S)
            self._bell.clear()
            try:
                self.renew()
            except RedisError as fault:
                self._permits = None
                reason = f"Redis is away, so no new connection may be opened ({fault})."
                for pool in list(self._pools.values()):
                    self._thread.call(pool.hold, reason)
                time.sleep(0.2)
            except Exception:
                logger.exception("The renewal of connection permits failed; it is tried again.")
                time.sleep(0.2)
            time.sleep(SHORTEST_GAP_S)

    def renew(self) -> None:
        """One round: publish what happened, report every active pool, pass the answers on."""
        permits = self._permits
        if permits is None:
            redis = self._connect()
            redis.set_retry(Retry(NoBackoff(), 1))  # this thread asks again anyway, a second later
            permits = self._permits = Permits(redis)
        while self._errands:
            self._errands[0](permits)
            self._errands.popleft()
        for key, pool in list(self._pools.items()):
            if pool.wanted or pool.held or pool.resting or key in self._reported:
                self._renew_pool(permits, key, pool)

    def _renew_pool(self, permits: Permits, key: tuple[str, Lane], pool: ServerPool) -> None:
        wanted, held = pool.wanted, pool.held
        claim = permits.claim(key[0], key[1], wanted=wanted, held=held, cap=pool.settings.max_conns)
        if wanted or held:
            self._reported.add(key)
        else:
            self._reported.discard(key)
        if claim.granted != pool.permitted:
            self._thread.call(pool.permit, claim.granted)
        if claim.rest_s > 0:
            self._seen_resting.add(key)
            if not pool.resting:
                self._thread.call(pool.rest, claim.rest_s, claim.reason)
        elif key in self._seen_resting:
            self._seen_resting.discard(key)
            if pool.resting:
                self._thread.call(pool.end_rest)
