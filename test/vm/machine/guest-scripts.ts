/** What the kernel starts: reaches the disks and goes on from the read-only root. */
export const bootScript = `#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
busybox modprobe virtio_pci
busybox modprobe virtio_blk
busybox mount -t ext4 -o ro,noload /dev/vda /mnt || exec busybox sh
busybox mount --move /dev /mnt/dev
busybox mount --move /proc /mnt/proc
busybox mount --move /sys /mnt/sys
exec busybox switch_root /mnt /start
`;

/** What runs there: the tests' program, whose standard output is the console. Ends with the machine off, however it ended. */
export const startScript = `#!/bin/sh
export PATH=/usr/sbin:/sbin:/usr/bin:/bin HOME=/root TMPDIR=/tmp NODE_COMPILE_CACHE=/tmp/compiled NO_COLOR=1
for folder in /tmp /run /var /root /mnt; do mount -t tmpfs none $folder; done
mkdir -p /dev/shm /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs none /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for module in virtio_console virtio_rng loop quota_v2; do modprobe $module; done
ip link set lo up
mount -t ext4 -o ro,noload /dev/vdb /code
/usr/bin/node --disable-warning=ExperimentalWarning /code/test/guest/main.js "$@" < /dev/null
echo "guest program ended with $?"
sync
poweroff -f
`;
