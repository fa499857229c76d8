#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Run by mmdebstrap in a system that has a compiler and Debian's source of Linux: $1 is its root. It makes the kernel of
# the lab's virtual machines, Linux as a program, and leaves it in the folder $2 as 'linux', its modules as 'modules.tar'.
# Debian's own kernel of this kind has no nftables for IP.
set -eu
root=$1
tar -C "$root/usr/src" -xf "$root"/usr/src/linux-source-*.tar.xz
mv "$root"/usr/src/linux-source-*/ "$root/usr/src/linux"

# Linux 6.12 for user mode keeps 2,696 bytes of a process's floating point registers, and the kernel below it takes them
# back whole or not at all: with AMX they are 11,008. It asks for less where there is less. The stacks, in which they are
# kept too, grow with them (CONFIG_KERNEL_STACK_ORDER). Later versions of Linux ask the processor for the size.
offsets=$root/usr/src/linux/arch/x86/um/user-offsets.c
sed -i 's/DEFINE_LONGS(HOST_FP_SIZE, 2696)/DEFINE_LONGS(HOST_FP_SIZE, 12288)/' "$offsets"
grep -q 'HOST_FP_SIZE, 12288' "$offsets"

# What it has beyond the least that a kernel can be. Its modules are loaded when they are asked for, as on a server.
cat >"$root/usr/src/linux/lab.config" <<'CONFIG'
# Programs, terminals, files, disks
CONFIG_64BIT=y
CONFIG_KERNEL_STACK_ORDER=4
CONFIG_MODULES=y
CONFIG_MULTIUSER=y
CONFIG_BINFMT_ELF=y
CONFIG_BINFMT_SCRIPT=y
CONFIG_COREDUMP=y
CONFIG_KALLSYMS=y
CONFIG_PRINTK=y
CONFIG_BUG=y
CONFIG_NO_HZ=y
CONFIG_HIGH_RES_TIMERS=y
CONFIG_SYSVIPC=y
CONFIG_POSIX_MQUEUE=y
CONFIG_AIO=y
CONFIG_TIMERFD=y
CONFIG_MEMBARRIER=y
CONFIG_ADVISE_SYSCALLS=y
CONFIG_SHMEM=y
CONFIG_SWAP=y
CONFIG_TTY=y
CONFIG_UNIX98_PTYS=y
CONFIG_STDERR_CONSOLE=y
CONFIG_SSL=y
CONFIG_NULL_CHAN=y
CONFIG_HW_RANDOM=y
CONFIG_UML_RANDOM=y
CONFIG_BLOCK=y
CONFIG_BLK_DEV=y
CONFIG_BLK_DEV_UBD=y
CONFIG_BLK_DEV_LOOP=y
CONFIG_EXT4_FS=y
CONFIG_EXT4_FS_POSIX_ACL=y
CONFIG_EXT4_FS_SECURITY=y
CONFIG_TMPFS=y
CONFIG_TMPFS_POSIX_ACL=y
CONFIG_TMPFS_XATTR=y
CONFIG_DEVTMPFS=y
CONFIG_DEVTMPFS_MOUNT=y
CONFIG_PROC_FS=y
CONFIG_PROC_SYSCTL=y
CONFIG_SYSFS=y
CONFIG_AUTOFS_FS=y
CONFIG_FUSE_FS=m
CONFIG_FILE_LOCKING=y
CONFIG_INOTIFY_USER=y

# What systemd puts services into
CONFIG_CGROUPS=y
CONFIG_MEMCG=y
CONFIG_BLK_CGROUP=y
CONFIG_CGROUP_SCHED=y
CONFIG_FAIR_GROUP_SCHED=y
CONFIG_CFS_BANDWIDTH=y
CONFIG_CGROUP_PIDS=y
CONFIG_CGROUP_FREEZER=y
CONFIG_CGROUP_DEVICE=y
CONFIG_CGROUP_CPUACCT=y
CONFIG_CGROUP_BPF=y
CONFIG_BPF_SYSCALL=y
CONFIG_NAMESPACES=y
CONFIG_UTS_NS=y
CONFIG_IPC_NS=y
CONFIG_USER_NS=y
CONFIG_PID_NS=y
CONFIG_NET_NS=y
CONFIG_SECCOMP=y
CONFIG_SECCOMP_FILTER=y
CONFIG_PSI=y
CONFIG_TASKSTATS=y

