#!/bin/sh
# First process of a lab guest: brings added CPUs online as they come (the kernel does so for memory), powers off when
# the power button is pressed and answers libvirt through the guest agent. Every command costs time under emulation.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
# Of the virtio devices only the one that carries the agent gets its driver: for each device the kernel interprets the
# whole interrupt routing table of ACPI, which is a tenth of the time that a start takes under emulation.
echo 0 >/sys/bus/pci/drivers_autoprobe
for module in /modules/*.ko; do [ -f "$module" ] && insmod "$module"; done
for device in /sys/bus/pci/devices/*; do
    # Where the driver is built in, it has taken them all already.
    [ -e "$device/driver" ] && continue
    read -r id <"$device/device"
    case $id in 0x1003 | 0x1043) echo "${device##*/}" >/sys/bus/pci/drivers/virtio-pci/bind ;; esac
done

uevent /bin/on-uevent &
acpid -d >/dev/null 2>&1 &
# CPUs that came before anyone listened.
for online in /sys/devices/system/cpu/cpu[1-9]*/online; do
    [ -f "$online" ] && read -r state <"$online" && [ "$state" = 0 ] && echo 1 >"$online"
done

read -r uptime _ </proc/uptime
read -r possible </sys/devices/system/cpu/possible
echo "lab guest up after $uptime s, possible CPUs $possible" >/dev/console
# The port's name comes in a message of its own, which may be later than we are.
agent=
until [ -n "$agent" ]; do
    for port in /sys/class/virtio-ports/*; do
        [ -f "$port/name" ] && read -r name <"$port/name" && [ "$name" = org.qemu.guest_agent.0 ] && agent=/dev/${port##*/}
    done
    [ -n "$agent" ] || sleep 0.1
done
while :; do
    qemu-ga -m virtio-serial -p "$agent" -t /run >/dev/null 2>&1
    sleep 1
done
