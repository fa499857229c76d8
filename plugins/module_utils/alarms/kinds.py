# SPDX-License-Identifier: GPL-3.0-or-later
"""What the words of an alarm are about: the one table of how bad it is, how it ends, and what to type first.

A measure says C(alarm: SENTENCE), some of them say C(alarm over: SENTENCE), and others only stop saying it. Numbers in
a sentence change from one time to the next, so what an alarm is about is a row of this table, with what its pattern
catches (an interface, a host): the same row and the same catch are the same incident.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LOW, MEDIUM, HIGH = SEVERITIES = ("low", "medium", "high")
MOST = 300
"""Characters that are kept of a sentence."""
WORD, REPEATS, EVENT = "word", "repeats", "event"
_HOUR, _DAY = 3600, 86400
_MINUTELY, _HOURLY, _DAILY, _LONG = 5 * 60, 2.5 * _HOUR, 26 * _HOUR, 60 * _DAY
_SUBJECT, _READ = 200, 2000
_UNIT = "journalctl -u %s -n 20"
_NUMBER = re.compile(r"(?<![\w.:/-])\d[\d.,]*(?![\w.:/-])")


class Kind(NamedTuple):
    """A row.

    :ivar str name: as in metrics and in the label C(alertname).
    :ivar str pattern: of the sentence's beginning; what it catches is what the alarm is about.
    :ivar str severity: one of SEVERITIES.
    :ivar str ends: C(word): by C(alarm over:). C(repeats): when it is not said any more for C(quiet) seconds, while its
        host is heard. C(event): it happened, and is not over at any time; it is forgotten after C(quiet) seconds.
    :ivar float quiet: also how long an alarm with a word is remembered that is neither repeated nor called over; people
        may end one before (C(order82 alarms close)).
    :ivar str first: what to type first.
    :ivar bool about: a collector says it of the host that the pattern catches first: whichever says it, it is the same.
    """

    name: str
    pattern: str
    severity: str
    ends: str
    quiet: float
    zh: str
    en: str
    provisions: tuple = ()
    first: str = ""
    about: bool = False


TABLE = (
    # The network (network/alarms.py).
    Kind("network_link", r"the interface (\S+) is (?:gone|down)", HIGH, WORD, _LONG,
         "网络接口中断", "an interface is down", ("art8-3",), "ip -br link"),
    Kind("network_packets", r"the interface (\S+) has \d+ packets (with errors|dropped) a minute", MEDIUM, WORD, _LONG,
         "网络接口丢包或出错", "an interface loses packets", ("art8-3",), "ip -s link"),
    Kind("connection_tracking", r"connection tracking is full to", MEDIUM, WORD, _LONG,
         "连接跟踪表将满", "connection tracking is nearly full", ("art8-3",), "conntrack -C"),
    Kind("peer", r"the peer (\S+) does not answer", HIGH, WORD, _LONG,
         "对端不应答", "a peer does not answer", ("art8-3",), "fping -c 3 ADDRESS"),
    # The journal of a host (crowding/guard.py).
    Kind("crowding", r"the account (\S+) \(\d+\) (?:has written|is no longer held back)", HIGH, WORD, _DAY,
         "账号写满系统日志", "an account fills the journal", ("art13",), "cat /var/lib/order82-journal/state.json"),
    # The intrusion detection (ids/commands.py, ids/rules.py).
    Kind("intrusion_detection", r"the intrusion detection (?:does not keep up|keeps up again)", HIGH, WORD, _LONG,
         "入侵检测跟不上流量", "the intrusion detection loses packets", ("art7-1",), "order82 ids test"),
    Kind("intrusion_rules", r"(.{1,120}?) gave no (?:usable )?rules", MEDIUM, REPEATS, _DAILY,
         "入侵检测规则未更新", "no new rules for the intrusion detection", ("art7-1",), _UNIT % "order82-ids-update"),
    Kind("intrusion_rules", r"Suricata does not understand the new rules", MEDIUM, REPEATS, _DAILY,
         "入侵检测规则未更新", "no new rules for the intrusion detection", ("art7-1",), _UNIT % "order82-ids-update"),
    # Viruses (antivirus/*, and its units).
    Kind("signatures", r"(\S+) gave no usable signatures", MEDIUM, REPEATS, _HOURLY,
         "病毒特征库未更新", "no new signatures of viruses", ("art7-1",), _UNIT % "order82-antivirus-update"),
    Kind("antivirus_test", r"the self-test of the antivirus failed", HIGH, REPEATS, _HOURLY,
         "防病毒自检失败", "the antivirus fails its self-test", ("art7-1",), "order82 antivirus test"),
    Kind("antivirus_watch", r"the watch over files (?:lets no|has lost|does not)", MEDIUM, EVENT, _DAY,
         "文件监控重新启动", "the watch over files was started anew", ("art7-1",), _UNIT % "clamav-clamonacc"),
    Kind("infected", r"\".*\" is infected and can't be opened", HIGH, EVENT, _DAY,
         "发现病毒文件", "an infected file", ("art7-1",), "order82 antivirus list"),
    # The record store (records/*).
    Kind("disk", r"the disk of (\S+) has \d+ % left", HIGH, REPEATS, _MINUTELY,
         "记录磁盘将满", "the disk of the records is nearly full", ("art13",), "df -h /srv/records"),
    Kind("receiving", r"receiving is stopped", HIGH, REPEATS, _MINUTELY,
         "记录服务器停止接收", "the collector takes no records", ("art7-3", "art13"), "df -h /srv/records"),
    Kind("share", r"(\S+) has [\d.e+]+ % of the disk", HIGH, REPEATS, _MINUTELY,
         "主机占用磁盘过多", "a host has too much of the disk", ("art13",), "ls -lS /srv/records/*/$(date -u +%F)",
         about=True),
    Kind("rate", r"(\S+) sends \d+ kB/s", MEDIUM, REPEATS, _MINUTELY,
         "主机发送过快", "a host sends too much", ("art13",), "journalctl -n 200", about=True),
    Kind("claims", r"on (\S+) the account (\S+) writes what only claims", MEDIUM, EVENT, _DAY,
         "账号冒充记录类别", "an account pretends to a class of records", ("art14-3",), "order82 records claims",
         about=True),
    Kind("purge", r"nothing is purged", MEDIUM, REPEATS, _MINUTELY,
         "到期记录未清理", "nothing is purged", ("art13",), "chronyc tracking"),
    Kind("purge", r"(\S+) (\d{4}-\d\d-\d\d) is not purged", MEDIUM, REPEATS, _MINUTELY,
         "到期记录未清理", "a day is not purged", ("art13",), _UNIT % "order82-records"),
    Kind("seal", r"(\S+) (\d{4}-\d\d-\d\d) is not sealed", HIGH, REPEATS, _MINUTELY,
         "记录未封存", "a day is not sealed", ("art13", "art14-3"), _UNIT % "order82-records"),
    Kind("seal", r"nothing is sealed", HIGH, REPEATS, _MINUTELY,
         "记录未封存", "nothing is sealed", ("art13", "art14-3"), "chronyc tracking"),
    Kind("altered", r"(\S+) is not what it was when its day was closed", HIGH, EVENT, _DAY,
         "记录被改动", "records were altered", ("art14-3",), "order82 records verify"),
    Kind("store", r"(\w+) of class (\w+) failed", HIGH, REPEATS, _MINUTELY,
         "记录库维护失败", "the record store can't be tended", ("art13", "art14-3"), _UNIT % "order82-records"),
    Kind("store", r"(what each host has|what only claims|which days there are)", MEDIUM, REPEATS, _MINUTELY,
         "记录库维护失败", "the record store can't be tended", ("art13",), _UNIT % "order82-records"),
    # Translations (nat/record/recorder.py).
    Kind("translations_lost", r"\d+ translations ended unrecorded", HIGH, EVENT, _DAY,
         "地址转换记录缺失", "translations were not recorded", ("art8-2", "art10-3"), _UNIT % "order82-nat-record"),
    Kind("translation_settings", r"(?:the old settings stay in use|net\.netfilter\.)", HIGH, EVENT, _DAY,
         "地址转换记录的设置不符", "settings of the recorder of translations are wrong", ("art8-2", "art10-3"),
         _UNIT % "order82-nat-record"),
    # Backups (backup/*).
    Kind("backup", r"no (?:whole )?backup of (\S+) to (\S+):", HIGH, REPEATS, _DAILY,
         "备份失败", "a backup failed", ("art7-2",), _UNIT % "order82-backup"),
    Kind("backup_log", r"no log of (\S+) to (\S+):", HIGH, REPEATS, _HOUR,
         "数据库日志备份失败", "the log of a database is not backed up", ("art7-2",), _UNIT % "order82-backup-log"),
    Kind("drill", r"(\S+) can't be restored from (\S+):", HIGH, REPEATS, 40 * _DAY,
         "恢复演练失败", "a backup can't be restored", ("art7-2",), "order82 backup drill"),
    Kind("repository", r"the repository of (\S+):", HIGH, REPEATS, _DAILY,
         "备份库异常", "a repository of backups is not in order", ("art7-2",), "order82 repository tend"),
    Kind("repository_room", r"(\S+) has [\d.]+ % room left", HIGH, REPEATS, _DAILY,
         "备份库磁盘将满", "the disk of the backups is nearly full", ("art7-2",), "df -h /srv/backup"),
    # The guard (firewall/commands.py).
    Kind("firewall_undone", r"the new firewall rules were not confirmed in time", HIGH, EVENT, _DAY,
         "防火墙新规则已撤销", "new firewall rules were undone", ("art7-1",), "nft list ruleset"),
    # The watch over measures, and a host's look at itself (watch/*, self_check/*).
    Kind("changed", r"(\w+) was changed: ([^:;]{1,150})", HIGH, WORD, _LONG,
         "安全保护技术措施被改动", "a measure was changed", ("art14-2",), "order82 watch look"),
    Kind("fought", r"(\w+): (.{1,150}) is changed again and again", HIGH, WORD, _LONG,
         "措施被反复改动", "a measure is changed again and again", ("art14-2",), _UNIT % "order82-watch"),
    Kind("check", r"check (\S+) is (?:not )?passed", HIGH, WORD, _LONG,
         "自查未通过", "a self-check is not passed", ("art14-1", "art14-2"), "order82 check"),
    Kind("self_check", r"the self-check can't look", HIGH, REPEATS, _HOUR,
         "自查无法进行", "the self-check can't look", ("art14-1",), _UNIT % "order82-check"),
    # What this program says itself (telling.py).
    Kind("undelivered", r"alarms (?:do not )?reach ([A-Za-z0-9-]+)", HIGH, WORD, _LONG,
         "告警无法送达", "alarms do not reach somebody", ("art14-1",), "order82 alarms list"),
)  # fmt: skip

SILENCE = Kind("silence", "", HIGH, WORD, _LONG,
               "主机无记录到达", "a host is silent", ("art7-3", "art14-1"),
               "systemctl status 'order82-forward@*'")  # fmt: skip
DEAF = Kind("deaf", "", HIGH, WORD, _LONG,
            "记录服务器收不到任何记录", "a collector hears nobody", ("art7-3", "art14-1"),
            "systemctl status order82-collect 'order82-front.*'")  # fmt: skip
FLOOD = Kind("flood", "", HIGH, WORD, _LONG,
             "告警过多", "too many alarms of a host", ("art14-1",),
             "zstd -dcfq /srv/records/measure_state/*/HOST.log* | grep -a ' alarm: ' | tail")  # fmt: skip
OTHER = Kind("other", "", HIGH, WORD, _LONG, "其他告警", "another alarm", ("art14-1",), "journalctl -t order82 -n 20")
TEST = Kind("test", "", LOW, EVENT, _DAY, "告警测试", "a test of the alarms")
_COMPILED = [(re.compile(kind.pattern), kind) for kind in TABLE]
_BY_NAME = {kind.name: kind for kind in (*TABLE, SILENCE, DEAF, FLOOD, OTHER, TEST)}


def of(sentence):
    """What a sentence is about.

    :param str sentence: what stands after C(alarm:) or C(alarm over:).
    :return: pair of Kind and str: what of it, the same each time it is said.
    """
    sentence = sentence[:_READ]
    for pattern, kind in _COMPILED:
        found = pattern.match(sentence)
        if found:
            return kind, " ".join(one for one in found.groups() if one)[:_SUBJECT]
    return OTHER, _NUMBER.sub("#", sentence)[:_SUBJECT]


def named(name):
    """The row of this name; C(other) where an earlier version knew more."""
    return _BY_NAME.get(name, OTHER)


def clean(text, most=MOST):
    """A host's text for people: one line, without what a terminal or a mail would obey, and not too long.

    :param str text: with surrogates where its bytes were no UTF-8.
    """
    line = "".join(one if one.isprintable() else "\\u%04x" % ord(one) for one in text[: most + 1])
    return line if len(line) <= most else line[: most - 3] + "..."
