# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell by an HTTPS POST, in the form of Prometheus Alertmanager's webhook (version 4), which many programs take.

What a receiver says: C(host), C(port), C(path), and whether it gets a bearer token (RFC 6750) and the certificate of
this host (C(client_certificate)). Nobody is followed to another address.
"""

from __future__ import annotations

import http.client
import json

from . import incidents, kinds, settings, texts, ways

_NO_END = "0001-01-01T00:00:00Z"
"""As Alertmanager writes the end of what goes on."""
_THIS_MESSAGE = (400, 413, 415, 422)


def send(receiver, message):
    """See ways.send."""
    where = receiver.where
    context = ways.tls(receiver)
    if where.get("client_certificate"):
        context.load_cert_chain(settings.TLS + "/host.crt", settings.TLS + "/host.key")
    headers = {"Content-Type": "application/json", "User-Agent": "order82-alarms"}
    if where.get("secret"):
        headers["Authorization"] = "Bearer " + receiver.secret()
    connection = http.client.HTTPSConnection(where["host"], where["port"], timeout=ways.SOCKET_SECONDS, context=context)
    try:
        connection.request("POST", where["path"], json.dumps(document(receiver, message)), headers)
        answer = connection.getresponse()
        if 200 <= answer.status < 300:
            return ""
        sentence = "HTTP %d %s" % (answer.status, ways.said(answer.read(1000)) or ways.said(answer.reason))
        raise ways.RefusedError(sentence) if answer.status in _THIS_MESSAGE else ways.UnreachableError(sentence)
    except http.client.HTTPException as error:
        raise ways.UnreachableError("no HTTP: %s" % ways.said(error or type(error).__name__)) from error
    finally:
        connection.close()


def document(receiver, message):
    """What is posted: each incident as an alert, by labels that stay the same while it lasts."""
    alerts = [_alert(one, message) for one in message.notices]
    labels = [one["labels"] for one in alerts]
    same = {name: text for name, text in labels[0].items() if all(one.get(name) == text for one in labels)}
    annotations = [one["annotations"] for one in alerts]
    return {
        "version": "4",
        "groupKey": "order82:%s" % message.identity,
        "truncatedAlerts": 0,
        "status": "firing" if any(one["status"] == "firing" for one in alerts) else "resolved",
        "receiver": receiver.name,
        "groupLabels": {"host": labels[0]["host"]} if "host" in same else {},
        "commonLabels": same,
        "commonAnnotations": annotations[0] if len(alerts) == 1 else {},
        "externalURL": "",
        "alerts": alerts,
    }


def _alert(one, message):
    kind = kinds.named(one["kind"])
    is_over = one["event"] == incidents.OVER
    chinese, english = texts.clauses(kind)
    annotations = {
        "summary": "%s: %s" % (one["host"], one["what"]),
        "summary_zh": "%s：%s" % (one["host"], kind.zh),
        "description": texts.text([one], message.unit, message.collector),
        "clause": english,
        "clause_zh": chinese,
        "first": kind.first,
        "page": texts.PAGE,
    }
    return {
        "status": "resolved" if is_over else "firing",
        "labels": {
            "alertname": kind.name,
            "host": one["host"],
            "severity": kind.severity,
            "unit": message.unit,
            "incident": one["key"],
            "collector": message.collector,
        },
        "annotations": annotations,
        "startsAt": texts.at(one["since"]),
        "endsAt": texts.at(one["until"]) if is_over else _NO_END,
        "generatorURL": "",
        "fingerprint": one["key"],
    }
