#!/bin/sh
# Starts the worker. Root is needed once, since a volume is mounted as root's: it is given to the worker, and what an earlier version gave to the agent is set aside for the worker to move. The worker
# then runs as a user of its own that keeps three rights and no other: with setuid and setgid it starts each person's processes as their user, with kill it ends them.
set -eu
data=${DATA_DIR:-/data}
sh worker/agent/homes/own-data.sh "$data" sidepocket agent
# People's secrets and the key to them, and which home this disk is. The owner of the directory around them may have put something else there: only what belongs to the worker is trusted, or to root, who has restored it.
for kept in "$data/sealed" "$data/.sidepocket"; do
  case $(stat -c '%U %F' "$kept" 2> /dev/null || true) in
    'sidepocket directory') ;;
    'root directory') chown -Rh sidepocket:sidepocket "$kept" && chmod 700 "$kept" ;;
    *) rm -rf "$kept" && install -d -o sidepocket -g sidepocket -m 700 "$kept" ;;
  esac
done
# The notes about snapshots of people's homes, likewise: without them a home counts as older than its last snapshot.
notes=$data/snapshots
case $(stat -c '%U %F' "$notes" 2> /dev/null || true) in
  'sidepocket directory' | '') ;;
  'root directory') chown -Rh sidepocket:sidepocket "$notes" && chmod 700 "$notes" ;;
  *) rm -rf "$notes" ;;
esac
# Where the worker notes which marks its agent's processes carry; the agent may not write there.
mkdir -p /run/sidepocket
sh worker/agent/homes/people-apart.sh "$data" sidepocket agent || echo 'vm.sh: people have no accounts and share ports' >&2
chown sidepocket:sidepocket /run/sidepocket
rights=+setuid,+setgid,+kill
export HOME=/home/sidepocket
set -- setpriv --reuid sidepocket --regid sidepocket --clear-groups "--inh-caps=-all,$rights" "--ambient-caps=-all,$rights" "--bounding-set=-all,$rights" --no-new-privs -- \
  tini -s -- node --disable-sigusr1 --disable-warning=CLAUDE_SDK_CAN_USE_TOOL_SHADOWED worker/main.ts
# What one person's commands are called with is hidden from another's: by a /proc of the worker's own, in which its group sees everything, where the machine allows a mount. Never by a remount,
# which would change the whole machine. The worker's log says whether it is so.
own='mount -t proc -o "hidepid=2,gid=$1" proc /proc && shift && exec "$@"'
group=$(id -g sidepocket)
if unshare --mount --propagation private sh -c "$own" sh "$group" true 2> /dev/null; then
  exec unshare --mount --propagation private sh -c "$own" sh "$group" "$@"
fi
exec "$@"
