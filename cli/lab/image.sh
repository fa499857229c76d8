#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Run by mmdebstrap when a base image is nearly done: $1 is its root. It makes the tree a freshly installed Debian server
# that an administrator can reach by key, and keeps it from touching the machine whose kernel it shares.
set -eu
root=$1

chroot "$root" useradd --create-home --shell /bin/bash --password '*' ops
echo 'ops ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/ops"
chmod 0440 "$root/etc/sudoers.d/ops"

# No key is shared by two hosts: each makes its own before its sshd starts.
rm -f "$root"/etc/ssh/ssh_host_*
cat >"$root/etc/systemd/system/ssh-host-keys.service" <<'UNIT'
[Unit]
Description=Make this host's SSH keys
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key
ExecStart=/usr/bin/ssh-keygen -q -t ecdsa -N "" -f /etc/ssh/ssh_host_ecdsa_key
[Install]
WantedBy=multi-user.target
UNIT

# What a network's configuration is on a server: routes and sysctls that the lab's definition gives, at every boot.
cat >"$root/etc/systemd/system/lab-network.service" <<'UNIT'
[Unit]
Description=Routes and kernel parameters of this lab host
DefaultDependencies=no
Before=network-pre.target network.target
Wants=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -eu /etc/lab-network
[Install]
WantedBy=sysinit.target
UNIT
chroot "$root" systemctl --quiet enable ssh.service ssh-host-keys.service lab-network.service

# The kernel and its devices are the machine's: nothing here may load modules, name devices or register formats.
# Nothing here updates itself either.
chroot "$root" systemctl --quiet mask systemd-modules-load.service systemd-udevd.service systemd-udev-trigger.service \
    systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
    apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service
# Nor has it disks, consoles or a firmware for which systemd's generators could make units; each reload runs them all.
mkdir -p "$root/etc/systemd/system-generators"
for generator in "$root"/usr/lib/systemd/system-generators/systemd-*; do
    [ "${generator##*/}" = systemd-sysv-generator ] ||
        ln -s /dev/null "$root/etc/systemd/system-generators/${generator##*/}"
done
ln -s /dev/null "$root/etc/sysctl.d/50-pid-max.conf"
ln -s /dev/null "$root/etc/sysctl.d/99-protect-links.conf"

# The machine's kernel log is no record of this host.
mkdir -p "$root/usr/lib/systemd/journald.conf.d"
printf '[Journal]\nReadKMsg=no\n' >"$root/usr/lib/systemd/journald.conf.d/lab.conf"

echo 'LANG=C.UTF-8' >"$root/etc/default/locale"

# The only source of packages is the machine's local mirror, with a part that apt sees as the release's backports.
printf 'deb [trusted=yes] file:/srv/mirror%s ./\n' '' /backports >"$root/etc/apt/sources.list"
: >"$root/etc/resolv.conf"
: >"$root/etc/machine-id"
