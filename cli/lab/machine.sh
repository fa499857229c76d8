#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Run by mmdebstrap after image.sh, where the image is for virtual machines: $1 is its root. The kernel is its own, so
# what image.sh keeps from a shared one is given back, and what podman gives to a container comes from disks.
set -eu
root=$1

for unit in systemd-modules-load.service systemd-udevd.service systemd-udev-trigger.service \
    systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-binfmt.service proc-sys-fs-binfmt_misc.automount; do
    rm "$root/etc/systemd/system/$unit"
done
rm "$root/etc/sysctl.d/50-pid-max.conf" "$root/etc/sysctl.d/99-protect-links.conf"
rm "$root/usr/lib/systemd/journald.conf.d/lab.conf"
mkdir -p "$root/var/log/journal" "$root/srv/mirror"
# Nobody sits at its consoles.
chroot "$root" systemctl --quiet mask getty.target

cat >"$root/usr/local/sbin/lab-settings" <<'PROGRAM'
#!/bin/sh
# Read from the second disk who this machine is; the third is its mirror.
set -eu
mkdir -p /run/lab
tar -C /run/lab --no-same-owner -xf /dev/ubdb
hostname -F /run/lab/hostname
cp /run/lab/hostname /etc/hostname
cp /run/lab/hosts /etc/hosts
install -d -o ops -g ops -m 0700 /home/ops/.ssh
install -o ops -g ops -m 0600 /run/lab/authorized_keys /home/ops/.ssh/authorized_keys
mount -o ro /dev/ubdc /srv/mirror
until [ "$(find /sys/class/net -name 'vec*' | wc -l)" -gt "$(grep -c 'ip link set vec' /run/lab/network)" ]; do sleep 0.1; done
ip link set lo up
ip link set vec0 name control
ip address add 169.254.82.2/30 dev control
ip link set control up
cp /run/lab/network /etc/lab-network
PROGRAM
chmod 0755 "$root/usr/local/sbin/lab-settings"
mkdir "$root/etc/systemd/system/lab-network.service.d"
cat >"$root/etc/systemd/system/lab-network.service.d/machine.conf" <<'UNIT'
[Unit]
After=systemd-udevd.service systemd-udev-trigger.service systemd-remount-fs.service systemd-tmpfiles-setup-dev.service
[Service]
ExecStartPre=/usr/local/sbin/lab-settings
UNIT
