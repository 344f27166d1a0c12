#!/bin/sh
# Starts the worker. Root is needed once, since a volume is mounted as root's: it is given to the agent, to whom everything in it belongs. The worker then runs as a user
# of its own that keeps three rights and no other: with setuid and setgid it starts the agent's processes as the agent, with kill it ends them.
set -eu
data=${DATA_DIR:-/data}
mkdir -p "$data"
chmod 700 "$data"
# Only what is not the agent's at the top tells of a new volume or a restored one; a walk through all of it would take long at each start.
if [ -n "$(find "$data" -maxdepth 1 ! -user agent -print -quit)" ]; then chown -Rh agent:agent "$data"; fi
# Where the worker notes which marks its agent's processes carry; the agent may not write there.
mkdir -p /run/sidepocket
chown sidepocket:sidepocket /run/sidepocket
rights=+setuid,+setgid,+kill
export HOME=/home/sidepocket
exec setpriv --reuid sidepocket --regid sidepocket --clear-groups "--inh-caps=-all,$rights" "--ambient-caps=-all,$rights" "--bounding-set=-all,$rights" --no-new-privs -- \
  tini -s -- node --disable-sigusr1 --disable-warning=CLAUDE_SDK_CAN_USE_TOOL_SHADOWED worker/main.ts
