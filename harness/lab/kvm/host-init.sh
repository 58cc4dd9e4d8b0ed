#!/bin/sh
# First process of a lab host: makes the namespaces it was started in look like a machine of its own, then runs
# libvirtd and sshd. Reads one line from standard input once the host has its network cable, and then what to do to its
# daemons.
# Environment: HOST_NAME HOST_FOLDER HOST_ADDRESS HOST_BRIDGE HOST_UPLINK CGROUP_PLAN LIBVIRTD_FLAGS
set -eu

over() { # over SOURCE TARGET: show SOURCE in place of TARGET
    mount --bind "$1" "$2"
}

private_folders() { # private_folders lib|log|cache NAME...: show this host's own there
    kind=$1
    shift
    # A machine where such a program never ran may lack its folder; it must not be made outside of this namespace.
    for name; do
        [ ! -d "/var/$kind/$name" ] || continue
        mount -t tmpfs tmpfs "/var/$kind" -o mode=755
        for each; do mkdir -p "/var/$kind/$each"; done
    done
    for name; do over "$HOST_FOLDER/var-$kind-$name" "/var/$kind/$name"; done
}

hostname "$HOST_NAME"
mount -t proc proc /proc
umount -l /sys
mount -t sysfs sysfs /sys

if [ "$CGROUP_PLAN" = v2 ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
    mount -t tmpfs tmpfs /sys/fs/cgroup -o mode=755
    for controllers in $CGROUP_PLAN; do
        mkdir "/sys/fs/cgroup/$controllers"
        mount -t cgroup -o "$controllers" cgroup "/sys/fs/cgroup/$controllers"
        # Controllers that share a hierarchy are also found by each name alone.
        for name in $(echo "$controllers" | tr , ' '); do
            [ -e "/sys/fs/cgroup/$name" ] || ln -s "$controllers" "/sys/fs/cgroup/$name"
        done
    done
fi

mount -t tmpfs tmpfs /run -o mode=755
mkdir -p /run/sshd /run/lock /run/home
over "$HOST_FOLDER/etc-libvirt" /etc/libvirt
private_folders lib libvirt
private_folders log libvirt cloudstack
private_folders cache libvirt
for file in passwd shadow group; do over "$HOST_FOLDER/etc/$file" "/etc/$file"; done
# These may be missing, or links into the machine's /run, which is gone here.
for file in hosts machine-id resolv.conf; do
    target=$(readlink -m "/etc/$file")
    case $target in /run/*) mkdir -p "${target%/*}" && : >"$target" ;; esac
    [ ! -e "$target" ] || over "$HOST_FOLDER/etc/$file" "$target"
done
over "$HOST_FOLDER/capacity/cpu" /sys/devices/system/cpu
over "$HOST_FOLDER/capacity/node" /sys/devices/system/node
over "$HOST_FOLDER/capacity/cpuinfo" /proc/cpuinfo
over "$HOST_FOLDER/capacity/meminfo" /proc/meminfo

read -r _
exec 3<&0 </dev/null
if [ "$CGROUP_PLAN" = v2 ]; then
    # A version 2 group that hands controllers down may hold no process itself; our parent has gone ahead.
    echo 0 >/sys/fs/cgroup/init/cgroup.procs
    for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
        echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
    done
fi
ip -batch - <<LINES
link set lo up
link add $HOST_BRIDGE type bridge
link set $HOST_BRIDGE up
link set eth0 up
LINES
if [ "$HOST_UPLINK" = bridged ]; then
    # CloudStack's agent wants the bridge to have a physical port, and its own address there.
    ip link set eth0 master "$HOST_BRIDGE"
    ip address add "$HOST_ADDRESS" dev "$HOST_BRIDGE"
else
    ip address add "$HOST_ADDRESS" dev eth0
fi

export HOME=/run/home
start_libvirtd() {
    # shellcheck disable=SC2086 # the flags are words
    libvirtd $LIBVIRTD_FLAGS 3<&- &
}
start_sshd() {
    "$(command -v sshd)" -D -e -f "$HOST_FOLDER/sshd_config" 3<&- &
}
stop_libvirtd() {
    libvirtd=$(cat /run/libvirtd.pid) && kill "$libvirtd" || return 0
    # As long as it is there, another one does not start.
    while [ -d "/proc/$libvirtd" ]; do sleep 0.05; done
}
signal_sshd() { # signal_sshd NAME: to the server and to those of its connections, whatever they are called
    for comm in /proc/[0-9]*/comm; do
        { read -r name <"$comm"; } 2>/dev/null || continue
        process=${comm#/proc/}
        case $name in sshd*) kill -s "$1" "${process%/comm}" 2>/dev/null || : ;; esac
    done
}
start_service() { # what a lab has put into the host's folder besides
    sh "$HOST_FOLDER/service.sh" 3<&- &
}
start_libvirtd
start_sshd
while read -r order; do
    case $order in
    stop-libvirtd) stop_libvirtd ;;
    start-libvirtd) start_libvirtd ;;
    stop-sshd) signal_sshd KILL ;;
    start-sshd) start_sshd ;;
    freeze-sshd) signal_sshd STOP ;;
    thaw-sshd) signal_sshd CONT ;;
    start-service) start_service ;;
    esac
    echo "$order" >>"$HOST_FOLDER/orders"
done <&3 3<&- &
exec 3<&-
# Waiting for one child also collects the ones that were orphaned into this namespace, QEMU among them.
while :; do
    sleep 86400 &
    wait $!
done
