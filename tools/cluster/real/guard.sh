#!/bin/sh
# guard.sh hold STATE PAUSE   hold a cluster's namespaces until standard input ends, then clean
# guard.sh clean STATE        clean what a killed guard left
#
# STATE is PATH.state: a line "cgroup DIRECTORY" for each cgroup of the cluster. PATH is the cluster's folder.
#
# The guard outlives its owner on purpose: the owner may be killed at any instruction. Processes, mounts, network links,
# nft tables and net.* sysctls live in namespaces and go with them; cgroups and files do not, so they are removed here.
# STATE is locked as long as anything of the cluster lives, so an unlocked one is a leftover.
set -u

clean() {
  while read -r kind path; do
    case $kind:$path in cgroup:/sys/fs/cgroup/*hotstandby-*) remove_cgroup "$path" ;; esac
  done <"$state"
  case $state in /*/hotstandby/real/*.state) rm -rf --one-file-system "${state%.state}" ;; esac
  rm -f "$state"
}

# A cgroup stays busy for some milliseconds after its last process.
remove_cgroup() {
  tries=0
  while [ -d "$1" ] && [ $tries -lt 100 ]; do
    find "$1" -depth -type d -exec rmdir {} \; 2>/dev/null
    [ ! -d "$1" ] || sleep 0.1
    tries=$((tries + 1))
  done
}

state=$2
exec 9>>"$state"
case $1 in
  hold)
    flock --nonblock 9 || { echo "guard: another cluster holds $state" >&2; exit 1; }
    # Ctrl-C reaches the whole terminal; the owner decides, by closing standard input.
    trap '' INT TERM HUP
    unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc -- /bin/sh -euc '
      ip link set lo up
      echo 1 >/proc/sys/net/ipv4/ip_forward
      # Pods of one bridge reach each other through a Service only when bridged packets pass conntrack.
      [ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
      echo ready
      HOTSTANDBY_LIFELINE=stdin exec "$0"' "$3"
    clean
    ;;
  clean)
    # Locked: its cluster lives, or another process is cleaning.
    flock --nonblock 9 || exit 0
    clean
    ;;
esac
