# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may write which class of records: the one table, for whoever decides by where a record comes from.

A name (C(SYSLOG_IDENTIFIER)) is a word of its sender and only says which row to ask. What decides is what journald
itself found out about the sending process (systemd.journal-fields(7)): C(_UID) from the kernel; C(_SYSTEMD_UNIT) from
its control group, into which only root puts anything; C(_EXE) and C(_CAP_EFFECTIVE) from C(/proc), while it lived.

The rendering for forwarders is in plugin_utils/record_rules.py; it asks the same rows.
"""

from __future__ import annotations

from typing import NamedTuple

NAT_MAPPING = "nat_mapping"
FIRST_USER = 1000  # below are the system's accounts
UNKNOWN = "?"
"""Behind a claim: the process had ended before journald looked at it, and its account may run the true program."""
_PYTHON = "/usr/bin/python3*"
_OPENSSH = "/usr/lib/openssh/"


class Evidence(NamedTuple):
    """What vouches for a sender; all that is given must hold. A C(*) at a pattern's end stands for anything.

    C(exes) holds too where journald could not read it any more, since only root has C(_UID) 0; so it is never alone.
    With C(caller) the program runs with more rights than the account that called it, whose C(_UID) it bears: it has
    capabilities, which C(_EXE) alone does not show (a program that was denied its rights can be made to say anything).
    """

    root: bool = False
    exes: tuple = ()
    units: tuple = ()
    caller: bool = False


class Words(NamedTuple):
    """What a vouched text is about, where a program tells of several things: the first that fits gives the class."""

    record_class: str
    any_of: tuple = ()
    none_of: tuple = ()
    pattern: str = ""


class Source(NamedTuple):
    """A row: these names, vouched by one of C(by), are of the class.

    :ivar tuple words: of Words, before C(record_class) is taken.
    :ivar bool gateways: only on hosts that the inventory calls gateways.
    :ivar tuple own: programs that an account may run for itself, and which then say nothing of others: no class, and no
        false claim either, but for texts that begin with one of C(never).
    :ivar tuple never: see C(own).
    """

    record_class: str
    names: tuple
    by: tuple
    words: tuple = ()
    gateways: bool = False
    own: tuple = ()
    never: tuple = ()


def _root(*exes):
    return Evidence(root=True, exes=exes)


def _of(*units):
    return Evidence(units=units)


def _as_caller(exe):
    return Evidence(exes=(exe,), caller=True)


# After the login OpenSSH goes on as the account itself, which only root's part of it may speak for.
_ONLY_THE_MONITOR = (
    "Accepted ",
    "Failed ",
    "Invalid user ",
    "pam_",
    "Connection closed by authenticating",
    "error: PAM",
)
_REFUSED = ("authentication error", "handshake failed")
_BANS = ("] Found ", "] Ban ", "] Restore Ban ", "] Unban ")
_SHADOW = ("useradd", "userdel", "usermod", "groupadd", "groupdel", "chpasswd")

TABLE = (
    *(
        Source("session", (name,), (_root(exe),), own=(exe,), never=_ONLY_THE_MONITOR)
        for name, exe in (
            ("sshd", "/usr/sbin/sshd"),
            ("sshd-session", _OPENSSH + "sshd-session"),
            ("sshd-auth", _OPENSSH + "sshd-auth"),
        )
    ),
    Source("session", ("login",), (_root("/usr/bin/login", "/bin/login"),)),
    Source("session", ("su",), (_root("/usr/bin/su"), _as_caller("/usr/bin/su"))),
    Source(
        "session",
        ("sudo",),
        (_root("/usr/bin/sudo"), _as_caller("/usr/bin/sudo")),
        words=(Words("maintenance", any_of=("COMMAND=",)),),
    ),
    Source("session", ("systemd-logind",), (_of("systemd-logind.service"),)),
    Source(
        "session",
        ("dnsmasq-dhcp",),
        (_of("dnsmasq.service", "dnsmasq@*", "NetworkManager.service", "libvirtd.service", "virtnetworkd.service"),),
    ),
    Source("session", ("dhcpd",), (_of("isc-dhcp-server.service", "dhcpd.service"),)),
    Source("session", ("kea-dhcp4",), (_of("kea-dhcp4-server.service", "kea-dhcp4.service"),)),
    Source("session", ("freeradius", "radiusd"), (_of("freeradius.service", "radiusd.service"),)),
    Source("maintenance", ("systemd",), (_root("/usr/lib/systemd/systemd"),), own=("/usr/lib/systemd/systemd",)),
    Source("maintenance", ("dpkg", "apt", "unattended-upgrade"), (Evidence(root=True), _of("order82-files.service"))),
    Source("maintenance", ("order82-config",), (_of("order82-config.service"),)),
    Source("maintenance", ("order82-backup",), (_root(_PYTHON),)),
    *(Source("maintenance", (name,), (_root("/usr/sbin/" + name),), own=("/usr/sbin/" + name,)) for name in _SHADOW),
    Source("maintenance", ("passwd",), (_root("/usr/bin/passwd"), _as_caller("/usr/bin/passwd"))),
    Source("maintenance", ("crontab",), (_root("/usr/bin/crontab"),), own=("/usr/bin/crontab",)),
    Source("maintenance", ("ansible-*",), (Evidence(root=True),), own=(_PYTHON,)),
    # A collector refused a sender, or a sender a collector.
    Source(
        "measure_state",
        ("order82-front",),
        (_of("order82-front.service"),),
        words=(Words("security_event", any_of=("refused: ",)),),
    ),
    Source(
        "measure_state",
        ("rsyslogd*",),
        (_of("rsyslog.service", "order82-collect.service", "order82-forward@*", "order82-files.service"),),
        words=(Words("security_event", any_of=_REFUSED),),
    ),
    Source(
        "measure_state",
        ("fail2ban*",),
        (_of("fail2ban.service"),),
        words=(Words("security_event", any_of=_BANS),),
    ),
    # What the intrusion detection found, but not its own test packet; and what a gateway stopped.
    Source(
        "measure_state",
        ("suricata",),
        (_of("suricata.service", "order82-ids-inline.service"),),
        words=(
            Words("security_event", any_of=('"event_type":"alert"',), none_of=('"signature_id":8200001,',)),
            Words("security_event", any_of=('"event_type":"drop"',)),
        ),
    ),
    # Who changed, deleted or stopped what (role audit_trail); and auditd of itself, with its test.
    Source(
        "system",
        ("audisp-syslog",),
        (_of("auditd.service"),),
        words=(
            Words("maintenance", pattern="type=(SYSCALL|PATH|CWD|PROCTITLE|EXECVE|OBJ_PID|CONFIG_CHANGE) "),
            Words("measure_state", pattern="type=(USER|DAEMON_[A-Z]+) "),
        ),
    ),
    Source("measure_state", ("order82",), (Evidence(root=True), _of("order82-*"))),
    Source("measure_state", ("chronyd",), (Evidence(root=True), _of("chrony.service"))),
    Source(
        "measure_state",
        ("clamd", "clamonacc", "clamdscan", "freshclam"),
        (Evidence(root=True), _of("clamav-*", "order82-antivirus*")),
    ),
    Source("security_event", ("order82-security-event",), (_root(_PYTHON), _of("order82-antivirus.service"))),
    Source("network_state", ("order82-network-state",), (_root(_PYTHON), _of("order82-network.service"))),
    Source(
        NAT_MAPPING,
        ("order82-nat-mapping",),
        (_root(_PYTHON), _of("order82-nat-record.service", "order82-nat.service")),
        gateways=True,
    ),
    Source("disclosure", ("order82-disclosure",), (_root(_PYTHON),)),
    # No role yet: what root's own programs say, or text logs that the site names (log_forwarder_files).
    *(
        Source(one, ("order82-" + one.replace("_", "-"),), (Evidence(root=True), _of("order82-files.service")))
        for one in ("registration", "content_incident", "publication", "message_incident")
    ),
)


def fits(text, patterns):
    """Whether a text is one of these, or begins as one that ends in a C(*)."""
    return any(text.startswith(one[:-1]) if one.endswith("*") else text == one for one in patterns)


def names(record_class):
    """What the senders of a class call themselves."""
    return tuple(
        name
        for source in TABLE
        if record_class in (source.record_class, *(one.record_class for one in source.words))
        for name in source.names
    )


def vouched(record_class, name, sent):
    """Whether a filed record's own provenance lets its name speak in this class.

    :param str name: of the program, as the record has it.
    :param dict sent: C(order82@32473) of the record. Before there was C(unit) in it, an account of the system sufficed.
    """
    uid = sent.get("uid", "")
    if not uid.isdigit():
        return False
    rows = [source for source in TABLE if fits(name, source.names) and name in names(record_class)]
    if "unit" not in sent:
        return bool(rows) and int(uid) < FIRST_USER
    return any(
        (not one.root or uid == "0") and (not one.units or fits(sent["unit"], one.units))
        for source in rows
        for one in source.by
    )


def speaks(name, entry):
    """Whether what journald found out about an entry's sender lets it speak in this name.

    A sender that had ended before journald looked has no C(_EXE): rather too little than a stranger's word.

    :param str name: C(SYSLOG_IDENTIFIER).
    :param dict entry: its fields, as C(journalctl -o json) has them.
    """
    return any(_holds(one, entry) for source in TABLE if fits(name, source.names) for one in source.by)


def _holds(evidence, entry):
    exe, unit = str(entry.get("_EXE", "")), str(entry.get("_SYSTEMD_UNIT", ""))
    return (
        (not evidence.root or entry.get("_UID") == "0")
        and (not evidence.exes or fits(exe, evidence.exes))
        and (not evidence.units or fits(unit, evidence.units))
        and (not evidence.caller or entry.get("_CAP_EFFECTIVE", "") not in ("", "0"))
    )


def journal_matches(*wanted):
    """The matches of journalctl(1) for what the senders of these names themselves wrote, and nobody else.

    What a match can't say, such as any version of Python, is left out: rather too little than a stranger's word.

    :return: list of str, in alternatives parted by C(+).
    """
    found = []
    for source in TABLE:
        for one in source.by if any(fits(name, source.names) for name in wanted) else ():
            words = ["_UID=0"] * one.root
            words += ["_EXE=" + exe for exe in one.exes] + ["_SYSTEMD_UNIT=" + unit for unit in one.units]
            if len(words) > one.root and not (one.caller or any(word.endswith("*") for word in words)):
                found += ["+"] * bool(found) + words
    return found
