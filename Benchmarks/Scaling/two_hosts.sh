#!/usr/bin/env bash
# Runs a program on two hosts that are network namespaces of this machine, joined by a bridge:
# other host names, other addresses, messages over TCP. Needs root; everything is gone at the end.
#
#   two_hosts.sh [--mpi openmpi|mpich] [--ranks n] [--rate 1gbit] [--delay 1ms] [--loss 0.1%] \
#     program [arguments]
#
# --ranks counts the processes of one host, --rate bounds each host's link both ways, --delay and
# --loss hold on the way to each host.
set -euo pipefail

mpi=openmpi ranks=1 rate="" delay="" loss=""
arguments=("$@")
while [[ "${1:-}" == --* ]]; do
  case "$1" in
    --mpi | --ranks | --rate | --delay | --loss)
      [[ $# -ge 2 ]] || { echo "Error: $1 needs a value." >&2; exit 64; }
      declare "${1#--}=$2"
      shift 2 ;;
    *) echo "Error: unknown option $1; see the first lines of $0." >&2; exit 64 ;;
  esac
done
[[ $# -ge 1 ]] || { echo "Error: name a program." >&2; exit 64; }
[[ "$mpi" == openmpi || "$mpi" == mpich ]] || {
  echo "Error: --mpi is openmpi or mpich, not $mpi." >&2; exit 64; }
command -v "mpirun.$mpi" >/dev/null || {
  echo "Error: mpirun.$mpi is not there; install openmpi-bin or mpich." >&2; exit 66; }

# A world of its own, so that links, names and whoever is left over vanish with it.
if [[ -z "${TWO_HOSTS_WORLD:-}" ]]; then
  export TWO_HOSTS_WORLD=1
  exec unshare --net --mount --uts --pid --fork --kill-child --mount-proc \
    "$(readlink -f "$0")" "${arguments[@]}"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ip link add bridge0 type bridge
ip link set bridge0 up
ip link set lo up
cp /etc/hosts "$folder/hosts"
for host in 1 2; do
  unshare --net --uts sleep infinity &
  echo $! >"$folder/node$host"
  echo "10.77.0.$host node$host" >>"$folder/hosts"
done
mount --bind "$folder/hosts" /etc/hosts

enter() { local host=$1; shift; nsenter --net --uts --target "$(cat "$folder/$host")" "$@"; }

# What the link to a host does to packets; what this kernel cannot is said and left out.
spoil() {
  local link=$1 parent="root" netem=""
  [[ -n "$delay" ]] && netem+=" delay $delay"
  [[ -n "$loss" ]] && netem+=" loss $loss"
  if [[ -n "$netem" ]]; then
    if tc qdisc add dev "$link" root handle 1: netem limit 100000 $netem 2>/dev/null; then
      parent="parent 1:"
    else
      echo "this kernel has no netem (CONFIG_NET_SCH_NETEM):$netem is left out" >&2
    fi
  fi
  if [[ -n "$rate" ]]; then
    tc qdisc add dev "$link" $parent handle 2: tbf rate "$rate" burst 256kb latency 50ms \
      || echo "this kernel has no tbf: no rate" >&2
  fi
}

for host in 1 2; do
  pid=$(cat "$folder/node$host")
  # The namespace is there once its link can be moved.
  until [[ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.01; done
  ip link add "to$host" type veth peer name eth0 netns "$pid"
  ip link set "to$host" master bridge0 up
  enter "node$host" hostname "node$host"
  enter "node$host" ip link set lo up
  enter "node$host" ip address add "10.77.0.$host/24" dev eth0
  enter "node$host" ip link set eth0 up
  spoil "to$host"
done

# Stands in for ssh: enters the namespace of the host that is named.
cat >"$folder/ssh" <<END
#!/usr/bin/env bash
while [[ "\$1" == -* ]]; do
  case "\$1" in -[bceFiloprS]) shift 2 ;; *) shift ;; esac
done
host=\$1; shift
exec nsenter --net --uts --target "\$(cat "$folder/\$host")" sh -c "\$*"
END
chmod +x "$folder/ssh"

case "$mpi" in
  openmpi)
    enter node1 mpirun.openmpi --allow-run-as-root --bind-to none \
      --mca plm_rsh_agent "$folder/ssh" --mca btl_vader_single_copy_mechanism none \
      --host "node1:$ranks,node2:$ranks" -n $((2 * ranks)) "$@" ;;
  mpich)
    # UCX knows the machine by its boot and would pass messages through memory.
    enter node1 mpirun.mpich -genv UCX_TLS tcp,self -launcher ssh -launcher-exec "$folder/ssh" \
      -hosts "node1:$ranks,node2:$ranks" -n $((2 * ranks)) "$@" ;;
esac
