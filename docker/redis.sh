#!/bin/sh
# Starts Redis with a password, which comes by the environment and is on no command line and in no file: Redis reads its configuration from standard input.
# A message is acknowledged when it is on disk, hence appendfsync always; evicting keys would lose messages. `* -::*` is every IPv4 address and, where there is one, IPv6.
# The image's entry point gives up root, which it does when it sees redis-server as its first word.
set -eu
: "${REDIS_PASSWORD:?is not set}"
case $REDIS_PASSWORD in *[!A-Za-z0-9._~-]*)
  echo 'REDIS_PASSWORD: may have letters, digits, dots, dashes, underscores and tildes only, since it is part of an address, too' >&2
  exit 1
esac
exec docker-entrypoint.sh redis-server - <<CONFIGURATION
bind * -::*
protected-mode yes
requirepass $REDIS_PASSWORD
dir /data
appendonly yes
appendfsync always
save ""
maxmemory ${REDIS_MAXMEMORY:-180mb}
maxmemory-policy noeviction
CONFIGURATION
