# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy sealed days into a folder, for who verifies them without our code: C(order82 records export)."""

from __future__ import annotations

import datetime
import os
import shutil

from .. import login
from . import chain, keys, spoken
from . import settings as record_settings
from . import store as record_store

README = """\
# 记录的封存与核验 Sealed records, and how to verify them

本目录由记录服务器 {collector} 导出：{days} 个封存日。每一目录为一个类别的一日（UTC）：
记录文件（zstd 压缩）、清单 SHA256SUMS 及其签名。清单第一行写明前一份清单的哈希。
核验无需本系统的程序；在某一日的目录中运行：

Exported from the collector {collector}: {days} sealed days. Each folder is a day (UTC)
of one class: the records (compressed by zstd), their list SHA256SUMS, and its signature.
The first line of a list has the hash of the list that was sealed before it. To verify a
day no program of ours is needed; in its folder:

    sha256sum -c SHA256SUMS
    ssh-keygen -Y verify -f ../../allowed_signers -I {collector} -n {namespace} -s SHA256SUMS.sig < SHA256SUMS

第一条核对每个文件，第二条核对签名。公钥须与另一台记录服务器上所存者一致：

The first one checks each file, the second one the signature. The public key must be one
of those of which another collector has a record of this one's:

    zstd -dcfq /srv/records/measure_state/*/{collector}.log* | grep -a 'seals with'

阅读记录 To read the records:

    zstd -dc HOST.log.zst
"""


def export(settings, folder, classes, since, until):
    """Copy days that are sealed.

    :param str folder: is made; it must not be there.
    :param str since: YYYY-MM-DD, or empty for the first; so is C(until).
    :return: (class, day) of each.
    :raises ValueError: the folder is there, or there is no such day.
    """
    if os.path.lexists(folder):
        raise ValueError("%s is there already: nothing is overwritten" % folder)
    for day in filter(None, (since, until)):
        datetime.date.fromisoformat(day)
    wanted = [
        (record_class, seal.day)
        for record_class in classes
        for seal in chain.seals(settings.store, record_class)
        if not seal.purged and (not since or str(seal.day) >= since) and (not until or str(seal.day) <= until)
    ]
    if not wanted:
        raise ValueError("no sealed day is among them")
    os.mkdir(folder, 0o700)
    try:
        for record_class, day in wanted:
            to = os.path.join(folder, record_class, str(day))
            os.makedirs(to, mode=0o700)
            with record_store.opened(settings.store, record_class, day) as source:
                for name in sorted(os.listdir(source)):
                    _copy(source, name, to)
        shutil.copyfile(os.path.join(settings.store, keys.SIGNERS), os.path.join(folder, keys.SIGNERS))
        with open(os.path.join(folder, "README.md"), "w", encoding="utf-8") as file:
            file.write(README.format(collector=settings.host, days=len(wanted), namespace=keys.NAMESPACE))
    except BaseException:
        shutil.rmtree(folder)  # no half of it that looks like the whole
        raise
    return wanted


def _copy(source, name, to):
    fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
    with os.fdopen(fd, "rb") as file, open(os.path.join(to, name), "xb") as copy:
        shutil.copyfileobj(file, copy, 1 << 20)


def command(arguments):
    """order82 records export"""
    settings = record_settings.load()
    classes = arguments.record_class or sorted(settings.classes)
    for one in classes:
        if one not in settings.classes:
            raise ValueError(
                "there is no record class '%s'; there are: %s" % (one, ", ".join(sorted(settings.classes)))
            )
    done = export(settings, arguments.folder, classes, arguments.since, arguments.until)
    about = "%d days, from %s to %s, class %s" % (
        len(done),
        min(day for _class, day in done),
        max(day for _class, day in done),
        ", ".join(sorted({record_class for record_class, _day in done})),
    )
    return spoken.by_hand(["exported to %s by %s: %s" % (arguments.folder, login.account(), about)], [])
