# SPDX-License-Identifier: GPL-3.0-or-later
"""The command C(order82): what runs on hosts without Ansible.

Exit codes: 0 done and well; 1 done, and something is wrong (an alarm); 2 it could not be done, one sentence says why.
C(order82 trace) has further ones for its answers.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys

from .records.settings import SettingsError

_AREAS = {
    "records": ("records.commands", "the record store of a collector / 记录库"),
    "alarms": ("alarms.commands", "alarms, and whom they are told / 告警与接收者"),
    "forward": ("forward", "the forwarders of a sender / 记录转发"),
    "changes": ("changes", "changes of files in watched folders / 文件变更记录"),
    "nat": ("nat.commands", "the address translation of a gateway / 地址转换"),
    "firewall": ("firewall.commands", "who may reach this host / 主机防火墙"),
    "antivirus": ("antivirus.commands", "viruses, and what is in quarantine / 防病毒"),
    "ids": ("ids.commands", "the intrusion detection / 入侵检测"),
    "network": ("network.commands", "the running state of the network / 网络运行状态"),
    "backup": ("backup.commands", "backups of this host, and restoring them / 备份与恢复"),
    "repository": ("backup.repository", "backups of other hosts that lie here / 备份库"),
    "standby": ("standby", "which of a pair is the active one / 主备切换"),
    "watch": ("watch.commands", "what puts measures right that somebody changes / 措施值守"),
    "check": ("self_check.commands", "this host's own measures, as an inspection would look / 自查"),
    "maintenance": ("maintenance_commands", "announce work on this host / 维护预告"),
    "stops": ("stops", "stops of recorders, and announcing them / 记录设施的停止与预告"),
    "trace": ("nat.answer.commands", "who had this public address and port then? / 溯源查询"),
}
"""Where the options of each area are.

A module is loaded only when its area is asked for: timers start this command every minute, and Python compiles anew
what it loads from an archive.
"""


def _parser(asked):
    """The parser of the command line, with the options of the area that is asked for."""
    parser = argparse.ArgumentParser(
        prog="order82", description="What the measures of Order No. 82 do on this host. 本机的安全保护技术措施命令。"
    )
    areas = parser.add_subparsers(dest="area", required=True, metavar="AREA")
    for name, (module, says) in _AREAS.items():
        area = areas.add_parser(name, help=says)
        if name == asked:
            for verb in importlib.import_module("." + module, __package__).options(area):
                verb.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return parser


def main(argv=None):
    """Run one verb and give back the exit code.

    :param list argv: the words after the command's name; those of the process if left out.
    """
    words = sys.argv[1:] if argv is None else argv
    arguments = _parser(words[0] if words else None).parse_args(words)
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
