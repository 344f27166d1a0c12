#!/bin/sh
# Prepares DATA_DIR for people's homes: own-data.sh DATA_DIR [WORKER AGENT]. What an earlier version
# kept for everybody at its top is set aside in people/.earlier, from where the worker moves it to
# the homes. With WORKER and AGENT (user names or ids), which needs root, the directory becomes the
# worker's, since a person who owned it could move the homes of others. May be repeated, and
# interrupted anywhere.
set -eu
data=$1 worker=${2-} agent=${3-}
people=$data/people
earlier=$people/.earlier
own() { [ -z "$worker" ] || { chown -h "$1" "$2" && chmod "$3" "$2"; }; }

mkdir -p "$data"
own "$worker" "$data" 711
if [ -n "$worker" ] && [ -e "$people" ]; then
  case $(stat -c %u "$people") in
    0 | "$(id -u "$worker" 2> /dev/null || echo "$worker")") ;;
    # An agent that owned DATA_DIR may have made it.
    *) mv "$people" "$people.$(date +%s)" ;;
  esac
fi
mkdir -p "$people" "$data/temp"
own "$worker" "$people" 711
own "$worker" "$data/temp" 711
if [ -n "$worker" ]; then
  mkdir -p "$people/.users"
  own "$worker" "$people/.users" 711
  find "$people/.users" "$people/.first-user" ! -user "$worker" -exec chown -h "$worker" {} + 2> /dev/null || :
  # What root has restored.
  for link in "$people"/.users/*; do
    [ -d "$link" ] || continue
    home=$people/$(basename "$(readlink "$link")") uid=$(basename "$link")
    [ "$(stat -c %u "$home")" != 0 ] || chown -Rh "$uid:$uid" "$home"
  done
  find "$data/temp" -mindepth 1 -maxdepth 1 -user 0 -exec rm -rf {} +
fi
for name in home claude workspaces images tmp spare; do
  from=$data/$name
  [ -d "$from" ] && [ ! -L "$from" ] || continue
  # Links that lead to the homes may stay.
  [ "$name" != workspaces ] || [ -n "$(find "$from" -mindepth 1 -maxdepth 1 ! -type l -print -quit)" ] || continue
  mkdir -p "$earlier"
  own "$agent" "$earlier" 700
  # An agent that was root has left it, or a restored backup.
  [ -z "$agent" ] || [ -z "$(find "$from" -maxdepth 0 ! -user "$agent")" ] || chown -Rh "$agent" "$from"
  to=$earlier/$name count=0
  while [ -e "$to" ]; do count=$((count + 1)) to=$earlier/$name.$count; done
  # Another worker may have been faster.
  mv "$from" "$to" || [ ! -d "$from" ]
done
