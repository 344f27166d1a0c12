#!/bin/sh
# Sets what only root can set for the users of DATA_DIR's people: people-apart.sh DATA_DIR WORKER AGENT
# (user names). Each number gets an account, since ssh asks for one; its home is the person's own. And a
# server that runs for one person answers, on this machine's own addresses, connections of the same
# person only. May be repeated. What the machine does not allow is left out: /run/sidepocket-ports says
# whether the second part holds.
set -eu
data=$1 worker=$2 agent=$3
here=$(dirname "$0") people=$data/people ports=/run/sidepocket-ports
rm -f "$ports"

# A restarted container still has the lines of its last start, maybe for another volume.
accounts=/etc/passwd.sidepocket
grep -v ':a person of Sidepocket:' /etc/passwd > "$accounts"
mv "$accounts" /etc/passwd

# The worker picks the numbers (user-block.ts); at the first start it does so here.
note=$people/.first-user
pick='const [file, ...options] = process.argv.slice(1);
const { pickBlock } = await import(file);
const [dataDir, noteDir] = options;
pickBlock({ dataDir, noteDir, passwd: (await import("node:fs")).readFileSync("/etc/passwd", "utf8") });'
[ -s "$note" ] || setpriv --reuid "$worker" --regid "$worker" --clear-groups --no-new-privs -- \
  node --input-type=module -e "$pick" "$(cd "$here" && pwd)/user-block.ts" "$data" "$people"
first=$(cat "$note")
case $first in '' | *[!0-9]*) exit 1 ;; esac
[ "$first" -ge 1879048192 ] && count=1024 || count=200
last=$((first + count - 1))

own=$(id -u "$agent")
{
  # The first person has the account of the agent.
  sed "s|^\($agent:.*\):[^:]*:\([^:]*\)$|\1:$people/.users/$own/home:\2|" /etc/passwd
  seq "$first" "$last" | sed "s|.*|&:x:&:&:a person of Sidepocket:$people/.users/&/home:/bin/bash|"
} > "$accounts"
chmod 644 "$accounts"
mv "$accounts" /etc/passwd

# A packet that opens a connection is marked with the user who sends it, and what answers it has the same
# mark (tcp_fwmark_accept). An answer of a person's server to another user becomes a refusal. So does one
# of unknown origin, which a flooded server sends, and one by Multipath TCP on some kernels: without it,
# programs that prefer it use TCP.
accept=/proc/sys/net/ipv4/tcp_fwmark_accept multipath=/proc/sys/net/mptcp/enabled
{ echo 1 > "$accept" && { [ ! -e "$multipath" ] || echo 0 > "$multipath"; }; } 2> /dev/null || exit 0
{
  echo 'add table inet sidepocket'
  echo 'delete table inet sidepocket'
  echo 'table inet sidepocket {'
  echo "set people { type uid; flags interval; elements = { $own, $first-$last } }"
  echo 'map marks { type uid : mark; elements = {'
  { echo "$own" && seq "$first" "$last"; } | sed 's/.*/& : &,/'
  echo '} }'
  echo 'set same { type uid . mark; elements = {'
  { echo "$own" && seq "$first" "$last"; } | sed 's/.*/& . &,/'
  echo '} }'
  cat << 'RULES'
chain output {
  type filter hook output priority filter; policy accept;
  oifname "lo" tcp flags & (syn | ack) == syn meta mark set meta skuid map @marks
  oifname "lo" tcp flags & (syn | ack) == (syn | ack) jump answers
}
chain answers {
  meta skuid . meta mark @same accept
  meta skuid != @people accept
  tcp flags set rst | ack
}
}
RULES
} | nft -f - 2> /dev/null || exit 0
echo "$first" > "$ports"
