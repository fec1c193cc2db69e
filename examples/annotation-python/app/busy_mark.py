"""Marks this process's own Pod busy, with the standard library alone."""

import json
import os
import ssl
from http.client import HTTPException, HTTPSConnection
from pathlib import Path

BUSY_ANNOTATION = "paia.tech/busy"
TIMEOUT_SECONDS = 5
SERVICE_ACCOUNT = Path(os.environ.get("HOTSTANDBY_SA_DIR", "/var/run/secrets/kubernetes.io/serviceaccount"))


class MarkFailed(Exception):
    """Nobody knows whether the mark was written: no answer in time, or a 5xx."""


class MarkRefused(MarkFailed):
    """The API server answered, and the answer says for certain that nothing was written (any 4xx)."""


def mark_busy():
    """Marks the Pod busy and returns the Pod's metadata.

    Without `deletionTimestamp` the Pod lives until the mark is cleared; with one it is on its way out and must not take
    the session. Raises MarkRefused when nothing was written, MarkFailed when nobody knows.
    """
    return _patch_own_pod("true")


def clear_mark():
    """Takes the mark off again. Safe to repeat. Returns and raises like mark_busy."""
    return _patch_own_pod(None)


def _patch_own_pod(value):
    # With metadata.uid the write cannot hit a later Pod of the same name (StatefulSets reuse names): that answers 422.
    patch = {"metadata": {"uid": os.environ["POD_UID"], "annotations": {BUSY_ANNOTATION: value}}}
    try:
        status, body = _send(json.dumps(patch))
    except (OSError, HTTPException) as error:
        raise MarkFailed(f"no answer from the API server: {error}") from error
    if 200 <= status < 300:
        return json.loads(body)["metadata"]
    failure = MarkRefused if 400 <= status < 500 else MarkFailed
    raise failure(f"the API server answered {status}: {_reason(body)}")


def _send(body):
    # Read on every use: the kubelet replaces the token before it expires (hourly).
    token = (SERVICE_ACCOUNT / "token").read_text().strip()
    context = ssl.create_default_context(cafile=SERVICE_ACCOUNT / "ca.crt")
    # Strict since Python 3.13, which many clusters' authorities fail: https://github.com/kubernetes-client/python/issues/2394
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    connection = HTTPSConnection(
        os.environ["KUBERNETES_SERVICE_HOST"],
        int(os.environ["KUBERNETES_SERVICE_PORT"]),
        timeout=TIMEOUT_SECONDS,
        context=context,
    )
    try:
        connection.request(
            "PATCH",
            f"/api/v1/namespaces/{os.environ['POD_NAMESPACE']}/pods/{os.environ['POD_NAME']}",
            body,
            {"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"},
        )
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _reason(body):
    try:
        return json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
