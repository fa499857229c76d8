# SPDX-License-Identifier: GPL-3.0-or-later
"""Acts of sabotage against measures of one host, as its root can do them: the table, with what must come of each."""

from __future__ import annotations

from typing import NamedTuple

OWN = "/etc/systemd/system"


class Act(NamedTuple):
    """C(does): a shell command. C(said): what is on record of it. C(right): true when it was put right."""

    does: str
    said: str
    right: str


def changed(role: str, what: str) -> str:
    """The words of an alarm."""
    return f"alarm: {role} was changed: {what}"


def drop_in(unit: str, below: str, *lines: str) -> str:
    """A drop-in of somebody else."""
    return f"mkdir -p {below}/{unit}.d; printf '%s\\n' {' '.join(map(repr, lines))} >{below}/{unit}.d/zz.conf"


def active(unit: str) -> str:
    return f"systemctl --quiet is-active {unit}"


ACTS = {
    "unit stopped": Act(
        "systemctl stop chrony", changed("time_sync", "chrony.service: does not run"), active("chrony")
    ),
    "unit masked": Act(
        "systemctl mask --now fail2ban",
        changed("intrusion_prevention", "fail2ban.service: is masked"),
        active("fail2ban"),
    ),
    "unit frozen": Act(
        "systemctl freeze order82-network.service",
        changed("network_state", "order82-network.service: is frozen"),
        'test "$(systemctl show -P FreezerState order82-network.service)" = running',
    ),
    "program stopped by a signal": Act(
        "systemctl kill --signal=STOP order82-config.service",
        changed("log_forwarder", "order82-config.service: is stopped by a signal"),
        "! grep -q '^State:.T' /proc/$(systemctl show -P MainPID order82-config)/status",
    ),
    "program killed": Act(
        "systemctl kill --signal=KILL order82-journal.service",
        "noticed: order82-journal.service: its program ended, and systemd started it again",
        active("order82-journal"),
    ),
    "control group frozen by hand": Act(
        "echo 1 >/sys/fs/cgroup/system.slice/rsyslog.service/cgroup.freeze",
        changed("log_forwarder", "rsyslog.service: is frozen by its control group"),
        "grep -q 0 /sys/fs/cgroup/system.slice/rsyslog.service/cgroup.freeze",
    ),
    "unit disabled": Act(
        "systemctl disable --quiet order82-files.service",
        changed("log_forwarder", "order82-files.service: does not start at boot"),
        "systemctl --quiet is-enabled order82-files.service",
    ),
    "settings edited": Act(
        "echo 'local stratum 1' >>/etc/chrony/chrony.conf",
        changed("time_sync", "/etc/chrony/chrony.conf: content differs"),
        "! grep -q stratum.1 /etc/chrony/chrony.conf",
    ),
    "settings truncated": Act(
        ": >/etc/order82/files.conf",
        changed("log_forwarder", "/etc/order82/files.conf: content differs"),
        "test -s /etc/order82/files.conf",
    ),
    "unit file deleted": Act(
        f"rm {OWN}/order82-network.service",
        changed("network_state", f"{OWN}/order82-network.service: is missing"),
        f"test -s {OWN}/order82-network.service",
    ),
    "command replaced by one that always ends well": Act(
        "printf '#!/bin/sh\\nexit 0\\n' >/usr/bin/order82",
        changed("order82", "/usr/bin/order82: content differs"),
        "order82 --help | grep -q maintenance",
    ),
    "drop-in in /etc": Act(
        drop_in("order82-files.service", OWN, "[Service]", "ExecStart=", "ExecStart=/bin/sleep inf")
        + "; systemctl daemon-reload",
        changed("log_forwarder", f"order82-files.service: is made of {OWN}/order82-files.service.d/zz.conf, too"),
        f"test ! -e {OWN}/order82-files.service.d/zz.conf && ls /var/lib/order82/set_aside/*/*order82-files*zz.conf",
    ),
    "drop-in in /run, not read yet": Act(
        drop_in("order82-forward@collector1.service", "/run/systemd/system", "[Service]", "CPUQuota=1%"),
        changed("log_forwarder", "order82-forward@collector1.service: "),
        "test ! -e /run/systemd/system/order82-forward@collector1.service.d/zz.conf && "
        "! systemctl cat order82-forward@collector1 | grep CPUQuota",
    ),
    "quota of the processor": Act(
        "systemctl set-property order82-forward@collector2.service CPUQuota=1%",
        changed("log_forwarder", "order82-forward@collector2.service: is made of"),
        'test "$(systemctl show -P CPUQuotaPerSecUSec order82-forward@collector2)" = infinity',
    ),
    "timer that waits for a year": Act(
        f"sed -i 's/^On.*Sec=.*/OnCalendar=yearly/' {OWN}/order82-check.timer; systemctl daemon-reload; "
        "systemctl restart order82-check.timer",
        changed("measure_watch", f"{OWN}/order82-check.timer: content differs"),
        f"grep -q OnUnit {OWN}/order82-check.timer && ! systemctl show -P TimersCalendar order82-check.timer | grep -q .",
    ),
    "file that others may write": Act(
        "chmod 0666 /etc/order82/forward/collector1.conf",
        changed("log_forwarder", "/etc/order82/forward/collector1.conf: mode 0666"),
        "test $(stat -c %a /etc/order82/forward/collector1.conf) = 644",
    ),
    "file given to an account": Act(
        "chown nobody /etc/order82/forward/collector2.conf",
        changed("log_forwarder", "/etc/order82/forward/collector2.conf: owner nobody"),
        "test $(stat -c %U /etc/order82/forward/collector2.conf) = root",
    ),
    "link in place of a file": Act(
        "ln -sf /dev/null /etc/logrotate.conf",
        changed("log_forwarder", "/etc/logrotate.conf"),
        "test -s /etc/logrotate.conf -a ! -L /etc/logrotate.conf",
    ),
    "file that can't be changed any more": Act(
        "echo x >>/etc/logrotate.d/btmp; chattr +i /etc/logrotate.d/btmp",
        changed("log_forwarder", "/etc/logrotate.d/btmp: content differs"),
        "! grep -qx x /etc/logrotate.d/btmp",
    ),
    "settings of another beside ours": Act(
        "printf '[Journal]\\nStorage=none\\n' >/etc/systemd/journald.conf.d/zz.conf",
        changed("log_forwarder", "/etc/systemd/journald.conf.d/zz.conf lies where only the measure lays something"),
        "test ! -e /etc/systemd/journald.conf.d/zz.conf",
    ),
    "folder moved away": Act(
        "mv /etc/order82/backup /etc/order82/away",
        changed("backup", "/etc/order82/backup"),
        "test -d /etc/order82/backup",
    ),
    "account that may log in": Act(
        "usermod --shell /bin/sh order82-forward",
        changed("log_forwarder", "account order82-forward can log in"),
        "getent passwd order82-forward | grep -q nologin",
    ),
    "rules taken from the kernel": Act(
        "nft flush chain inet order82_firewall input",
        changed("host_firewall", "rules in force"),
        "order82 firewall state",
    ),
    "manifest edited": Act(
        "sed -i 's/0644/0666/' /var/lib/order82/manifest/time_sync.json",
        "alarm: the manifest of time_sync was changed",
        "! grep -q 0666 /var/lib/order82/manifest/time_sync.json",
    ),
    "self-check stopped": Act(
        "systemctl stop order82-check.timer",
        changed("measure_watch", "order82-check.timer: does not run"),
        active("order82-check.timer"),
    ),
    "what brings the watch back stopped": Act(
        "systemctl disable --quiet --now order82-watch-back.timer",
        changed("measure_watch", "order82-watch-back.timer: does not"),
        active("order82-watch-back.timer"),
    ),
}

TOLD_ONLY = {
    "account with the number of root": Act(
        "echo 'toor:x:0:0::/root:/bin/sh' >>/etc/passwd",
        changed("accounts", "toor: has the number of root"),
        "sed -i /^toor:/d /etc/passwd",
    ),
    "program of a package replaced": Act(
        "cp -a /usr/sbin/logrotate /root/logrotate; cp /bin/true /usr/sbin/logrotate",
        changed("programs", "/usr/sbin/logrotate: is not as its package brought it"),
        "mv /root/logrotate /usr/sbin/logrotate",
    ),
    "secret replaced": Act(
        "cp -a /etc/order82/backup/password /root/password; echo another >/etc/order82/backup/password",
        changed("backup", "/etc/order82/backup/password: content differs"),
        "mv /root/password /etc/order82/backup/password",
    ),
}
"""What is alarmed and is nobody's to put right here; C(right) is what a person does."""