# What a measure looks with
CONFIG_AUDIT=y
CONFIG_FANOTIFY=y
CONFIG_FANOTIFY_ACCESS_PERMISSIONS=y

# Networks
CONFIG_NET=y
CONFIG_NETDEVICES=y
CONFIG_NET_CORE=y
CONFIG_UML_NET=y
CONFIG_UML_NET_VECTOR=y
CONFIG_UNIX=y
CONFIG_UNIX_DIAG=m
CONFIG_PACKET=y
CONFIG_PACKET_DIAG=m
CONFIG_INET=y
CONFIG_INET_DIAG=m
CONFIG_INET_UDP_DIAG=m
CONFIG_IP_MULTICAST=y
CONFIG_IP_ADVANCED_ROUTER=y
CONFIG_IP_MULTIPLE_TABLES=y
CONFIG_SYN_COOKIES=y
CONFIG_IPV6=y
CONFIG_IPV6_MULTIPLE_TABLES=y
CONFIG_DUMMY=m
CONFIG_VETH=m
CONFIG_TUN=m
CONFIG_NET_SCHED=y
CONFIG_NET_SCH_FQ_CODEL=m
CONFIG_NET_SCH_NETEM=m

# Filtering and translation
CONFIG_NETFILTER=y
CONFIG_NETFILTER_ADVANCED=y
CONFIG_NETFILTER_NETLINK_QUEUE=m
CONFIG_NETFILTER_NETLINK_LOG=m
CONFIG_NETFILTER_NETLINK_GLUE_CT=y
CONFIG_NF_CONNTRACK=m
CONFIG_NF_CONNTRACK_MARK=y
CONFIG_NF_CONNTRACK_ZONES=y
CONFIG_NF_CONNTRACK_PROCFS=y
CONFIG_NF_CONNTRACK_EVENTS=y
CONFIG_NF_CONNTRACK_TIMEOUT=y
CONFIG_NF_CONNTRACK_TIMESTAMP=y
CONFIG_NF_CONNTRACK_LABELS=y
CONFIG_NF_CT_NETLINK=m
CONFIG_NF_CT_NETLINK_TIMEOUT=m
CONFIG_NF_NAT=m
CONFIG_NF_LOG_IPV4=m
CONFIG_NF_LOG_IPV6=m
CONFIG_NF_TABLES=m
CONFIG_NF_TABLES_INET=y
CONFIG_NF_TABLES_NETDEV=y
CONFIG_NF_TABLES_IPV4=y
CONFIG_NF_TABLES_IPV6=y
CONFIG_NFT_CT=m
CONFIG_NFT_CONNLIMIT=m
CONFIG_NFT_FIB_INET=m
CONFIG_NFT_FIB_IPV4=m
CONFIG_NFT_FIB_IPV6=m
CONFIG_NFT_HASH=m
CONFIG_NFT_LIMIT=m
CONFIG_NFT_LOG=m
CONFIG_NFT_MASQ=m
CONFIG_NFT_NAT=m
CONFIG_NFT_NUMGEN=m
CONFIG_NFT_QUEUE=m
CONFIG_NFT_QUOTA=m
CONFIG_NFT_REDIR=m
CONFIG_NFT_REJECT=m
CONFIG

chroot "$root" sh -eu -c '
    cd /usr/src/linux
    export ARCH=um
    make allnoconfig KCONFIG_ALLCONFIG=lab.config
    grep "^CONFIG_" lab.config | while read -r line; do grep -qx "$line" .config || echo "E: no $line in this Linux"; done >missing
    [ ! -s missing ]
    make -j"$(nproc)" linux modules
    make INSTALL_MOD_PATH=/made INSTALL_MOD_STRIP=1 modules_install
    strip -o /linux linux
    tar -C /made -cf /modules.tar lib/modules
' >"$root/usr/src/log" 2>&1 || {
    cat "$root/usr/src/linux/missing" >&2
    tail -n 5 "$root/usr/src/log" | sed "s/^/E: /" >&2
    exit 1
}
cp "$root/linux" "$root/modules.tar" "$2"
