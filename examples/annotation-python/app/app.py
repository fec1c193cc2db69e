"""A server that holds one session at a time and marks its own Pod busy while it does."""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from session import Session

NEEDED = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "POD_NAMESPACE", "POD_NAME", "POD_UID")
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}

session = Session()


class Handler(BaseHTTPRequestHandler):
    # Seconds. A client that sends nothing must not hold up the exit.
    timeout = 10

    def do_GET(self):
        if self.path == "/":
            self.answer(503 if session.state == "starting" else 200, os.environ["POD_NAME"])
        else:
            self.not_found()

    def do_POST(self):
        if self.path == "/session":
            self.answer(*session.start())
        else:
            self.not_found()

    def do_DELETE(self):
        if self.path == "/session":
            self.answer(*session.end())
        else:
            self.not_found()

    def not_found(self):
        self.answer(404, "try GET /, POST /session, DELETE /session")

    def answer(self, status, message):
        body = json.dumps({"state": session.state, "message": message}).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Silent: probes come every few seconds."""


class Server(ThreadingHTTPServer):
    # The exit waits for requests under way.
    daemon_threads = False


def main():
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        sys.exit(f"{missing[0]} is not set: run in a Pod whose template sets it (see env in hsd.yaml)")
    # Blocked in every thread and fetched by sigwait: no handler ever runs in the middle of something.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    server = Server(("", int(os.environ.get("PORT", "8080"))), Handler)
    threading.Thread(target=server.serve_forever).start()
    print(f"listening on port {server.server_port}", flush=True)
    threading.Thread(target=session.clear_stale_mark, daemon=True).start()

    # The kubelet waits terminationGracePeriodSeconds from here: longer than a session may last.
    received = signal.Signals(signal.sigwait(STOP_SIGNALS)).name
    session.request_stop()
    busy = session.state == "busy"
    print(f"{received}: {'leaving when the session has ended' if busy else 'leaving'}", flush=True)
    session.wait_until_free()
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
