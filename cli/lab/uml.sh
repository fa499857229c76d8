#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Run by mmdebstrap when the image is nearly done whose containers hold a virtual machine each: $1 is its root. It puts in
# their programs.
set -eu
root=$1

# The container's first process: 'machine NETWORK=HARDWARE_ADDRESS...'. The machine takes over the addresses that podman
# gave to the container, so they are taken away from here.
cat >"$root/usr/local/sbin/machine" <<'PROGRAM'
#!/bin/sh
set -eu
number=0
for link in control=52:54:00:82:00:01 "$@"; do
    network=${link%%=*}
    ip tuntap add "tap$number" mode tap
    if [ "$number" = 0 ]; then
        ip address add 169.254.82.1/30 dev tap0
    else
        ip link add "bridge$number" type bridge
        ip address flush dev "$network"
        ip link set "$network" master "bridge$number"
        ip link set "tap$number" master "bridge$number"
        ip link set "bridge$number" up
    fi
    ip link set "tap$number" up
    set -- "$@" "vec$number:transport=tap,gro=1,ifname=tap$number,mac=${link#*=}"
    number=$((number + 1))
done
while [ "${1#vec}" = "$1" ]; do shift; done
# The machine's memory is a file, and podman's own place for such files is small and runs no programs.
mkdir -p /memory
mountpoint -q /memory || mount -t tmpfs -o size=2300m tmpfs /memory
export TMPDIR=/memory
# What it writes goes beside the disk, which it shares with other machines.
exec /usr/local/sbin/kernel mem=2048M umid=machine ubd0=/machine/disk.cow,/image/disk ubd1r=/settings ubd2r=/mirror \
    root=/dev/ubda rw quiet net.ifnames=0 con=null con0=null,fd:1 ssl=null "$@" </dev/null >>/console 2>&1
PROGRAM

# The kernel. At a reboot it runs this anew in its own place, with all its files still open, and could not have the same
# interfaces twice.
cat >"$root/usr/local/sbin/kernel" <<'PROGRAM'
#!/bin/bash
boot() {
    for file in /proc/self/fd/*; do
        number=${file##*/}
        [ "$number" -le 2 ] || eval "exec $number>&-"
    done
    exec -a /usr/local/sbin/kernel /linux "$@"
}
boot "$@"
PROGRAM

# Run a command as root in the machine. Its key is not known before its first boot, and the link leads nowhere else.
cat >"$root/usr/local/sbin/enter" <<'PROGRAM'
#!/bin/sh
terminal=
[ ! -t 0 ] || terminal=-t
exec ssh $terminal -q -i /key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=60 \
    ops@169.254.82.2 "sudo $1"
PROGRAM
chmod 0755 "$root/usr/local/sbin/machine" "$root/usr/local/sbin/kernel" "$root/usr/local/sbin/enter"
