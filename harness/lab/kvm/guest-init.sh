#!/bin/sh
# First process of a lab guest: brings added CPUs online as they come (the kernel does so for memory), powers off when
# the power button is pressed and answers libvirt through the guest agent. Every command costs time under emulation.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do [ -f "$module" ] && insmod "$module"; done

uevent /bin/on-uevent &
acpid -d >/dev/null 2>&1 &
# CPUs that came before anyone listened.
for online in /sys/devices/system/cpu/cpu[1-9]*/online; do
    [ -f "$online" ] && read -r state <"$online" && [ "$state" = 0 ] && echo 1 >"$online"
done

agent=
for port in /sys/class/virtio-ports/*; do
    [ -f "$port/name" ] && read -r name <"$port/name" && [ "$name" = org.qemu.guest_agent.0 ] && agent=/dev/${port##*/}
done
read -r uptime _ </proc/uptime
read -r possible </sys/devices/system/cpu/possible
echo "lab guest up after $uptime s, possible CPUs $possible" >/dev/console
while :; do
    [ -z "$agent" ] || qemu-ga -m virtio-serial -p "$agent" -t /run >/dev/null 2>&1
    sleep 1
done
