#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Run by mmdebstrap when the emulator's image is nearly done: $1 is its root. It puts in the two programs of a container
# in which a virtual machine runs.
set -eu
root=$1

# The container's first process: 'machine NETWORK=HARDWARE_ADDRESS...'. The machine takes over the addresses that podman
# gave to the container, so they are taken away from here.
cat >"$root/usr/local/sbin/machine" <<'PROGRAM'
#!/bin/sh
set -eu
disk=/machine/disk.qcow2
if [ ! -e "$disk" ]; then
    qemu-img create -q -f qcow2 -F raw -b /image/disk.raw "$disk.half"
    mv "$disk.half" "$disk"
fi
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
    set -- "$@" -netdev "tap,id=net$number,ifname=tap$number,script=no,downscript=no" \
        -device "virtio-net-pci,netdev=net$number,mac=${link#*=}"
    number=$((number + 1))
done
while [ "${1#-}" = "$1" ]; do shift; done
# Its disk need not outlive this container, so nothing waits for it; and in a lab nobody spies on its processor. Wide
# registers and a fifth level of page tables make a real processor faster and an emulated one slower.
exec qemu-system-x86_64 -accel tcg,thread=multi -cpu max,la57=off,avx=off,avx2=off -smp 2 -m 2048 -nodefaults -display none \
    -serial file:/console -device virtio-rng-pci \
    -kernel /image/vmlinuz -initrd /image/initrd -append 'root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 mitigations=off' \
    -drive "file=$disk,format=qcow2,if=virtio,discard=unmap,cache=unsafe" \
    -drive file=/settings,format=raw,if=virtio,readonly=on \
    -drive file=/mirror,format=raw,if=virtio,readonly=on \
    "$@"
PROGRAM

# Run a command as root in the machine. Its key is not known before its first boot, and the link leads nowhere else.
cat >"$root/usr/local/sbin/enter" <<'PROGRAM'
#!/bin/sh
terminal=
[ ! -t 0 ] || terminal=-t
exec ssh $terminal -q -i /key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=60 \
    ops@169.254.82.2 "sudo $1"
PROGRAM
chmod 0755 "$root/usr/local/sbin/machine" "$root/usr/local/sbin/enter"
