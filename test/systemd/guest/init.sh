#!/bin/busybox sh
# Starts a Debian in memory: the folder that the host shares is the lower layer of an overlay, read-only, and whatever is
# installed or written goes to the upper one. Then systemd takes over as PID 1.
#
#   share "root"      a Debian made by debian-root.ts, read-only
#   share "exchange"  /exchange: the packages and the scenario come in, results go out

mount() { /bin/busybox mount "$@" || fail "mount $*"; }
fail() { echo "guest: $* failed"; busybox poweroff -f; }

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in virtio_pci 9pnet_virtio 9p overlay; do busybox modprobe "$module" || fail "modprobe $module"; done

share() { mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2"; }
share root /lower ro,cache=loose
mount -t tmpfs -o size=90% tmpfs /upper
busybox mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /host
busybox mkdir -p /host/exchange
share exchange /host/exchange rw,cache=none
busybox cp /host/exchange/warpdrive-scenario.service /host/etc/systemd/system/
# Of the real device, in the order in which they need each other.
for module in vfio vfio_iommu_type1 mdev spimdev wd_edu; do
  path=/host/exchange/$module.ko
  [ ! -e $path ] || busybox insmod $path || fail "insmod $module"
done
for folder in proc sys dev; do mount -o move "/$folder" "/host/$folder"; done
exec busybox switch_root /host /lib/systemd/systemd --unit=warpdrive-scenario.service
