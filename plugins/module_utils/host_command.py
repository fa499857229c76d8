# SPDX-License-Identifier: GPL-3.0-or-later
"""The command C(order82): what runs on hosts without Ansible.

Exit codes: 0 done and well; 1 done, and something is wrong (an alarm); 2 it could not be done, one sentence says why.
C(order82 trace) has further ones for its answers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from . import forward
from .antivirus import commands as antivirus
from .firewall import commands as firewall
from .ids import commands as ids
from .nat import apply as nat_apply
from .nat import indexing as nat_indexing
from .nat import recorder as nat_recorder
from .nat import settings as nat_settings
from .nat import trace
from .network import commands as network
from .records import counting, sessions, tending
from .records.settings import SettingsError


def _parser():
    parser = argparse.ArgumentParser(
        prog="order82", description="What the measures of Order No. 82 do on this host. 本机的安全保护技术措施命令。"
    )
    areas = parser.add_subparsers(dest="area", required=True, metavar="AREA")

    records = areas.add_parser("records", help="the record store of a collector / 记录库")
    verbs = records.add_subparsers(dest="verb", required=True, metavar="VERB")
    tend = verbs.add_parser(
        "tend", help="protect open days, close past ones, delete those past retention, watch the disk"
    )
    tend.set_defaults(run=tending.command)
    count = verbs.add_parser("count", help="count records, each once, by host")
    count.add_argument("record_class", metavar="CLASS")
    count.add_argument("--day", metavar="YYYY-MM-DD", help="one UTC day; all if left out")
    count.add_argument("--host", metavar="HOST", help="one host; all if left out")
    count.add_argument("--matching", metavar="TEXT", help="only records whose line contains this text")
    count.set_defaults(run=counting.command)
    pairs = verbs.add_parser("sessions", help="logins and logouts, paired / 登录与退出配对")
    pairs.add_argument("--day", metavar="YYYY-MM-DD", help="one UTC day; all if left out")
    pairs.add_argument("--host", metavar="HOST", help="one host; all if left out")
    pairs.add_argument("--account", metavar="NAME", help="one account; all if left out")
    pairs.set_defaults(run=sessions.command)

    sender = areas.add_parser("forward", help="the forwarders of a sender / 记录转发")
    verbs = sender.add_subparsers(dest="verb", required=True, metavar="VERB")
    rewind = verbs.add_parser("rewind", help="before a forwarder starts: go back over what may not have arrived")
    rewind.add_argument("state", help="the forwarder's cursor file")
    rewind.add_argument("--entries", type=int, required=True, help="how many journal entries to go back at the most")
    rewind.set_defaults(run=forward.command)

    nat = areas.add_parser("nat", help="the address translation of a gateway / 地址转换")
    verbs = nat.add_subparsers(dest="verb", required=True, metavar="VERB")
    apply = verbs.add_parser("apply", help="put the plan in force, and record since when it is")
    apply.set_defaults(run=nat_apply.command)
    withdraw = verbs.add_parser("withdraw", help="put the plan out of force, and record it")
    withdraw.set_defaults(run=nat_apply.command_withdraw)
    record = verbs.add_parser("record", help="record the plan and translations, until it is told to end")
    record.set_defaults(run=nat_recorder.command)
    for verb in (apply, withdraw, record):
        verb.add_argument("--settings", metavar="FILE", default=nat_settings.PATH, help="by default %(default)s")

    index = verbs.add_parser("index", help="on a collector: build the index of NAT records anew where it is old")
    index.add_argument("--index", metavar="FOLDER", default=trace.INDEX, help="by default %(default)s")
    index.add_argument(
        "--publish",
        action="store_true",
        help="then bring the object store to the same state / 发布到对象存储",
    )
    index.set_defaults(run=nat_indexing.command)

    guard = areas.add_parser("firewall", help="who may reach this host / 主机防火墙")
    guarding = firewall.options(guard.add_subparsers(dest="verb", required=True, metavar="VERB"))

    scanner = areas.add_parser("antivirus", help="viruses, and what is in quarantine / 防病毒")
    scanning = antivirus.options(scanner.add_subparsers(dest="verb", required=True, metavar="VERB"))

    sensor = areas.add_parser("ids", help="the intrusion detection / 入侵检测")
    sensing = ids.options(sensor.add_subparsers(dest="verb", required=True, metavar="VERB"))

    state = areas.add_parser("network", help="the running state of the network / 网络运行状态")
    recording = network.options(state.add_subparsers(dest="verb", required=True, metavar="VERB"))

    who = areas.add_parser("trace", help="who had this public address and port then? / 溯源查询")
    trace.options(who)
    who.set_defaults(run=trace.command)

    for verb in (
        tend,
        count,
        pairs,
        rewind,
        apply,
        withdraw,
        record,
        index,
        *guarding,
        *scanning,
        *sensing,
        *recording,
        who,
    ):
        verb.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return parser


def main(argv=None):
    """Run one verb and give back the exit code.

    :param list argv: the words after the command's name; those of the process if left out.
    """
    arguments = _parser().parse_args(argv)
    try:
        document, text, code = arguments.run(arguments)
    except (SettingsError, OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
        sys.stderr.write("order82: %s\n" % error)
        return 2
    try:
        sys.stdout.write((json.dumps(document, ensure_ascii=False) if arguments.json else text) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()
    return code
