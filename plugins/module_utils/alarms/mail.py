# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell by mail (SMTP, RFC 5321).

What a receiver says: C(server), C(port), C(security) (C(starttls): RFC 3207; C(tls): from the first byte, RFC 8314;
C(none): to this host itself only), C(sender), C(to), a list of addresses, C(login) where the server wants one.
"""

from __future__ import annotations

import contextlib
import email.message
import email.policy
import email.utils
import smtplib

from . import texts, ways

_POLICY = email.policy.SMTP.clone(cte_type="7bit")  # nobody needs 8BITMIME


def send(receiver, message):
    """See ways.send."""
    where = receiver.where
    try:
        server = _connected(receiver, message.collector)
        try:
            if where.get("login"):
                server.login(where["login"], receiver.secret())
            refused = server.sendmail(where["sender"], where["to"], written(receiver, message).as_bytes())
            # It is taken: however the rest goes, it is not sent again.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()
        finally:
            server.close()
    except smtplib.SMTPRecipientsRefused as error:
        code, answer = next(iter(error.recipients.values()))
        raise ways.RefusedError("%d %s" % (code, ways.said(answer))) from error
    except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
        raise ways.RefusedError("%d %s" % (error.smtp_code, ways.said(error.smtp_error))) from error
    except smtplib.SMTPResponseException as error:
        raise ways.UnreachableError("%d %s" % (error.smtp_code, ways.said(error.smtp_error))) from error
    except smtplib.SMTPException as error:
        raise ways.UnreachableError(ways.said(error)) from error
    return "; ".join("%s: %d %s" % (who, code, ways.said(answer)) for who, (code, answer) in sorted(refused.items()))


def written(receiver, message):
    """The mail. A header of several lines can't come about: EmailMessage refuses it, and texts.py makes none."""
    mail = email.message.EmailMessage(policy=_POLICY)
    mail["From"] = receiver.where["sender"]
    mail["To"] = ", ".join(receiver.where["to"])
    mail["Subject"] = texts.subject(message.notices, message.unit)
    mail["Date"] = email.utils.formatdate()
    mail["Message-ID"] = "<%s.%s@%s>" % (message.identity, receiver.name, message.collector)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer of a machine comes back
    mail.set_content(texts.text(message.notices, message.unit, message.collector), cte="base64")
    return mail


def _connected(receiver, collector):
    """A session that is as secret as the receiver says, or none."""
    where = receiver.where
    context = ways.tls(receiver) if where["security"] != "none" else None
    if where["security"] == "tls":
        return smtplib.SMTP_SSL(where["server"], where["port"], collector, timeout=ways.SOCKET_SECONDS, context=context)
    server = smtplib.SMTP(where["server"], where["port"], collector, timeout=ways.SOCKET_SECONDS)
    try:
        if context:
            server.starttls(context=context)  # raises where the server has none
    except BaseException:
        server.close()
        raise
    return server
