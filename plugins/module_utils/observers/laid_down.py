# SPDX-License-Identifier: GPL-3.0-or-later
"""Observer: whether a measure is on the host as the controller would lay it down now."""

from __future__ import annotations

from ._registry import Argument, Observer, later

OBSERVERS = {
    "laid_down": Observer(
        look=later("_laid_down", "laid_down"),
        together=later("_laid_down", "all_laid_down"),
        text="what a measure laid down, compared with what it would lay down now",
        arguments={
            "role": Argument(str, "the measure's role", required=True),
            "state": Argument(
                dict,
                "the role's state for this host, from the inspection; by default what the host's own manifest has, and "
                "the inspection asks again where that is another state",
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
    ),
}
