"""What a client that shows messages keeps of a session, by the rules of docs/protocol.md."""

from dataclasses import dataclass, field
from typing import Any

Frame = dict[str, Any]
ENDED = {"RUN_PHASE_COMPLETED", "RUN_PHASE_FAILED", "RUN_PHASE_CANCELLED"}


class Gap(Exception):
    """Something is missing before this."""


class Stale(Exception):
    """What is here cannot be brought up to date by what came."""


@dataclass
class Part:
    id: str
    opened: int
    kind: str = ""
    closed: bool = False
    units: bytearray = field(default_factory=bytearray)  # UTF-16, two bytes a unit.

    @property
    def text(self) -> str:
        return self.units.decode("utf-16-le", "surrogatepass")

    def set(self, text: str) -> None:
        self.units = bytearray(text.encode("utf-16-le", "surrogatepass"))

    def append(self, at: int, text: str) -> None:
        if at * 2 <= len(self.units):
            self.units[at * 2 :] = text.encode("utf-16-le", "surrogatepass")


@dataclass
class Message:
    id: str
    opened: int = 0
    role: str = ""
    author: str = ""
    run: str = ""
    step: str = ""
    closed: bool = False
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts.values() if part.kind == "PART_KIND_TEXT")


@dataclass
class Step:
    id: str
    run: str
    key: str = ""
    parent: str = ""
    phase: str = "STEP_PHASE_OPEN"


