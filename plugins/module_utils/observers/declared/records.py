# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers of records on their way, in the journal and in the store of a collector."""

from __future__ import annotations

from .._registry import Argument, Observer, later

OBSERVERS = {
    "forwarding": Observer(
        look=later("forwarding", "see_forwarding"),
        text="a host's ways to its collectors (ss, and each forwarder's place in the journal)",
        arguments={
            "collectors": Argument(dict, "collector's name to its address", required=True),
            "port": Argument(int, "their TCP port", required=True),
            "folder": Argument(str, "where the forwarders keep their places in the journal", required=True),
            "silence_seconds": Argument(int, "a way without an answer for so many seconds is cut", 180),
        },
        facts={
            "ways": "dict: collector to connected, answered_seconds (-1: no connection), unsent_bytes, "
            "behind_entries (at most 100000; 100 are normal, a place is saved every 100 messages), waiting_seconds",
            "unconnected": "list: collectors to which no connection is established, or only attempts to agree on TLS",
            "unanswered": "list: collectors that did not answer for longer than that, or not at all",
            "longest_wait_seconds": "int: for how long the oldest journal entry that is certainly not handed over yet "
            "has waited, of the collector that is furthest behind",
        },
    ),
    "record_listener": Observer(
        look=later("forwarding", "see_listener"),
        text="what RELP meets at a collector's port: without TLS, without a certificate, and with one that is admitted",
        arguments={
            "address": Argument(str, "where to knock", required=True),
            "port": Argument(int, "TCP port", required=True),
            "ca": Argument(str, "the authority's certificate, PEM", required=True),
            "certificate": Argument(str, "one that is admitted, PEM", required=True),
            "key": Argument(str, "its key, PEM", required=True),
        },
        facts={
            "listens": "bool: somebody accepts connections",
            "tls": "bool: it speaks TLS with a certificate of the authority",
            "answers_plain": "bool: it also takes records without TLS",
            "admits_strangers": "bool: it takes records from a sender without a certificate",
            "admits_us": "bool: it takes records from who has the certificate; the receiver itself has answered",
            "problem": "str: what went wrong in the attempt, empty if nothing",
        },
        only_inspection="it knocks as a stranger, and each time that is a refusal on record",
    ),
    "journal": Observer(
        look=later("journal", "see_journal"),
        text="systemd's journal: where it lies, how far it goes back, how long its room lasts",
        arguments={"days": Argument(int, "for how long entries must be kept", 60)},
        facts={
            "persistent": "bool: it is on the disk and survives a restart",
            "losses": "list: settings by which less than everything is kept or handed on, and where they stand",
            "oldest_days": "float: days since its first entry; those in files of accounts are left out",
            "gone_days": "int: days of those that must be kept, and since these settings are in force, that are gone",
            "bytes": "int: what it takes now",
            "limit_bytes": "int: what it may take (SystemMaxUse, and what SystemKeepFree leaves of the disk)",
            "lasts_days": "int: days that fit into the limit at the rate so far; not known on the first day",
            "lasts_days_known_from": "str: before which day that is not known; empty where it is",
            "rate_limited": "bool: messages above a rate are dropped",
            "applied": "bool: journald runs with the configuration that stands in its files",
            "deletes_after": "str: MaxRetentionSec; 0 is never",
        },
    ),
    "rotation": Observer(
        look=later("rotation", "see_rotation"),
        text="how long each text log is kept (logrotate --debug)",
        arguments={},
        facts={
            "shortest_days": "int: days for which the log with the shortest time is kept",
            "shortest": "str: which log that is",
            "rules": "list: paths, when, keep (rotations), days of each rule",
            "errors": "list: what logrotate complains about; a rule named twice is dropped by it",
        },
    ),
    "record_store": Observer(
        look=later("record_store", "see_record_store"),
        text="a collector's record store: days, gaps, protection, who is silent, how long the disk lasts",
        arguments={"silence_seconds": Argument(int, "a host without a record for so many seconds is silent", 300)},
        facts={
            "oldest_days": "int: age in days of the oldest day of the class that goes back least",
            "missing_days": "list: class and day between the oldest and today that are not there (lists: 20 at most)",
            "missing_files": "list: files of known hosts that an open day has lost",
            "unprotected": "list: files and folders whose mode, owner, group or attribute is not as it must be",
            "overdue": "list: days past the retention that were not deleted",
            "last_heard_seconds": "dict: host to seconds since its last record",
            "silent_hosts": "list: known hosts without a record for longer than the argument says",
            "retention_days": "int: what the housekeeping keeps",
            "free_percent": "int: of the store's disk",
            "lasts_days": "int: days until the disk is full at the rate of the fullest day; 99999 without a rate; "
            "not known before there was a whole day",
            "lasts_days_known_from": "str: before which day that is not known; empty where it is",
        },
        seconds=120,
        only_inspection="it opens every file of the store; open days and the disk are watched each minute",
    ),
    "record_seals": Observer(
        look=later("seals", "see_seals"),
        text="whether a collector's days are sealed, and are what was sealed and what it said of them",
        arguments={},
        facts={
            "sealed_days": "int: days of classes",
            "read_bytes": "int: of sealed files that were read again, the newest first; 256 MiB at the most",
            "faults": "list: class, day, file and what is wrong with it, the first day first; at most 20",
            "faults_count": "int: how many there are",
        },
        seconds=120,
        only_inspection="it reads up to 256 MiB of sealed files",
    ),
    "record_witness": Observer(
        look=later("seals", "see_witness"),
        text="what the other collectors said of their seals, by their own records here",
        arguments={},
        facts={
            "contradictions": "list: collector, class, day and what can't be; at most 20",
            "contradictions_count": "int: how many there are",
            "silent": "list: collectors that are heard here and do not say what they have sealed",
        },
        seconds=120,
        only_inspection="it reads what the other collectors said in all days",
    ),
    "record_filling": Observer(
        look=later("filling", "see_filling"),
        text="the classes that each host must fill by itself",
        arguments={"within_days": Argument(dict, "class to days within which there is a record", required=True)},
        facts={
            "empty": "list: hosts, known for longer, without a record of a class for so long; at most 20",
            "empty_count": "int: how many there are",
            "fewest_days": "dict: class to the number of days on which the host wrote that wrote on fewest",
        },
        seconds=120,
        only_inspection="what each class must have counts in days",
    ),
    "record_history": Observer(
        look=later("history", "see_history"),
        text="whether each collector still has the days that it once said it has, by its own records here",
        arguments={
            "host": Argument(str, "the name of this collector", required=True),
            "collectors": Argument(list, "the names of all collectors", required=True),
        },
        facts={
            "lost": "list: collector, class and days that are to be kept, were there, and are not; at most 20",
            "silent": "list: other collectors that are heard here and do not say what they have",
            "oldest": "dict: collector to the oldest day of the class that goes back least; empty if nothing is known",
        },
        seconds=120,
        only_inspection="it reads what the collectors said in all days",
    ),
    "readers": Observer(
        look=later("readers", "see_readers"),
        text="which accounts may read records on a collector, beside root and the measures themselves",
        arguments={
            "declared": Argument(dict, "class to accounts that may read it", required=True),
            "index": Argument(str, "the folder of the index of NAT records; by default the collector's own"),
        },
        facts={
            "strangers": "list: class and account that may read it and is not declared; at most 20",
            "open": "list: folders of records or of the index that everybody may look into; at most 20",
        },
    ),
    "look_ups": Observer(
        look=later("readers", "see_look_ups"),
        text="the records of who looked whom up, and whether the command answers without one",
        arguments={"hosts": Argument(list, "the hosts that may answer; what others write is none", required=True)},
        facts={
            "refuses": "bool: the installed command answered nothing to a question without a case",
            "look_ups": "int: different look-ups on record",
            "incomplete": "list: records without case, basis, two officers, who asked or what; at most 20",
        },
        seconds=60,
        only_inspection="it reads the records of all look-ups",
    ),
    "sender_limits": Observer(
        look=later("shares", "see_sender_limits"),
        text="what a sender may take of a collector: the rules of the receiver's network (nft), and the record store",
        arguments={
            "address": Argument(str, "at which the receiver is reached by its front", required=True),
            "port": Argument(int, "its port", required=True),
            "receiver": Argument(str, "unit of the receiver", "order82-collect.service"),
        },
        facts={
            "limit_kilobytes": "int: kB/s of one sender that get through; 0 without a limit, or without the receiver",
            "held": "list: hosts that are held back there",
            "near": "list: hosts with more than four fifths of their share of the store's disk, and how much of it",
        },
        seconds=120,
        only_inspection="it enters the receiver's network, for which the self-check has no right",
    ),
    "self_check": Observer(
        look=later("self_checks", "see_self_check"),
        text="the last self-check of this host, by its record in the journal",
        arguments={},
        facts={
            "age_seconds": "int: how long ago it was; -1 where there was none",
            "passed": "int: checks that it passed",
            "not_passed": "int: checks that it did not pass",
            "asked": "int: checks that it asks for now",
            "left_out": "int: checks that it leaves to inspections",
            "same_checks": "bool: it asked for the checks that lie there now",
        },
        only_inspection="it is about the self-check itself",
    ),
    "announced_work": Observer(
        look=later("self_checks", "see_announced"),
        text="work on this host that was announced, by its journal",
        arguments={"days": Argument(int, "how far back", 31)},
        facts={
            "now": "str: what is announced now: by whom, and why; empty where nothing is",
            "announced": "list: the newest, 20 at most: from when to when, by whom, why",
            "unrecorded": "list: what counts as announced now and is not on record",
        },
    ),
    "self_checks_heard": Observer(
        look=later("self_checks", "see_heard"),
        text="whether the hosts look at themselves, by their records on a collector",
        arguments={
            "hosts": Argument(list, "those that do", required=True),
            "seconds": Argument(int, "a host whose last self-check is older is silent", required=True),
            "wait_seconds": Argument(int, "so long a record may take to come", 15),
        },
        facts={
            "silent": "list: hosts without a self-check for longer than that, which root's own unit wrote; at most 20",
            "silent_count": "int: how many there are",
            "heard": "int: how many others there are",
            "not_passed": "dict: host to how many checks its last self-check did not pass, where there were any",
        },
        seconds=60,
        by_itself={"wait_seconds": 0},
    ),
    "stops": Observer(
        look=later("stops", "see_stops"),
        text="when units of this host stood still, by what systemd told the journal, and who had announced it",
        arguments={
            "units": Argument(list, "the units", required=True),
            "days": Argument(int, "how far back", 31),
            "longer_seconds": Argument(int, "shorter ones are restarts", 60),
            "explained": Argument(list, "stops that people have explained: unit, since, until, reason", []),
        },
        facts={
            "stops": "list: the newest, 20 at most: unit, times, by whom and why as far as it is known",
            "unannounced": "list: those of them that nobody announced before or explained later, 20 at most",
            "unannounced_count": "int: how many there are",
        },
        seconds=60,
        only_inspection="it looks back a month, and what people have explained since is told to an inspection",
    ),
}
