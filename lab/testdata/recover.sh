#!/usr/bin/env bash
# A recovery as a careful operator would script it: the runbook's steps, one
# after the other, host after host, over plain ssh. It is the peer of the
# benchmark and no example: it proves little, undoes nothing, and asks nobody.
#
#   CONFIG   file for ssh -F           HOSTS   names of the schedulers' hosts
#   CLUSTER  as aurora_admin has it    BACKUP  a file of this machine
#   declare -A is not exported, so ADDRESS_host is "ip:port" of its scheduler.
set -euo pipefail

on() { ssh -F "$CONFIG" "$@"; }
vars() { local a=ADDRESS_$1; on "$1" curl -s "http://${!a}/vars" || true; }
say() { echo "$(date +%T) $*"; }

leader() { # The one that waits for its registration.
  local h
  for _ in $(seq 200); do
    for h in $HOSTS; do
      if vars "$h" | grep -q 'LEADER_AWAITING_REGISTRATION 1'; then echo "$h"; return; fi
    done
    sleep 0.5
  done
  return 1
}

say "pre-flight"
for h in $HOSTS; do
  on "$h" sudo -n true
  on "$h" sudo -n -u aurora true
  for tool in mesos-log aurora_admin nft; do on "$h" "sudo -n sh -c 'command -v $tool'" >/dev/null; done
  on "$h" df -k /var/lib/aurora >/dev/null
  on "$h" date +%s >/dev/null
  on "$h" cat /etc/default/aurora-scheduler >/dev/null
  on "$h" systemctl is-active aurora-scheduler >/dev/null
done

say "preparation"
for h in $HOSTS; do
  on "$h" sudo -n mkdir -p /var/lib/rescue
  on "$h" sudo -n cp -a /var/lib/aurora/scheduler/backups /var/lib/rescue/
  on "$h" sudo -n systemctl disable -q aurora-scheduler
done
for h in $HOSTS; do on "$h" sudo -n systemctl stop aurora-scheduler; done
for h in $HOSTS; do
  for _ in $(seq 100); do # A scheduler that was ended by a signal counts as failed.
    case $(on "$h" systemctl is-active aurora-scheduler || true) in inactive|failed) break ;; esac
    sleep 0.5
  done
  on "$h" sudo -n cp -a /var/lib/aurora/scheduler/db /var/lib/rescue/
  on "$h" "sudo -n sh -c 'cd /var/lib/rescue/db && sha256sum *'" >/dev/null
  on "$h" "sudo -n nft 'table inet rescue { chain in { type filter hook input priority 0; iif != lo tcp dport 8081 drop; }; }'"
  on "$h" sudo -n cp -a /etc/default/aurora-scheduler /var/lib/rescue/default
  on "$h" "sudo -n sed -i -e 's#^MESOS_MASTER=.*#MESOS_MASTER=zk://127.0.0.1:2/nonexistent/mesos#' -e 's#^EXTRA_SCHEDULER_ARGS=\"#&-max_registration_delay=360mins -reconciliation_initial_delay=365days #' /etc/default/aurora-scheduler"
done
for h in $HOSTS; do on "$h" sudo -n systemctl start aurora-scheduler; done

say "restore"
lead=$(leader)
say "$lead leads"
name=$(basename "$BACKUP")
scp -q -F "$CONFIG" "$BACKUP" "$lead:/tmp/$name"
on "$lead" sudo -n install -o aurora -g aurora -m 0644 "/tmp/$name" "/var/lib/aurora/scheduler/backups/$name"
want=$(sha256sum <"$BACKUP"); have=$(on "$lead" "sudo -n sha256sum < /var/lib/aurora/scheduler/backups/$name")
test "$want" = "$have"
address=ADDRESS_$lead
on "$lead" "mkdir -p /tmp/rescue && printf '%s' '[{\"name\": \"$CLUSTER\", \"scheduler_uri\": \"http://${!address}\", \"auth_mechanism\": \"UNAUTHENTICATED\"}]' >/tmp/rescue/clusters.json"
admin() { on "$lead" AURORA_CONFIG_ROOT=/tmp/rescue aurora_admin "$1" --bypass-leader-redirect "$CLUSTER" "${@:2}"; }
admin scheduler_stage_recovery "$name"
admin scheduler_print_recovery_tasks >/dev/null
admin scheduler_commit_recovery
for _ in $(seq 200); do
  next=$(leader)
  if [ "$next" != "$lead" ]; then break; fi
  sleep 0.5
done
say "committed; $next leads"
on "$lead" sudo -n systemctl restart aurora-scheduler

say "cleanup"
for h in $HOSTS; do on "$h" sudo -n systemctl stop aurora-scheduler; done
for h in $HOSTS; do
  on "$h" sudo -n cp -a /var/lib/rescue/default /etc/default/aurora-scheduler
  on "$h" sudo -n systemctl start aurora-scheduler
done
for _ in $(seq 200); do
  for h in $HOSTS; do if vars "$h" | grep -q 'framework_registered 1'; then break 2; fi; done
  sleep 0.5
done
for h in $HOSTS; do
  on "$h" sudo -n systemctl enable -q aurora-scheduler
  on "$h" sudo -n nft delete table inet rescue
done
say "done; $h is registered"
