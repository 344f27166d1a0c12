# Claude Code runs this text before each command (CLAUDE_ENV_FILE), in the shell of the command: bash or
# zsh. It asks the worker for the variables of the session's person; run as a program (“fetch”), in bash,
# it is the part that asks.
if [ "${1-}" != fetch ]; then
  eval "$(bash "$CLAUDE_ENV_FILE" fetch 2> /dev/null)"
else
  address=${ANTHROPIC_BASE_URL#http://}
  exec 3<> "/dev/tcp/${address%:*}/${address##*:}" || exit 0
  printf 'GET /environment HTTP/1.0\r\nx-sidepocket-token: %s\r\n\r\n' "${SIDEPOCKET_SESSION_TOKEN-}" >&3
  read -r _ status _ <&3
  while IFS= read -r line <&3 && [ "$line" != $'\r' ]; do :; done
  [ "$status" != 200 ] || cat <&3
fi
