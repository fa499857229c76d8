# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of who may write which class, as a forwarder's rules (RainerScript)."""

from __future__ import annotations

import json

from ..module_utils.records import sources

_EXE, _UNIT, _COMM, _NAME = "$!_EXE", "$!_SYSTEMD_UNIT", "$!_COMM", "$programname"


def render(gateway: bool) -> str:
    """The statements that set C($.class), and C($.claims) where a sender is not what it says it is.

    :param gateway: whether the inventory calls this host a gateway.
    """
    # Most names are in no row, so they are asked about once. What the kernel's log has is the kernel's, or root's: it
    # is no claim of anybody's.
    names = [name for source in sources.TABLE for name in source.names]
    text = f'if (not {_is(_NAME, names)} or $!_TRANSPORT == ["kernel"]) then {{\n    set $.class = "system";\n}}'
    for source in sources.TABLE:
        believed = (gateway or not source.gateways) and source.by
        text += f" else if ({_is(_NAME, source.names)}) then {{\n"
        claims = _claims(source)
        if believed:
            text += f"    if ({' or '.join(_vouches(one, source) for one in source.by)}) then {{\n{_classes(source)}"
            text += "    } else {\n" + "".join("    " + line for line in claims.splitlines(keepends=True)) + "    }\n"
        else:
            text += claims
        text += "}"
    return text


def _claims(source) -> str:
    claimed = source.record_class if source.record_class != "system" else source.words[0].record_class
    steps = []
    if source.own or any(one.caller for one in source.by):
        unknown = " and ".join([f'{_EXE} == [""]', f'{_COMM} == [""]', *_not_its_own(source)])
        steps.append(f'if ({unknown}) then {{\n        set $.claims = "{claimed}{sources.UNKNOWN}";\n    }}')
    if source.own:
        own = " and ".join([_runs(source.own, source.names), *_not_its_own(source)])
        steps.append(f'if not ({own}) then {{\n        set $.claims = "{claimed}";\n    }}')
    elif steps:
        steps.append(f'{{\n        set $.claims = "{claimed}";\n    }}')
    return "    " + (" else ".join(steps) or f'set $.claims = "{claimed}";') + "\n"


def _is(what: str, patterns) -> str:
    exact = [one for one in patterns if not one.endswith("*")]
    tests = [f"{what} == {json.dumps(exact)}"] if exact else []
    return _any(tests + [f"{what} startswith {json.dumps(one[:-1])}" for one in patterns if one.endswith("*")])


def _any(tests: list[str]) -> str:
    return tests[0] if len(tests) == 1 else f"({' or '.join(tests)})"


def _vouches(evidence, source) -> str:
    tests = []
    if evidence.root:
        tests.append('$!_UID == ["0"]')
    if evidence.caller:
        tests += [_runs(evidence.exes, source.names), 'not ($!_CAP_EFFECTIVE == ["", "0"])']
    elif evidence.exes:
        tests.append(_is(_EXE, ("", *evidence.exes)))
    if evidence.units:
        tests.append(_is(_UNIT, evidence.units))
    return f"({' and '.join(tests)})"


def _runs(exes, names) -> str:
    """A process that is about to end has no program any more, but still its name."""
    return f'({_is(_EXE, exes)} or ({_EXE} == [""] and {_is(_COMM, names)}))'


def _not_its_own(source) -> list[str]:
    return ["not " + _any([f"$msg startswith {json.dumps(one)}" for one in source.never])] if source.never else []


def _classes(source) -> str:
    text = ""
    for words in source.words:
        tests = [_any([f"$msg contains {json.dumps(one)}" for one in words.any_of])] if words.any_of else []
        tests += [f"not ($msg contains {json.dumps(one)})" for one in words.none_of]
        tests += [f"re_match($msg, {json.dumps(words.pattern)})"] if words.pattern else []
        text += (
            f'if ({" and ".join(tests)}) then {{\n            set $.class = "{words.record_class}";\n        }} else '
        )
    last = f'set $.class = "{source.record_class}";'
    return "        " + (f"{text}{{\n            {last}\n        }}" if text else last) + "\n"
