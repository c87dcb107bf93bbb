#!/usr/bin/env bash
# A real Slurm with four nodes and a make-believe GPU each, on this machine alone: for tests of array jobs, shards that
# are lost and devices. Everything it writes is in the folder; no service of the machine is touched.
#
#   scripts/slurm-cluster.sh check          exit 0 where it can run; else one line with the reason, and 3
#   scripts/slurm-cluster.sh install        Debian's packages (root)
#   scripts/slurm-cluster.sh start FOLDER   then: export SLURM_CONF=FOLDER/slurm.conf
#   scripts/slurm-cluster.sh stop FOLDER
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
NODES=4
PORT=${CANOPY_SLURM_PORT:-17100}

check() {
  local name
  if [[ $(uname) != Linux ]]; then echo "Slurm runs on Linux only"; return 3; fi
  if ((EUID != 0)); then echo "starting Slurm's daemons needs root"; return 3; fi
  for name in slurmctld slurmd sbatch squeue scontrol munged; do
    if ! command -v "$name" > /dev/null; then
      echo "there is no $name here: scripts/slurm-cluster.sh install"
      return 3
    fi
  done
}

install() {
  DEBIAN_FRONTEND=noninteractive apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=500 install -y -qq slurm-wlm munge
}

start() {
  local folder=$1 host n
  check
  mkdir -p "$folder/state"
  folder=$(cd "$folder" && pwd)
  host=$(hostname -s)
  chmod 755 "$folder"
  # A key and a socket of its own: a munged of the machine is left alone.
  dd if=/dev/urandom of="$folder/munge.key" bs=128 count=8 status=none
  chmod 400 "$folder/munge.key"
  munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/munged.log" --seed-file="$folder/munged.seed"
  cat > "$folder/slurm.conf" << CONF
ClusterName=canopy
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$PORT
MpiDefault=none
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
SlurmUser=root
SlurmdUser=root
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmdSpoolDir=$folder/spool.%n
StateSaveLocation=$folder/state
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.%n.log
SwitchType=switch/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=5,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/jobs.log
KillWait=10
MinJobAge=120
GresTypes=gpu
NodeName=n[1-$NODES] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((PORT + 1))-$((PORT + NODES))] CPUs=1 RealMemory=4000 Gres=gpu:1 State=UNKNOWN
PartitionName=cpu Nodes=n[1-$NODES] Default=YES MaxTime=INFINITE State=UP
CONF
  echo "NodeName=n[1-$NODES] Name=gpu File=/dev/zero" > "$folder/gres.conf"
  touch "$folder/jobs.log"
  export SLURM_CONF=$folder/slurm.conf
  slurmctld -c -f "$folder/slurm.conf" 2> /dev/null
  for ((n = 1; n <= NODES; n++)); do
    mkdir -p "$folder/spool.n$n"
    slurmd -N "n$n" -f "$folder/slurm.conf" 2> /dev/null
  done
  for ((n = 0; n < 120; n++)); do
    if [[ $(sinfo --noheader --Node --format=%T 2> /dev/null | grep -c '^idle$') == "$NODES" ]]; then
      echo "$NODES nodes are up: export SLURM_CONF=$folder/slurm.conf"
      return 0
    fi
    sleep 0.5
  done
  echo "the nodes did not come up in a minute: see $folder/slurmctld.log" >&2
  stop "$folder"
  return 1
}

stop() {
  local folder file pid
  folder=$(cd "$1" && pwd)
  export SLURM_CONF=$folder/slurm.conf
  scontrol shutdown 2> /dev/null || true
  sleep 1
  for file in "$folder"/slurmd.*.pid "$folder/slurmctld.pid" "$folder/munged.pid"; do
    [[ -f $file ]] || continue
    pid=$(< "$file")
    # Only what this folder's daemons are.
    if [[ -n $pid && -r /proc/$pid/cmdline ]] && tr '\0' ' ' < "/proc/$pid/cmdline" | grep -qF "$folder"; then
      kill "$pid" 2> /dev/null || true
    fi
  done
}

case ${1:-} in
  check) check ;;
  install) install ;;
  start) start "${2:?expected a folder}" ;;
  stop) stop "${2:?expected a folder}" ;;
  *)
    sed -n '2,9s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
