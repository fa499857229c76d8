# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers of what keeps attacks off: antivirus, intrusion detection, bans, firewall, limits."""

from __future__ import annotations

from .._registry import Argument, Observer, later

_INTERFACES = {"interfaces": Argument(list, "interfaces that must be looked at", required=True)}

OBSERVERS = {
    "virus_detection": Observer(
        look=later("antivirus", "see_detection"),
        text="whether clamd finds the test file of all virus scanners, and nobody can read it in watched folders",
        arguments={"watched": Argument(list, "folders that are watched", required=True)},
        facts={
            "finds": "bool: clamd finds the test file",
            "spares": "bool: clamd finds nothing in a harmless text",
            "unguarded": "list: watched folders, and mounts below them, in which the test file can be read",
            "unwatched": "list: folders in them that the watch does not know, started anew for their sake or not",
            "unanswered": "list: those in which no file could be opened in time",
            "untried": "list: 'folder: reason' of those into which the test file could not be put",
        },
        seconds=60,
        only_inspection="it puts a test virus into each watched folder, and each time that is a finding on record",
    ),
    "virus_signatures": Observer(
        look=later("antivirus", "see_signatures"),
        text="the signatures in /var/lib/clamav",
        arguments={"max_age_days": Argument(int, "days after which the official daily database is old", required=True)},
        facts={
            "databases": "list: files with signatures",
            "signatures": "int: signatures in all of them",
            "newest_age_days": "float: days since the newest was made (official ones: by their header); -1 without",
            "official_age_days": "dict: the same of each of ClamAV's own databases, by name",
            "missing": "list: main and daily, where there is none",
            "old": "list: daily, where it is older than the limit",
        },
    ),
    "intrusion_sight": Observer(
        look=later("intrusion", "see_sight"),
        text="whether a test packet out of each interface comes back as an alert in the journal",
        arguments=_INTERFACES,
        facts={"blind": "list: interfaces on which it was not seen"},
        only_inspection="it sends a test packet out of each interface, and each time that is an alert on record",
    ),
    "intrusion_contents": Observer(
        look=later("intrusion", "see_contents"),
        text="whether Suricata keeps packets, files or payloads, by its settings and by what it wrote",
        arguments={"units": Argument(list, "the units of the engines", required=True)},
        facts={"kept": "list: settings that keep content, and how many of the last events carry some; at most 20"},
    ),
    "intrusion_drops": Observer(
        look=later("intrusion", "see_drops"),
        text="how many packets the kernel had to drop since Suricata began",
        arguments=_INTERFACES,
        facts={
            "packets": "int: packets that it was given",
            "drops": "int: packets that were dropped because it was too slow",
            "drop_percent": "float: drops in per cent of both",
        },
    ),
    "intrusion_queue": Observer(
        look=later("intrusion", "see_blocking"),
        text="whether what is forwarded goes through the engine that blocks",
        arguments={},
        facts={
            "queued": "bool: the kernel hands it over",
            "heard": "bool: the engine takes it",
            "packets": "int: packets so far",
            "drop_percent": "float: per cent of them that the engine was too slow for",
        },
    ),
    "intrusion_rules": Observer(
        look=later("intrusion", "see_rules"),
        text="Suricata's rules",
        arguments={},
        facts={
            "loaded": "int: rules that it has",
            "failed": "int: rules that it did not understand",
            "fetched": "int: rules in force that are none of the local ones: those of sources",
            "lost": "list: sentences on local rules that are not in force, by number and file, at most 20",
            "switched_off": "list: numbers of local rules that the site switched off (/etc/suricata/disable.conf)",
            "age_days": "float: days since they were put together",
        },
    ),
    "bans": Observer(
        look=later("bans", "see_bans"),
        text="who is banned by fail2ban and by which limits, beside who failed to log in by the journal",
        arguments={
            "jails": Argument(list, "jails that must run", required=True),
            "max_failures": Argument(int, "failures of one source that are too many", required=True),
            "find_seconds": Argument(int, "seconds in which they are counted together", required=True),
            "ban_seconds": Argument(int, "seconds for which such a source is to be banned", required=True),
            "never": Argument(list, "networks that are never banned", required=True),
        },
        facts={
            "missing_jails": "list: jails that do not run",
            "in_force": "dict: jail to maxretry, findtime and bantime of those that run",
            "weaker": "list: sentences on jails that let more pass than the arguments say",
            "banned": "list: addresses that are banned now",
            "failing_sources": "int: sources of failed logins by SSH in that time",
            "unbanned": "list: sources that failed too often and were not banned",
            "unenforced": "list: sources that are banned by fail2ban's word, and that the kernel does not refuse",
        },
        seconds=60,
    ),
    "firewall": Observer(
        look=later("firewall", "see_firewall"),
        text="the rules in the kernel beside those that were confirmed (nft list table inet order82_firewall)",
        arguments={},
        facts={
            "in_force": "bool: the kernel has the table",
            "confirmed": "bool: the file on the host is what was confirmed over a new connection",
            "on_trial": "bool: rules wait for being confirmed, and are undone else",
            "differences": "list: what the kernel lacks or has besides",
        },
    ),
    "firewall_around": Observer(
        look=later("firewall", "see_around"),
        text="translations of destinations in other tables, whose packets never meet the rules of the host",
        arguments={},
        facts={
            "comes_in": "list: ports, where to, kind, table and chain, at most 20; not what only the host itself can "
            "meet",
        },
    ),
    "crowding": Observer(
        look=later("crowding", "see_crowding"),
        text="the guard of the journal (order82-journal.service): who wrote more than an account's part today",
        arguments={},
        facts={
            "running": "bool: it answers",
            "unable": "list: what it can't do: read the journal, stop a process",
            "over": "list: accounts that wrote more than their part",
            "held": "list: those of them whose processes are stopped",
        },
    ),
    "origin": Observer(
        look=later("origin", "see_origin"),
        text="who reaches the receiver of a collector, which believes whoever does (its network namespace)",
        arguments={
            "receiver": Argument(str, "unit of the receiver", "order82-collect.service"),
            "front": Argument(str, "unit of the front", "order82-front.service"),
        },
        facts={
            "apart": "bool: the receiver runs, in a network namespace that is not the host's",
            "together": "bool: the front runs in the same one",
            "others": "list: programs in it that are of neither unit",
            "open": "list: TCP ports at which the receiver's user listens in the host's network namespace",
        },
    ),
    "measure_watch": Observer(
        look=later("watching", "see_watch"),
        text="what the watch over the measures says of itself (order82 watch run)",
        arguments={},
        facts={
            "age_seconds": "int: seconds since it said so; -1 where it never did, or another than root wrote it",
            "measures": "int: measures that it watches",
            "unseen": "list: measures that are laid down here and not watched, or the other way round",
            "folders": "int: folders of which the kernel tells it",
            "units": "int: units of systemd that it watches",
            "unwatched": "list: 'what: reason' of what it can't be told of",
            "standing": "list: what it alarmed, and is not over",
        },
    ),
}
