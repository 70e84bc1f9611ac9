#!/usr/bin/env bash
# A real Slurm cluster on one Debian machine, as root and without systemd.
#
#   cluster.sh up                 munged, slurmctld and three slurmd: node1, node2, gpu1
#   cluster.sh up --accounting    the same with slurmdbd on a MariaDB of its own
#   cluster.sh status             nodes, and how memory limits are enforced; 1 when it is down
#   cluster.sh kill NAME          SIGKILL for a daemon: slurmctld, slurmd.node1, ...
#   cluster.sh repair             start the daemons that are dead, make every node usable again
#   cluster.sh down               stop by pid, remove every file that `up` made
#
# `up` installs the Debian packages that are missing and returns once every node is idle.
# CLUSTER_MEMORY=cgroup|poll picks how a job above its memory is killed; without it, cgroup
# where the machine lets us make cgroups.
set -euo pipefail

STATE=/var/spool/sim2sky-slurm # spool, logs, pids, munge key, database
CONF=/etc/slurm                # fixed: a job step drops SLURM_CONF, so only this place works
CGROUPS=/sys/fs/cgroup
NODES=(node1 node2 gpu1)
MARK="# made by tests/slurm/cluster.sh, removed by its \`down\`"
LAUNCH_SECONDS=45 # to all nodes idle; 4 s on an idle machine
STOP_SECONDS=15   # longer than KillWait below

PACKAGES=(slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge)
ACCOUNTING_PACKAGES=(slurmdbd slurm-wlm-mysql-plugin mariadb-server)

say() { printf 'cluster: %s\n' "$*" >&2; }

