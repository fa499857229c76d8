# SPDX-License-Identifier: GPL-3.0-or-later
"""Observers of backups, their repositories and restore drills."""

from __future__ import annotations

from .._registry import Argument, Observer, later

OBSERVERS = {
    "backups": Observer(
        look=later("backup", "backups"),
        text="the newest backup of each set in each repository, as the repositories say",
        arguments={"max_age_hours": Argument(int, "hours after which a backup is old", required=True)},
        facts={
            "repositories": "list: their names",
            "domain_count": "int: how many rooms or sites they stand in, by what the inventory says",
            "age_hours": "dict: hours since the newest backup by 'set in repository'; None where there is none",
            "old": "list: 'set in repository' whose newest backup is too old, or not there",
            "failed": "list: 'set to repository: reason' of what the last run left out, or what is in doubt",
            "unusable": "list: sentences about repositories that did not answer",
        },
        seconds=150,
        only_inspection="it asks all repositories over the network, for what counts in hours",
    ),
    "backup_append_only": Observer(
        look=later("backup", "append_only"),
        text="whether the host's own account can delete in a repository (tried on a snapshot that is not there)",
        arguments={},
        facts={
            "deletable": "list: repositories that would have deleted",
            "unusable": "list: sentences about repositories that did not answer",
        },
        only_inspection="it tries to delete in all repositories",
    ),
    "restore_drill": Observer(
        look=later("backup", "drill"),
        text="the signed report of the last restore drill",
        arguments={},
        facts={
            "age_days": "float: days since; -1 where there was none",
            "wrong": "list: what could not be restored, each with the reason",
            "tried": "list: 'set from repository' that it tried",
            "missing": "list: 'set from repository' that it did not try",
            "genuine": "bool: whether the signature is the host's",
        },
    ),
    "backup_repository": Observer(
        look=later("repositories", "repository_look"),
        text="what the repository's own last look found, which reads every byte",
        arguments={},
        facts={
            "age_hours": "float: hours since; -1 where there was none",
            "wrong": "list: hosts whose backups are not whole, each with the reason",
            "free_percent": "float: of the file system; -1 where nobody looked",
        },
    ),
}
