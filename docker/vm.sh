#!/bin/sh
# Starts the worker. Root is needed once, since a volume is mounted as root's: it is given to the agent, to whom everything in it belongs but what the worker keeps from it. The worker then runs as a user
# of its own that keeps three rights and no other: with setuid and setgid it starts the agent's processes as the agent, with kill it ends them.
set -eu
data=${DATA_DIR:-/data}
mkdir -p "$data"
# The worker passes through to what is its own; what the agent keeps from others is 700 by itself.
chmod 711 "$data"
# People's secrets and the key to them. The agent owns the directory around it, so it may have put something else there: only what belongs to the worker is believed, or to root, who
# has restored it.
sealed=$data/sealed
case $(stat -c '%U %F' "$sealed" 2> /dev/null || true) in
  'sidepocket directory') ;;
  'root directory') chown -Rh sidepocket:sidepocket "$sealed" && chmod 700 "$sealed" ;;
  *) rm -rf "$sealed" && install -d -o sidepocket -g sidepocket -m 700 "$sealed" ;;
esac
# Only what is not the agent's at the top tells of a new volume or a restored one; a walk through all of it would take long at each start. What is the worker's stays so, wherever
# the agent may have moved it.
if [ -n "$(find "$data" -maxdepth 1 ! -user agent ! -user sidepocket -print -quit)" ]; then
  find "$data" -user sidepocket -prune -o ! -user agent -exec chown -h agent:agent {} +
fi
# Where the worker notes which marks its agent's processes carry; the agent may not write there.
mkdir -p /run/sidepocket
chown sidepocket:sidepocket /run/sidepocket
rights=+setuid,+setgid,+kill
export HOME=/home/sidepocket
exec setpriv --reuid sidepocket --regid sidepocket --clear-groups "--inh-caps=-all,$rights" "--ambient-caps=-all,$rights" "--bounding-set=-all,$rights" --no-new-privs -- \
  tini -s -- node --disable-sigusr1 --disable-warning=CLAUDE_SDK_CAN_USE_TOOL_SHADOWED worker/main.ts
