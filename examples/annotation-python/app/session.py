"""The one session of this Pod and the mark that goes with it."""

import sys
import threading

from busy_mark import MarkFailed, MarkRefused, clear_mark, mark_busy

FIRST_RETRY_SECONDS = 0.2
LAST_RETRY_SECONDS = 10


class Session:
    """starting -> idle -> marking -> busy -> clearing -> idle ...; `leaving` (the Pod is being deleted) is final."""

    def __init__(self):
        self._state = "starting"
        self._changed = threading.Condition()
        self._stop = threading.Event()

    @property
    def state(self):
        return self._state

    def start(self):
        """Starts the session. Returns the HTTP status and a message: 201 started, 409 one is there, 503 not on this Pod."""
        with self._changed:
            if self._stop.is_set() or self._state == "leaving":
                return 503, "this Pod is going away: take another one"
            if self._state in ("starting", "clearing"):
                return 503, "this Pod is not free yet: try again"
            if self._state != "idle":
                return 409, "this Pod holds a session already: take another one"
            self._state = "marking"
        try:
            metadata = mark_busy()
        except MarkFailed as error:
            _complain(f"cannot mark the Pod busy: {error}")
            if isinstance(error, MarkRefused):
                self._become("idle")
            else:
                self._become("clearing")
                threading.Thread(target=self._clear, daemon=True).start()
            return 503, f"cannot mark the Pod busy: {error}"
        if "deletionTimestamp" in metadata:
            # Too late: the Pod was being deleted before it was marked. The mark goes with it.
            self._become("leaving")
            return 503, "this Pod is being deleted: take another one"
        self._become("busy")
        return 201, "session started"

    def end(self):
        """Ends the session. Returns once the mark is off (200), or at once when there is no session (404)."""
        with self._changed:
            if self._state != "busy":
                return 404, "no session here"
            self._state = "clearing"
        self._clear()
        return 200, "session ended"

    def clear_stale_mark(self):
        """An earlier run of this container may have died in a session and left its mark on the Pod."""
        self._clear()

    def request_stop(self):
        """From now on no session starts; a running one goes on until it ends."""
        self._stop.set()

    def wait_until_free(self):
        """Returns once no session runs or starts."""
        with self._changed:
            self._changed.wait_for(lambda: self._state not in ("marking", "busy"))

    def _become(self, state):
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def _clear(self):
        """Tries as often as it takes; once the Pod is told to stop, one attempt is enough: the mark goes with it."""
        wait = FIRST_RETRY_SECONDS
        while True:
            try:
                self._become("leaving" if "deletionTimestamp" in clear_mark() else "idle")
                return
            except MarkFailed as error:
                _complain(f"cannot clear the busy mark: {error}")
            if self._stop.wait(wait):
                self._become("leaving")
                return
            wait = min(2 * wait, LAST_RETRY_SECONDS)


def _complain(message):
    print(message, file=sys.stderr, flush=True)
