"""Follows a session and prints its messages as they change, a JSON document on a line.

PERDURE_TOKEN=… python follow.py ws://127.0.0.1:7600/v1/connect trip-42 [--say TEXT [--agent NAME]]
"""

import argparse
import asyncio
import json
import os
import sys

from fold import ENDED
from perdure import Session

PRINT_SECONDS = 0.25


def show(session: Session) -> None:
    state = session.state
    messages = sorted(state.messages.values(), key=lambda message: message.opened)
    shown = [{"id": one.id, "role": one.role, "text": one.text, "closed": one.closed} for one in messages]
    line = {"seq": state.seq, "attached": session.attached, "runs": state.phases, "messages": shown}
    print(json.dumps(line), flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description="Follows a session of perdure.")
    parser.add_argument("url")
    parser.add_argument("session")
    parser.add_argument("--say", help="say this, and end when the work that it asks for has ended")
    parser.add_argument("--agent", help="the agent to ask")
    options = parser.parse_args()
    changed = asyncio.Event()

    async def token() -> str:
        return os.environ["PERDURE_TOKEN"]

    session = Session(options.url, token, options.session, lambda _: changed.set())
    following = asyncio.create_task(session.run())

    async def speak() -> str | None:
        if options.say is None:
            return None
        await session.create()
        return await session.say(options.say, options.agent)

    speaking = asyncio.create_task(speak())
    while not following.done():
        await asyncio.wait([following, asyncio.create_task(changed.wait())], return_when=asyncio.FIRST_COMPLETED)
        changed.clear()
        show(session)
        if speaking.done() and session.state.phases.get(speaking.result() or "") in ENDED:
            return
        await asyncio.sleep(PRINT_SECONDS)
    await following


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
