# Claude Code runs this text before each command (CLAUDE_ENV_FILE), in the shell of the command: bash or
# zsh. In a subshell, in bash, it runs once more and prints the variables of the session's person, which
# it asks the worker for.
if [ "${sidepocket_step-}" = fetch ]; then
  address=${ANTHROPIC_BASE_URL#http://}
  exec 3<> "/dev/tcp/${address%:*}/${address##*:}" || exit 0
  printf 'GET /environment HTTP/1.0\r\nx-sidepocket-token: %s\r\n\r\n' "${SIDEPOCKET_SESSION_TOKEN-}" >&3
  read -r _ status _ <&3
  while IFS= read -r line <&3 && [ "$line" != $'\r' ]; do :; done
  IFS= read -r -d '' lines <&3
  [ "$status" != 200 ] || printf '%s' "$lines"
elif [ -n "${BASH_VERSION-}" ]; then
  eval "$(sidepocket_step=fetch && . "$CLAUDE_ENV_FILE" 2> /dev/null)"
else
  eval "$(sidepocket_step=fetch bash "$CLAUDE_ENV_FILE" 2> /dev/null)"
fi
