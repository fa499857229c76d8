# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers of who logged in: on hosts, as a subscriber, and what the kernel saw."""

from __future__ import annotations

from .._registry import Argument, Observer, later

OBSERVERS = {
    "login_records": Observer(
        look=later("logins", "see_login_records"),
        text="whether sshd tells of each login (sshd -T), and the journal takes what it tells",
        arguments={},
        facts={
            "levels": "dict: account to the LogLevel in force, for root and an ordinary one; empty where no sshd runs",
            "quiet": "list: sentences on what keeps a login off the record, for anybody",
        },
    ),
    "live_logins": Observer(
        look=later("live_logins", "see_live_logins"),
        text="whether this inspection's own logins are in a collector's records, each with its logout",
        arguments={
            "logins": Argument(
                dict, "host to what the controller knows of the login that it made there", required=True
            ),
            "wait_seconds": Argument(int, "so long the records may take to come", 20),
        },
        facts={
            "found": "int: logins with their logouts on record, with account, address and port",
            "sessions": "list: these, in words; at most 20",
            "missing": "list: sentences on what is not on record, or otherwise than it was; at most 20",
            "missing_count": "int: how many there are",
            "left_out": "list: hosts to which nobody logs in, since Ansible does not come to them over SSH; at most 20",
        },
        seconds=60,
        only_inspection="it looks for the logins that an inspection makes",
    ),
    "subscriber_sessions": Observer(
        look=later("subscribers", "see_subscribers"),
        text="whether DHCP servers and RADIUS tell of subscribers, in the records of class session on a collector",
        arguments={
            "hosts": Argument(list, "the hosts that tell of them", required=True),
            "within_days": Argument(int, "days within which each of them tells of one", required=True),
        },
        facts={
            "unknown": "list: of these hosts those that send no records here",
            "told": "dict: host to what it told of: DHCP, RADIUS, calling number",
            "silent": "list: those, known for longer, that told of no subscriber for so long",
        },
        seconds=60,
        only_inspection="it reads megabytes of records for what counts in days",
    ),
    "audit": Observer(
        look=later("audit", "see_in_force"),
        text="the kernel's audit and its rules (auditctl -s, auditctl -l)",
        arguments={
            "rules": Argument(str, "the file of rules that must be loaded", required=True),
            "folders": Argument(list, "folders that some rule must be about", required=True),
        },
        facts={
            "enabled": "bool: the kernel audits",
            "immutable": "bool: its rules can't be changed until the next boot",
            "heard": "bool: auditd takes what it tells",
            "lost": "int: messages lost since the boot",
            "missing": "list: rules of the file that the kernel does not have",
            "unwatched": "list: folders that no rule is about",
        },
    ),
    "audit_record": Observer(
        look=later("audit", "see_record"),
        text="whether a word sent to the kernel's audit (auditctl -m) comes into the journal",
        arguments={},
        facts={"arrives": "bool: it came within seconds"},
        only_inspection="it has the kernel write a test record each time",
    ),
}
