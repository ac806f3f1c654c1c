"""Many WebSocket clients of an edge that take little: small receive buffers and segments, as over a real network, which
Node cannot ask for. Talks by lines with who started it: `open N`, `trickle BYTES` (each client, a second), `drain`,
`close`; each is answered by one line of JSON.

usage: slow-readers.py PORT SESSION, with the token on the first line of the input
"""

import base64
import json
import os
import selectors
import socket
import sys
import time

RECEIVE_BUFFER_BYTES = 8 * 1024
# What a segment holds on most networks.
SEGMENT_BYTES = 1_400
CHUNK_BYTES = 64 * 1024
PING_SECONDS = 5
# The readers of a second take turns, as nobody on a network waits for the others.
TURNS_A_SECOND = 50
TAIL_BYTES = 64
# On a network the clients have processors of their own, so those measured go first.
LEAST_PRIORITY = 19


class Reader:
    """One client. `tail` is what came last and a little of what was before, to know frames by their first words."""

    def __init__(self, port):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
        self.socket.connect(("127.0.0.1", port))
        self.tail = b""
        self.caught_up = False
        key = base64.b64encode(os.urandom(16)).decode()
        headers = [
            "GET /v1/connect HTTP/1.1",
            "Host: 127.0.0.1",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
        ]
        self.socket.sendall(("\r\n".join(headers) + "\r\n\r\n").encode())
        self.wait_for(b"101 Switching")

    def say(self, frame):
        """Frames from clients are masked (RFC 6455, 5.3); a mask of zeros changes nothing."""
        payload = json.dumps(frame).encode()
        short = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0xFE]) + len(payload).to_bytes(2, "big")
        self.socket.sendall(b"\x81" + short + bytes(4) + payload)

    def wait_for(self, words):
        while words not in self.tail:
            self.take(CHUNK_BYTES)

    def take(self, most):
        """Takes up to that many bytes of what is there. Raises where the edge has closed."""
        data = self.socket.recv(most)
        if data == b"":
            raise ConnectionError(f"the edge closed the connection: {self.tail[-200:]}")
        self.tail = self.tail[-TAIL_BYTES:] + data
        self.caught_up = self.caught_up or b'"caught_up"' in self.tail

    def follow(self, token, session):
        self.say({"t": "hello", "v": 1, "token": token})
        self.wait_for(b'"welcome"')
        self.say({"t": "attach", "id": 1, "session": session})
        self.wait_for(b'"attached"')


class Crowd:
    def __init__(self, port, session, token):
        self.port, self.session, self.token = port, session, token
        self.readers = []
        self.bytes_a_second = 0
        self.turn = 0

    def open(self, count):
        for _ in range(count):
            reader = Reader(self.port)
            reader.follow(self.token, self.session)
            reader.socket.setblocking(False)
            self.readers.append(reader)
        return {"open": len(self.readers)}

    def trickle(self):
        """A second's worth, for those whose turn it is. A ping now and then says that somebody is there."""
        second, first = divmod(self.turn, TURNS_A_SECOND)
        self.turn += 1
        for reader in self.readers[first::TURNS_A_SECOND]:
            if second % PING_SECONDS == 0:
                reader.say({"t": "ping"})
            try:
                reader.take(self.bytes_a_second)
            except BlockingIOError:
                pass

    def drain(self):
        """All take what there is, as fast as it comes, until each has caught up."""
        started = time.monotonic()
        selector = selectors.DefaultSelector()
        for reader in self.readers:
            reader.caught_up = False
            selector.register(reader.socket, selectors.EVENT_READ, reader)
        waiting = len(self.readers)
        while waiting > 0:
            for key, _ in selector.select():
                key.data.take(CHUNK_BYTES)
                if key.data.caught_up:
                    selector.unregister(key.fileobj)
                    waiting -= 1
        return {"drainedMs": round((time.monotonic() - started) * 1_000)}

    def close(self):
        for reader in self.readers:
            reader.socket.close()
        self.readers = []
        return {"open": 0}

    def obey(self, command, argument):
        if command == "open":
            return self.open(argument)
        if command == "trickle":
            self.bytes_a_second = argument
            return {"trickle": argument}
        if command == "drain":
            return self.drain()
        if command == "close":
            return self.close()
        raise ValueError(f"no command is called {command}")


def main():
    os.nice(LEAST_PRIORITY)
    port, session = int(sys.argv[1]), sys.argv[2]
    # Unbuffered: what a buffer holds no selector sees.
    lines = open(0, "rb", buffering=0)
    crowd = Crowd(port, session, lines.readline().decode().strip())
    commands = selectors.DefaultSelector()
    commands.register(lines, selectors.EVENT_READ)
    next_at = time.monotonic()
    while True:
        if commands.select(max(0, next_at - time.monotonic())):
            words = lines.readline().decode().split()
            if not words:
                return
            answer = crowd.obey(words[0], int(words[1]) if len(words) > 1 else 0)
            print(json.dumps(answer), flush=True)
        if time.monotonic() >= next_at:
            if crowd.bytes_a_second > 0:
                crowd.trickle()
            next_at = time.monotonic() + 1 / TURNS_A_SECOND


main()