fail() {
  say "$*"
  for log in "$STATE"/log/*.log; do
    [[ -s $log ]] && printf -- '--- %s\n' "$log" >&2 && tail -n 15 "$log" >&2
  done
  exit 1
}

# The pid in a pid file, provided that it still is the daemon that wrote it: neither a stranger
# who got its number nor a corpse that nobody has reaped.
living() {
  local pid_file=$STATE/run/$1.pid pid
  [[ -s $pid_file ]] || return 1
  pid=$(<"$pid_file")
  [[ $(ps -o comm=,state= -p "$pid") =~ ^"${1%%.*}"\ +[^Z\ ] ]] && printf '%s\n' "$pid"
}

accounting() { [[ -e $STATE/accounting ]] && echo yes || echo no; }

daemons() {
  printf '%s\n' munged
  [[ $(accounting) == no ]] || printf '%s\n' mariadbd slurmdbd
  printf '%s\n' slurmctld "${NODES[@]/#/slurmd.}"
}

# Waits until a command succeeds; its output is dropped.
await() {
  local seconds=$1
  shift
  local deadline=$((SECONDS + seconds))
  until "$@" &>/dev/null; do
    ((SECONDS < deadline)) || return 1
    sleep 0.3
  done
}

nodes_are() { [[ $(sinfo --noheader --Node --states="$1" --format=%N | sort -u | wc -l) == "${#NODES[@]}" ]]; }
queue_empty() { [[ -z $(squeue --noheader) ]]; }
running() {
  local name
  for name in $(daemons); do living "$name" >/dev/null || return 1; done
}
ours() { [[ ! -e $CONF/slurm.conf ]] || grep -qxF "$MARK" "$CONF/slurm.conf"; }

install_packages() {
  local missing=() package
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  say "installing ${missing[*]}"
  {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends "${missing[@]}"
  } >"$STATE/log/apt.log" 2>&1 || fail "apt-get failed"
}

# Slurm 22.05 needs systemd for cgroup v2, so v1 is what a bare machine can offer.
can_make_cgroups() {
  local controller
  for controller in memory freezer; do
    mkdir "$CGROUPS/$controller/sim2sky_probe" 2>/dev/null || return 1
    rmdir "$CGROUPS/$controller/sim2sky_probe"
  done
}

write_memory_config() {
  if [[ $1 == cgroup ]]; then
    printf '%s\n' "$MARK" \
      CgroupPlugin=cgroup/v1 \
      ConstrainRAMSpace=yes AllowedRAMSpace=100 >"$CONF/cgroup.conf"
    # without this a job would go on in swap where there is any
    [[ -e $CGROUPS/memory/memory.memsw.limit_in_bytes ]] &&
      printf '%s\n' ConstrainSwapSpace=yes AllowedSwapSpace=0 >>"$CONF/cgroup.conf"
    printf '%s\n' ProctrackType=proctrack/cgroup TaskPlugin=task/cgroup
  else
    printf '%s\n' ProctrackType=proctrack/linuxproc TaskPlugin=task/none \
      JobAcctGatherType=jobacct_gather/linux JobAcctGatherFrequency=task=1 \
      JobAcctGatherParams=OverMemoryKill
  fi
}

write_config() {
  local memory=$1 host index=0 node
  host=$(hostname -s)
  mkdir -p "$CONF"
  {
    printf '%s\n' "$MARK" \
      ClusterName=sim2sky \
      "SlurmctldHost=$host(127.0.0.1)" SlurmctldPort=16817 \
      SlurmUser=root SlurmdUser=root \
      AuthType=auth/munge "AuthInfo=socket=$STATE/munge/socket" \
      "StateSaveLocation=$STATE/slurmctld" "SlurmdSpoolDir=$STATE/slurmd/%n" \
      "SlurmctldPidFile=$STATE/run/slurmctld.pid" "SlurmdPidFile=$STATE/run/slurmd.%n.pid" \
      "SlurmctldLogFile=$STATE/log/slurmctld.log" "SlurmdLogFile=$STATE/log/slurmd.%n.log" \
      MpiDefault=none ReturnToService=2
    # a finished job must stay in squeue for longer than the longest gap between two polls of
    # Snakemake (180 s), else its end is never seen; tests also look back at a whole run
    printf '%s\n' MinJobAge=3600
    # a node whose slurmd does not answer for this long is down
    printf '%s\n' SlurmdTimeout=60
    # start a submitted job at once, and do not wait 30 s for one that ignores SIGTERM
    printf '%s\n' SchedulerParameters=batch_sched_delay=0,sched_min_interval=0 KillWait=5
    write_memory_config "$memory"
    # three nodes of more cores and memory than this machine has: nothing is reserved, only
    # jobs that ask for more than a node has are refused
    printf '%s\n' SlurmdParameters=config_overrides \
      SelectType=select/cons_tres SelectTypeParameters=CR_Core_Memory DefMemPerCPU=1000 \
      GresTypes=gpu
    for node in "${NODES[@]}"; do
      printf 'NodeName=%s NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=2 RealMemory=64000%s\n' \
        "$node" "$host" $((16820 + index++)) "$([[ $node == gpu* ]] && echo ' Gres=gpu:fake:1')"
    done
    printf '%s\n' \
      'PartitionName=cpu Nodes=node1,node2 Default=YES MaxTime=1-00:00:00' \
      'PartitionName=gpu Nodes=gpu1 MaxTime=1-00:00:00'
    if [[ -e $STATE/accounting ]]; then
      printf '%s\n' AccountingStorageType=accounting_storage/slurmdbd \
        AccountingStorageHost=127.0.0.1 AccountingStoragePort=16819 \
        "AccountingStoragePass=$STATE/munge/socket" AccountingStorageEnforce=associations
    fi
  } >"$CONF/slurm.conf"
  # a device file that exists everywhere, and may be opened by every job: devices are not
  # constrained, so the node only counts it and sets CUDA_VISIBLE_DEVICES
  printf '%s\n' "$MARK" 'NodeName=gpu1 Name=gpu Type=fake File=/dev/null' >"$CONF/gres.conf"
}

start_munged() {
  # a key and a socket of our own: a munged of the machine is left alone
  dd if=/dev/urandom of="$STATE/munge/key" bs=128 count=1 status=none
  chmod 0400 "$STATE/munge/key"
  munged --key-file="$STATE/munge/key" --socket="$STATE/munge/socket" \
    --pid-file="$STATE/run/munged.pid" --log-file="$STATE/log/munged.log" \
    --seed-file="$STATE/munge/seed" || fail "munged did not start"
}

start_accounting() {
  local database=$STATE/mariadb password
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  mkdir -p "$database"
  chown mysql "$database"
  mariadb-install-db --no-defaults --user=mysql --datadir="$database" --skip-test-db \
    >"$STATE/log/mariadb-install.log" 2>&1 || fail "mariadb-install-db failed"
  mariadbd --no-defaults --user=mysql --datadir="$database" --socket="$database/socket" \
    --pid-file="$database/pid" --bind-address=127.0.0.1 --port=16306 \
    --innodb-buffer-pool-size=64M >"$STATE/log/mariadbd.log" 2>&1 &
  printf '%s\n' "$!" >"$STATE/run/mariadbd.pid"
  await 30 mariadb --no-defaults --socket="$database/socket" -e 'SELECT 1' ||
    fail "mariadbd did not answer"
  mariadb --no-defaults --socket="$database/socket" -e \
    "CREATE USER slurm@localhost IDENTIFIED BY '$password'; GRANT ALL ON slurm.* TO slurm@localhost"
  install -m 0600 /dev/null "$CONF/slurmdbd.conf" # slurmdbd insists on it: it holds a password
  printf '%s\n' "$MARK" AuthType=auth/munge "AuthInfo=socket=$STATE/munge/socket" \
    DbdHost=localhost DbdAddr=127.0.0.1 DbdPort=16819 SlurmUser=root \
    "LogFile=$STATE/log/slurmdbd.log" "PidFile=$STATE/run/slurmdbd.pid" \
    StorageType=accounting_storage/mysql StorageHost=127.0.0.1 StoragePort=16306 \
    StorageUser=slurm "StoragePass=$password" StorageLoc=slurm >"$CONF/slurmdbd.conf"
  slurmdbd || fail "slurmdbd did not start"
  await 30 sacctmgr -n list cluster || fail "slurmdbd did not answer"
  sacctmgr -i add cluster sim2sky >/dev/null
  sacctmgr -i add account astro Description=astro Organization=astro >/dev/null
  sacctmgr -i add user root Account=astro >/dev/null
}

# Those daemons of Slurm that do not run.
start_slurm() {
  local node
  living slurmctld >/dev/null || slurmctld || fail "slurmctld did not start"
  for node in "${NODES[@]}"; do
    mkdir -p "$STATE/slurmd/$node"
    living "slurmd.$node" >/dev/null || slurmd -N "$node" || fail "slurmd of $node did not start"
  done
}

up() {
  local accounting=$1 memory=${CLUSTER_MEMORY:-}
  ours || { say "$CONF/slurm.conf exists and is not ours: this machine has its own Slurm"; exit 1; }
  if running && nodes_are idle,mixed,allocated && [[ $(accounting) == "$accounting" ]]; then
    status
    return
  fi
  down
  mkdir -p "$STATE"/{run,log,slurmctld,slurmd,munge}
  if [[ $accounting == yes ]]; then
    touch "$STATE/accounting"
    PACKAGES+=("${ACCOUNTING_PACKAGES[@]}")
  fi
  install_packages "${PACKAGES[@]}"
  if [[ -z $memory ]]; then
    memory=poll
    can_make_cgroups && memory=cgroup
  fi
  printf '%s\n' "$memory" >"$STATE/memory"
  write_config "$memory"
  start_munged
  [[ $accounting == yes ]] && start_accounting
  start_slurm
  await "$LAUNCH_SECONDS" nodes_are idle || fail "not every node is idle after $LAUNCH_SECONDS s"
  status
}

status() {
  running || { say "down"; return 1; }
  case $(<"$STATE/memory") in
    cgroup) say "memory is enforced by cgroups (v1, ConstrainRAMSpace)" ;;
    poll) say "no cgroups: memory is enforced by polling once a second (OverMemoryKill);" \
      "a job that allocates and frees within a second gets away with it" ;;
  esac
  sinfo --Node --format='%8N %8P %6t %4c %8m %G'
}

kill_daemon() {
  local pid
  pid=$(living "$1") || fail "$1 does not run"
  kill -KILL "$pid"
  await 5 not_living "$1"
}

repair() {
  [[ -d $STATE ]] || { say "down"; exit 1; }
  start_slurm
  await "$LAUNCH_SECONDS" sinfo || fail "slurmctld does not answer"
  # a node that was set down by hand stays so until it is resumed by hand
  scontrol update "nodename=$(IFS=,; printf '%s' "${NODES[*]}")" state=resume &>/dev/null || true
  await "$LAUNCH_SECONDS" nodes_are idle,mixed,allocated || fail "not every node is usable"
}

stop() {
  local pid
  pid=$(living "$1") || return 0
  kill "$pid"
  await "$STOP_SECONDS" not_living "$1" || { say "$1 ($pid) ignores SIGTERM"; kill -KILL "$pid"; }
}
not_living() { ! living "$1"; }

down() {
  [[ -d $STATE ]] || return 0
  local name pid cgroup cgroups=()
  if living slurmctld >/dev/null; then
    # jobs outlive the daemons otherwise
    scancel --partition=cpu,gpu &>/dev/null || true
    await "$STOP_SECONDS" queue_empty || say "jobs did not end within $STOP_SECONDS s"
  fi
  # last started, first stopped
  for name in $(daemons | tac); do stop "$name"; done
  for name in "${NODES[@]}"; do
    for cgroup in "$CGROUPS"/*/"slurm_$name"; do [[ -d $cgroup ]] && cgroups+=("$cgroup"); done
  done
  if ((${#cgroups[@]})); then
    # what slurmd left: job steps of a cluster whose slurmctld had died
    for pid in $(find "${cgroups[@]}" -name cgroup.procs -exec cat {} + | sort -u); do
      kill -KILL "$pid" 2>/dev/null || true
    done
    await 5 remove_cgroups "${cgroups[@]}" || say "left over: ${cgroups[*]}"
  fi
  ours && rm -f "$CONF"/{slurm,gres,cgroup,slurmdbd}.conf
  rm -rf "$STATE"
}
remove_cgroups() { find "$@" -depth -type d -exec rmdir {} +; }

if [[ $(id -u) != 0 ]]; then
  say "run as root: slurmd starts jobs and makes cgroups"
  exit 1
fi
case "${1:-} ${2:-}" in
  "up ") up no ;;
  "up --accounting") up yes ;;
  "down ") down ;;
  "status ") status ;;
  "repair ") repair ;;
  kill\ ?*) kill_daemon "$2" ;;
  *)
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
