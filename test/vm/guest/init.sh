#!/bin/busybox sh
# PID 1 of a guest. Makes the host's files the root, read-only, at the same paths as on the host, so that its node and
# this project run unchanged; runs the script that the host has left in the exchange folder; tells QEMU how it ended.
#
#   share "root"      the host's /, read-only
#   share "project"   this project, read-only: it may lie below /tmp, which a guest has of its own
#   share "exchange"  /run/exchange: run.sh comes in, results go out

# What QEMU exits with is (value << 1) | 1: guest.ts knows the number. A kernel that panics never writes it.
DONE='\025'

mount() { /bin/busybox mount "$@" || fail "mount $*"; }
fail() { echo "guest: $* failed"; busybox poweroff -f; }

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in virtio_pci 9pnet_virtio 9p; do busybox modprobe "$module" || fail "modprobe $module"; done

share() { mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2"; }
share root /host ro,cache=loose
for folder in tmp run; do mount -t tmpfs -o mode=1777 tmpfs "/host/$folder"; done
for folder in proc sys dev; do mount -o bind "/$folder" "/host/$folder"; done
for word in $(cat /proc/cmdline); do
  case "$word" in wd.project=*) project="${word#wd.project=}" ;; esac
done
[ -d "/host/$project" ] || busybox mkdir -p "/host/$project"
share project "/host/$project" ro,cache=loose
busybox mkdir -p /host/run/exchange /host/dev/shm /host/dev/pts
share exchange /host/run/exchange rw,cache=none
mount -t tmpfs tmpfs /host/dev/shm
mount -t debugfs debugfs /host/sys/kernel/debug
busybox ip link set lo up

echo "guest: ready after $(busybox cut -d ' ' -f 1 /proc/uptime) s"
busybox chroot /host /bin/sh /run/exchange/run.sh > /host/run/exchange/output.log 2>&1
echo "guest: run.sh ended with $? after $(busybox cut -d ' ' -f 1 /proc/uptime) s"
busybox sync
printf "$DONE" | busybox dd of=/dev/port bs=1 seek=244 2>/dev/null
fail "telling QEMU"
