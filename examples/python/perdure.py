"""A small client of perdure, by docs/protocol.md: follows a session, keeps its messages, and writes.

It holds one connection for one session, comes back by cursor whenever that breaks, and sends again what has no answer.
"""

import asyncio
import json
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from fold import Gap, State, Stale

Frame = dict[str, Any]

PASSING = {"unavailable", "overloaded", "catching_up", "rules_too_new"}
SPENT_PRODUCER = {"producer_expired", "producer_conflict", "session_replaced"}
ANSWER_SECONDS = 5.0
RENEW_SECONDS = 30.0
FIRST_DELAY, LONGEST_DELAY = 0.25, 30.0


class Refused(Exception):
    """The server will not have this, now or later."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Moved(Exception):
    """The node is about to stop."""

    def __init__(self, within: float) -> None:
        super().__init__("the node is about to stop")
        self.within = within


class Session:
    """A session as this client has it. `run` follows it until cancelled; `on_change` is called after every change."""

    def __init__(
        self,
        url: str,
        get_token: Callable[[], Awaitable[str]],
        name: str,
        on_change: Callable[["Session"], None] = lambda _: None,
    ) -> None:
        self.state = State()
        self.url, self.name = url, name
        self.attached: list[str] = []  # How each attach was answered, and each update.
        self._get_token, self._on_change = get_token, on_change
        self._ws: ClientConnection | None = None
        self._handle = 0
        self._member: str | None = None
        self._attaching = 0  # Id of the attach that waits for its answer; 0: none.
        self._last_id = 0
        self._welcome: Frame = {}
        self._renew_at = 0.0
        self._retry_after = 0.0
        self._producer, self._born, self._number = "", 0, 0
        self._waiting: dict[int, tuple[Frame, asyncio.Future[int]]] = {}
        self._known = asyncio.Event()  # What the session is was told once.

    # -- the connection -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        failures = 0
        while True:
            self._retry_after = 0.0
            wait = 0.0
            before = len(self.attached)
            try:
                # A state may be longer than the frames that a server takes.
                async with connect(self.url, max_size=None, open_timeout=ANSWER_SECONDS) as ws:
                    self._ws = ws
                    await self._live(ws)
            except Moved as moved:
                wait = random.uniform(0, moved.within)
            except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError) as error:
                received = error.rcvd if isinstance(error, ConnectionClosed) else None
                if received is not None and 4500 <= received.code <= 4999:
                    raise Refused(received.reason) from error
                failures = 0 if len(self.attached) > before else failures + 1
                bound = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(failures, 20))
                wait = self._retry_after + random.uniform(0, bound)
            finally:
                self._ws = None
            await asyncio.sleep(wait)

    async def _live(self, ws: ClientConnection) -> None:
        self._welcome = {}
        self._handle = self._attaching = 0
        await self._send({"t": "hello", "v": 1, "token": await self._get_token(), "client": "perdure-python/1"})
        silent = False
        while True:
            if self._renew_in() <= 0:
                await self._renew()
            try:
                frame = json.loads(await asyncio.wait_for(ws.recv(), self._patience(silent)))
            except TimeoutError:
                if self._renew_in() <= 0:
                    continue
                if silent or not self._welcome:
                    raise  # Nothing came back: the connection is dead.
                silent = True
                await self._send({"t": "ping"})
                continue
            silent = False
            await self._take(frame)

    def _patience(self, silent: bool) -> float:
        if silent or not self._welcome:
            return ANSWER_SECONDS
        return max(0.0, min(self._welcome["beatMs"] / 1000, self._renew_in()))

    def _renew_in(self) -> float:
        if not self._welcome:
            return ANSWER_SECONDS
        return self._renew_at - time.monotonic()

    async def _renew(self) -> None:
        self._renew_at = time.monotonic() + 3600  # Until the answer says when.
        await self._send({"t": "auth", "token": await self._get_token()})

    async def _send(self, frame: Frame) -> None:
        if self._ws is not None:
            await self._ws.send(json.dumps(frame))

    # -- what comes -----------------------------------------------------------------------------------------------

    async def _take(self, frame: Any) -> None:
        if isinstance(frame, list):
            if frame and frame[0] in ("a", "s"):
                await self._follow(frame[1], lambda: self.state.take(frame))
            return
        kind = frame.get("t")
        if kind == "welcome":
            first = not self._welcome
            self._welcome = frame
            lifetime = frame["expiresInMs"] / 1000
            self._renew_at = time.monotonic() + lifetime - min(RENEW_SECONDS, lifetime / 2)
            if first:
                await self._attach()
        elif kind == "attached" and frame["id"] == self._attaching:
            await self._on_attached(frame)
        elif kind == "e":
            await self._follow(frame["h"], lambda: self.state.take(frame))
        elif kind == "update":
            await self._follow(frame["h"], lambda: self._bring(frame))
        elif kind == "ack":
            await self._on_ack(frame)
        elif kind == "detached" and frame["h"] == self._handle:
            await self._on_detached(frame)
        elif kind == "error":
            await self._on_error(frame)
        elif kind == "move":
            raise Moved(frame["withinMs"] / 1000)
        # Other kinds are of a later version, or of no use here.

    async def _follow(self, handle: int, take: Callable[[], None]) -> None:
        """Takes what follows an attach; where it does not fit what is here, attaches again."""
        if handle != self._handle or self._attaching:
            return
        try:
            take()
        except Gap:
            await self._attach()
        except Stale:
            await self._attach(whole=True)
        self._on_change(self)

    async def _attach(self, whole: bool = False) -> None:
        self._last_id += 1
        self._attaching = self._last_id
        cursor = None if whole else self.state.cursor
        frame: Frame = {"t": "attach", "id": self._attaching, "session": self.name}
        if cursor is not None:
            frame["cursor"] = cursor
        if self._member is not None:
            frame["member"] = self._member
        await self._send(frame)

    async def _on_attached(self, frame: Frame) -> None:
        self._attaching = 0
        self._handle, self._member = frame["h"], frame.get("member")
        await self._follow(self._handle, lambda: self._bring(frame))
        if not self._attaching:
            self._known.set()
            for record, _ in self._waiting.values():
                await self._send({**record, "h": self._handle})

    def _bring(self, frame: Frame) -> None:
        self.attached.append(frame["how"])
        self.state.bring(frame)

    async def _on_detached(self, frame: Frame) -> None:
        code = frame["code"]
        if code in ("removed_from_session", "forbidden_session", "history_lost", "set_aside"):
            raise Refused(code, frame.get("message", ""))
        await asyncio.sleep(random.uniform(0, 1))
        await self._attach()

    async def _on_error(self, frame: Frame) -> None:
        retry_after = frame.get("retryAfterMs", 0) / 1000
        if frame.get("id") is None:
            self._retry_after = retry_after  # The close that follows says what to do.
        elif frame["id"] == self._attaching:
            if not retry_after:
                raise Refused(frame["code"], frame["message"])
            await asyncio.sleep(retry_after + random.uniform(0, 1))
            await self._attach()

    # -- writing --------------------------------------------------------------------------------------------------

    async def write(self, events: Callable[[Callable[[int], str]], list[Frame]]) -> int:
        """Writes a record, once, however often the connection breaks; answers the seq of its last event.

        `events` gets the function that tells the id of the item that event i begins.
        """
        await self._known.wait()
        if not self._producer:
            self._producer, self._born, self._number = f"py-{uuid.uuid4().hex}", self.state.seq, 0
        self._number += 1
        number, prefix = self._number, f"{self._producer}:{self._number}"
        record = {"t": "send", "p": self._producer, "n": number, "born": self._born}
        record["ev"] = events(lambda index: f"{prefix}:{index}")
        judged: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (record, judged)
        if self._handle and not self._attaching:
            await self._send({**record, "h": self._handle})
        return await judged

    async def _on_ack(self, frame: Frame) -> None:
        code, number = frame.get("code"), frame["n"]
        if frame["p"] != self._producer or number not in self._waiting or code == "not_attached":
            return
        if code in PASSING or (code == "producer_gap" and frame["expected"] in self._waiting):
            await asyncio.sleep(frame.get("retryAfterMs", 0) / 1000)
            for waiting, (record, _) in self._waiting.items():
                if waiting >= frame.get("expected", number):
                    await self._send({**record, "h": self._handle})
            return
        _, judged = self._waiting.pop(number)
        if code is None:
            judged.set_result(frame["s"])
            return
        judged.set_exception(Refused(code, frame.get("message", "")))
        if code in SPENT_PRODUCER or "expected" in frame:
            # The numbers behind it will not be taken any more: what comes next begins anew.
            for _, other in self._waiting.values():
                other.set_exception(Refused(code, "an earlier record was refused"))
            self._waiting.clear()
            self._producer = ""

    async def create(self, title: str = "") -> None:
        """Begins the session where it has no life yet."""
        await self._known.wait()
        try:
            if self.state.epoch is None:
                await self.write(lambda _: [{"sessionCreated": {"title": title}}])
        except Refused as error:
            if error.code != "already_exists":
                raise

    async def say(self, text: str, agent: str | None = None) -> str:
        """Says something; with `agent`, asks it to answer. Answers the id of the run, or of the message."""
        ids: list[str] = []

        def events(id_of: Callable[[int], str]) -> list[Frame]:
            part = {"kind": "PART_KIND_TEXT", "text": text}
            record: list[Frame] = [
                {"messageOpened": {"role": "MESSAGE_ROLE_USER"}},
                {"partOpened": {"messageId": id_of(0), "part": part, "complete": True}},
                {"messageClosed": {"messageId": id_of(0)}},
            ]
            if agent is not None:
                record.append({"runRequested": {"agent": agent, "inputMessageId": id_of(0)}})
            ids.append(id_of(0 if agent is None else 3))
            return record

        await self.write(events)
        return ids[0]
