#!/bin/sh
# node-root.sh NODE_DIR BIN_DIR RUNC_DIR LIBRARY_DIR|"" SYSCTL=VALUE...
#
# Gives a node its own root file system, then holds the node's namespaces. Runs in a mount and PID namespace of its own.
# /usr and /etc are the machine's, read only; /var is the node's; the users' files are not there at all, so a hostPath
# volume cannot reach them. kubelet, containerd and CNI have paths that no flag moves (/var/lib/kubelet/device-plugins,
# /var/lib/cni, /run/containerd/s): with a root each, nodes do not meet there and paths stay short enough for sockets.
set -eu
node_dir=$1 bin_dir=$2 runc_dir=$3 library_dir=$4
shift 4

root=$node_dir/root
mkdir -p "$root"
mount -t tmpfs -o mode=755 node-root "$root"
cd "$root"

bind_read_only() {
  mkdir -p ".$2"
  mount --bind "$1" ".$2"
  mount -o remount,bind,ro ".$2"
}

for entry in /bin /sbin /lib /lib32 /lib64 /libx32 /usr /etc; do
  if [ -L $entry ]; then cp -P $entry ".$entry"; elif [ -d $entry ]; then bind_read_only $entry $entry; fi
done
bind_read_only "$bin_dir" /hotstandby/bin
bind_read_only "$runc_dir" /hotstandby/runc
bind_read_only "$node_dir/etc" /hotstandby/etc
if [ -n "$library_dir" ]; then bind_read_only "$library_dir" /hotstandby/lib; fi

mkdir -p var run tmp dev sys proc old hotstandby/sysctl
for directory in kubelet containerd cni; do mkdir -p "$node_dir/var/lib/$directory"; done
for directory in pods containers; do mkdir -p "$node_dir/var/log/$directory"; done
mount --bind "$node_dir/var" var
mount -t tmpfs -o mode=755 node-run run
mount -t tmpfs -o mode=1777 node-tmp tmp
mount --rbind /dev dev
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount -t proc proc proc

# The kubelet sets these for the whole machine and no namespace holds them. It finds its values in files instead.
for setting in "$@"; do
  name=${setting%%=*}
  [ -e "proc/sys/$name" ] || continue
  file=hotstandby/sysctl/$(echo "$name" | tr / .)
  echo "${setting#*=}" >"$file"
  mount --bind "$file" "proc/sys/$name"
done

pivot_root . old
cd /
umount -l old
rmdir old
# The kubelet's volumes must reach the containers' mount namespaces.
mount --make-rshared /
echo ready
HOTSTANDBY_LIFELINE=stdin exec /hotstandby/bin/pause
