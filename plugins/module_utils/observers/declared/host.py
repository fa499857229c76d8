# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers of what a host is: files, units, certificates, its clock and network, what was laid down, who stands by."""

from __future__ import annotations

from .._registry import Argument, Observer, later

OBSERVERS = {
    "file": Observer(
        look=later("files", "see_file"),
        text="what a file or folder is (stat, lsattr)",
        arguments={"path": Argument(str, "absolute path", required=True)},
        facts={
            "exists": "bool",
            "kind": "str: file, directory, link, special or none",
            "mode": "str: four octal digits, such as 0440",
            "owner": "str: user name, or the number where it has none",
            "group": "str: group name, or the number where it has none",
            "attributes": "str: the letters a (append-only) and i (immutable) that are set",
            "bytes": "int: size",
            "age_seconds": "int: seconds since the content last changed",
        },
    ),
    "units": Observer(
        look=later("services", "see_units"),
        together=later("services", "see_all_units"),
        text="the states of several systemd units (systemctl show)",
        arguments={"units": Argument(list, "units with their suffixes", required=True)},
        facts={
            "states": "dict: unit to ActiveState/SubState in systemd's words",
            "inactive": "list: those that do not run, or do so for moments only and are restarted over and over",
            "not_at_boot": "list: those that would not start by themselves",
        },
    ),
    "unit": Observer(
        look=later("services", "see_unit"),
        together=later("services", "see_each_unit"),
        text="the state of a systemd unit (systemctl show)",
        arguments={"unit": Argument(str, "the unit with its suffix, such as chrony.service", required=True)},
        facts={
            "loaded": "bool: systemd knows and can start it",
            "masked": "bool: it was made unstartable",
            "active": "bool: it runs now, and not for a moment between two restarts (a timer: it waits for its time)",
            "state": "str: ActiveState/SubState in systemd's words",
            "starts_at_boot": "bool: it is enabled, or another unit pulls it in",
            "result": "str: how its last run ended; success is systemd's word for well",
            "restarts": "int: how often systemd restarted it by itself",
        },
    ),
    "laid_down": Observer(
        look=later("laid_down", "laid_down"),
        together=later("laid_down", "all_laid_down"),
        text="what a measure laid down, compared with what it would lay down now",
        arguments={
            "role": Argument(str, "the measure's role", required=True),
            "state": Argument(
                dict,
                "the role's state for this host, from the inspection; by default what the host's own manifest has, and "
                "the inspection asks again where that is another state",
            ),
            "programs": Argument(
                str, "all: dpkg reads every program; changed: only where one was touched since it last did", "all"
            ),
        },
        facts={
            "differs": "list: what is otherwise, one sentence each: files, rights, accounts, units and what they "
            "are made of, "
            "settings of the kernel, what lies where only the measure lays something, the manifest",
            "differences": "dict: path to the difference of the texts, of files that are no secret",
            "altered_programs": "list: programs of the measure's packages that are not as dpkg knows them",
            "compared_with": "str: SHA-256 of the state that it was compared with; empty where there was none",
        },
        seconds=150,
        by_itself={"programs": "changed"},
    ),
    "certificate": Observer(
        look=later("certificates", "see_certificate"),
        text="a certificate and whether an authority vouches for it now (openssl x509, openssl verify)",
        arguments={
            "path": Argument(str, "the certificate, PEM", required=True),
            "ca": Argument(str, "the authority's certificate, PEM", required=True),
        },
        facts={
            "exists": "bool",
            "trusted": "bool: the authority signed it and it is valid today",
            "days_left": "int: whole days until it ends; below 0 it has ended",
            "subject": "str: whom it names",
            "sha256": "str: its hash, as of openssl x509 -fingerprint -sha256, in small letters and without colons",
        },
        only_inspection="which certificate a host was given last, only the controller knows",
    ),
    "admission": Observer(
        look=later("certificates", "see_admission"),
        text="whom a collector admits, by its list",
        arguments={
            "path": Argument(str, "the list", required=True),
            "given_out": Argument(dict, "host to the SHA-256 of its certificate, in capital letters", required=True),
        },
        facts={
            "refused": "list: hosts whose certificate is not in it, in their own name",
            "withdrawn": "list: fingerprints in it of certificates that this host was not given, or has no more",
            "sha256": "str: the list's hash: there is more in it than fingerprints",
        },
        only_inspection="only the controller knows which certificates it has given out or withdrawn since",
    ),
    "clock": Observer(
        look=later("clock", "see_clock"),
        text="the clock's offset and sources (chronyc tracking, chronyc sources)",
        arguments={},
        facts={
            "synchronised": "bool: chronyd trusts a source now",
            "source": "str: the address it follows",
            "stratum": "int: its distance from a reference clock; 0 is none",
            "offset_seconds": "float: how far the clock is from it, without sign",
            "uncertainty_seconds": "float: the most by which the clock can be wrong (offset + dispersion + delay / 2)",
            "sources": "list: address, mode, state, stratum of each source",
            "configured_sources": "int: how many sources chronyd was told of",
            "reachable_sources": "int: how many of them answer",
        },
    ),
    "network_record": Observer(
        look=later("network", "see_record"),
        text="the last sample of the network's state in the journal",
        arguments={"peers": Argument(dict, "peers by name that must be in it", default={})},
        facts={
            "age_seconds": "int: how old it is; -1 where there is none",
            "interfaces": "list: interfaces that it has",
            "missing": "list: interfaces that are there and peers that are named, which it does not have",
        },
    ),
    "database_servers": Observer(
        look=later("databases", "see_servers"),
        text="the database servers that run here, by the names of their processes, against what is backed up",
        arguments={
            "sets": Argument(dict, "what is backed up (backup_sets)", required=True),
            "declared": Argument(dict, "what the unit says of this host's (important_databases)", required=True),
            "spared": Argument(list, "folders in which copies of databases are tried", required=True),
        },
        facts={
            "running": "dict: kind of server to how many run",
            "outside": "list: sentences on those that are in no set, and for which the unit gives no reason",
        },
        only_inspection="what the unit declares of its databases is told to an inspection",
    ),
    "standby": Observer(
        look=later("standby", "see_standby"),
        text="which of the two this host is, and what of it is not so",
        arguments={},
        facts={
            "state": "str: active, waiting, fault, stopped or unknown",
            "since": "float: POSIX time of the last change; null where there was none",
            "holds": "list: addresses of the pair that this host has",
            "wrong": "list: sentences",
        },
    ),
    "standby_sharing": Observer(
        look=later("standby", "see_sharing"),
        text="what conntrackd hears from the other host",
        arguments={},
        facts={
            "internal": "int: connections of this host",
            "external": "int: connections that the other told of",
            "heard": "int: bytes from the other host; 0 if none came within three seconds",
        },
    ),
}