class State:
    """Messages, and of runs and steps what decides which messages stay."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.epoch: str | None = None
        self.seq = 0
        self.messages: dict[str, Message] = {}
        self.steps: dict[str, Step] = {}
        self.phases: dict[str, str] = {}  # Of runs.
        self._cancels: set[str] = set()  # Runs that somebody wants to be ended.
        self._parts: dict[str, Part] = {}
        self._opened: dict[int, Part] = {}

    @property
    def cursor(self) -> Frame | None:
        return None if self.epoch is None else {"epoch": self.epoch, "seq": self.seq}

    # -- how an attach, or an update, brings it up to date ----------------------------------------------------------

    def bring(self, frame: Frame) -> None:
        how = frame["how"]
        if how == "resumed":
            for record in frame.get("records", []):
                self.take(record)
        elif how == "patched":
            self._merge(frame.get("head", {}))
        else:
            self.clear()
            self._merge(frame.get("head", {}))
        self.epoch = frame.get("epoch", self.epoch if how == "resumed" else None)
        if how != "resumed":
            self.seq = frame["seq"]
        elif self.seq != frame["seq"]:
            raise Gap

    def _merge(self, head: Frame) -> None:
        for tombstone in head.get("tombstones", []):
            if tombstone.get("kind") == "TOMBSTONE_KIND_MESSAGE":
                self._remove(tombstone["id"])
            elif tombstone.get("kind") == "TOMBSTONE_KIND_STEP":
                self.steps.pop(tombstone["id"], None)
        for item in head.get("messages", []):
            self._merge_message(item)
        for item in head.get("controls", []):
            if item.get("kind") == "CONTROL_KIND_CANCEL":
                self._cancels.add(item.get("runId", ""))
        for item in head.get("runs", []):
            self.phases[item["id"]] = item["phase"]
            for step in item.get("steps", []):
                key, parent = step.get("key", ""), step.get("parentStepId", "")
                self.steps[step["id"]] = Step(step["id"], item["id"], key, parent, step["phase"])

    def _merge_message(self, item: Frame) -> None:
        message = self.messages.setdefault(item["id"], Message(item["id"]))
        message.opened, message.role = item["opened"], item.get("role", "")
        message.author, message.closed = item.get("author", ""), item.get("closed", False)
        message.run, message.step = item.get("runId", ""), item.get("stepId", "")
        for stated in item.get("parts", []):
            spec = stated.get("part", {})
            part = Part(stated["id"], stated["opened"], spec.get("kind", ""), stated.get("closed", False))
            part.set(spec.get("text", ""))
            self._add_part(message, part)

    # -- what follows ---------------------------------------------------------------------------------------------

    def take(self, record: Any) -> None:
        """Takes a record that was accepted. Raises Gap where others are missing before it."""
        if isinstance(record, list):
            first, count = record[2], (record[3] if record[0] == "s" else 1)
        else:
            first, count = record["s"], len(record["ev"])
        if first <= self.seq:
            return
        if first != self.seq + 1:
            raise Gap
        self.seq = first + count - 1
        if not isinstance(record, list):
            self.epoch = record.get("epoch", self.epoch)
            for index, event in enumerate(record["ev"]):
                for kind, body in event.items():
                    self._apply(kind, body, record, index)
        elif record[0] == "a":
            _, _, _, opened, at, text = record[:6]
            if opened in self._opened:
                self._opened[opened].append(at, text)

    def _apply(self, kind: str, body: Frame, record: Frame, index: int) -> None:
        apply = getattr(self, f"_on_{kind}", None)
        if apply is not None:
            apply(body, f"{record['p']}:{record['n']}:{index}", record, record["s"] + index)

    def _on_messageOpened(self, body: Frame, id: str, record: Frame, seq: int) -> None:
        author, run, step = record["by"].get("participant", ""), body.get("runId", ""), body.get("stepId", "")
        self.messages[id] = Message(id, seq, body.get("role", ""), author, run, step)

    def _on_messageRemoved(self, body: Frame, *_: Any) -> None:
        self._remove(body.get("messageId", ""))

    def _on_messageClosed(self, body: Frame, *_: Any) -> None:
        self._close(lambda message: message.id == body.get("messageId"))

    def _on_partOpened(self, body: Frame, id: str, record: Frame, seq: int) -> None:
        message, spec = self.messages.get(body.get("messageId", "")), body.get("part", {})
        if message is not None:
            part = Part(id, seq, spec.get("kind", ""), body.get("complete", False))
            part.set(spec.get("text", ""))
            self._add_part(message, part)

    def _on_partAppended(self, body: Frame, *_: Any) -> None:
        part = self._parts.get(body.get("partId", ""))
        if part is not None:
            part.append(body.get("at", 0), body.get("text", ""))

    def _on_partSet(self, body: Frame, *_: Any) -> None:
        part, spec = self._parts.get(body.get("partId", "")), body.get("part", {})
        if part is not None:
            part.kind = spec.get("kind", "")
            part.set(spec.get("text", ""))

    def _on_partPatched(self, body: Frame, *_: Any) -> None:
        if body.get("partId", "") in self._parts:
            raise Stale  # This client has no JSON Patch: it asks for the state whole.

    def _on_partClosed(self, body: Frame, *_: Any) -> None:
        part = self._parts.get(body.get("partId", ""))
        if part is not None:
            part.closed = True

    def _on_stepStarted(self, body: Frame, id: str, *_: Any) -> None:
        run, key = body.get("runId", ""), body.get("key", "")
        for step in list(self.steps.values()):
            if step.run == run and step.key == key and step.phase in ("STEP_PHASE_OPEN", "STEP_PHASE_FAILED"):
                self._void(step)
        self.steps[id] = Step(id, run, key, body.get("parentStepId", ""))

    def _on_stepClosed(self, body: Frame, *_: Any) -> None:
        step = self.steps.get(body.get("stepId", ""))
        if step is not None:
            self._end_step(step, failed=body.get("error", "") != "")

    def _on_stepSuperseded(self, body: Frame, *_: Any) -> None:
        step = self.steps.get(body.get("stepId", ""))
        if step is not None and step.phase != "STEP_PHASE_DONE":
            self._void(step)

    def _on_runRequested(self, body: Frame, id: str, *_: Any) -> None:
        self.phases[id] = "RUN_PHASE_REQUESTED"

    def _on_runAccepted(self, body: Frame, *_: Any) -> None:
        run = body.get("runId", "")
        self.phases[run] = "RUN_PHASE_ACTIVE"
        for step in list(self.steps.values()):
            if step.run == run and step.phase == "STEP_PHASE_OPEN":
                self._void(step)
        for message in list(self.messages.values()):
            if message.run == run and not message.closed:
                self._remove(message.id)

    def _on_runCompleted(self, body: Frame, *_: Any) -> None:
        self._end_run(body.get("runId", ""), "RUN_PHASE_COMPLETED")

    def _on_runFailed(self, body: Frame, *_: Any) -> None:
        self._end_run(body.get("runId", ""), "RUN_PHASE_FAILED")

    def _on_runCancelled(self, body: Frame, *_: Any) -> None:
        self._end_run(body.get("runId", ""), "RUN_PHASE_CANCELLED")

    def _on_runOrphaned(self, body: Frame, *_: Any) -> None:
        run = body.get("runId", "")
        self.phases[run] = "RUN_PHASE_ORPHANED"
        if run in self._cancels:
            self._end_run(run, "RUN_PHASE_CANCELLED")

    def _on_controlCancel(self, body: Frame, *_: Any) -> None:
        run = body.get("runId", "")
        self._cancels.add(run)
        if self.phases.get(run) in ("RUN_PHASE_REQUESTED", "RUN_PHASE_ORPHANED"):
            self._end_run(run, "RUN_PHASE_CANCELLED")

    def _on_takeoverReleased(self, body: Frame, *_: Any) -> None:
        if body.get("outcome") == "TAKEOVER_OUTCOME_RESOLVED":
            self._cancel_runs()

    def _on_sessionClosed(self, *_: Any) -> None:
        self._cancel_runs()
        self._close(lambda _: True)

    # -- what events come to --------------------------------------------------------------------------------------

    def _add_part(self, message: Message, part: Part) -> None:
        message.parts[part.id] = self._parts[part.id] = self._opened[part.opened] = part

    def _remove(self, id: str) -> None:
        message = self.messages.pop(id, None)
        for part in message.parts.values() if message is not None else ():
            self._parts.pop(part.id, None)
            self._opened.pop(part.opened, None)

    def _close(self, which: Any) -> None:
        for message in filter(which, self.messages.values()):
            message.closed = True
            for part in message.parts.values():
                part.closed = True

    def _end_step(self, step: Step, failed: bool) -> None:
        step.phase = "STEP_PHASE_FAILED" if failed else "STEP_PHASE_DONE"
        self._close(lambda message: message.step == step.id)

    def _end_run(self, run: str, phase: str) -> None:
        self.phases[run] = phase
        for step in self.steps.values():
            if step.run == run and step.phase == "STEP_PHASE_OPEN":
                self._end_step(step, failed=phase != "RUN_PHASE_COMPLETED")
        self._close(lambda message: message.run == run)

    def _cancel_runs(self) -> None:
        for run, phase in list(self.phases.items()):
            if phase not in ENDED:
                self._end_run(run, "RUN_PHASE_CANCELLED")

    def _void(self, step: Step) -> None:
        if step.phase in ("STEP_PHASE_DONE", "STEP_PHASE_SUPERSEDED"):
            return
        step.phase = "STEP_PHASE_SUPERSEDED"
        for message in list(self.messages.values()):
            if message.step == step.id:
                self._remove(message.id)
        for inner in list(self.steps.values()):
            if inner.parent == step.id and inner.phase == "STEP_PHASE_OPEN":
                self._void(inner)
