#!/usr/bin/env bash
# Ends a process whose event loop makes no progress. Arguments: its pid, a tick in seconds, the ticks in a row that end
# it, and its name in the log. Each byte on standard input is a sign of progress: `+`, or `-` while a debugger may hold
# the process. The end of the input is the end of the process.
trap '' HUP INT TERM
pid=$1 tick=$2 most=$3 name=$4
armed=- silent=0 last=0

# The clock in microseconds, without another process; bash before 5 knows whole seconds only.
read_clock() {
  if [[ -n ${EPOCHREALTIME-} ]]; then micros=${EPOCHREALTIME/[.,]/}; else micros=$((SECONDS * 1000000)); fi
}

# Whether the process is stopped, by a signal or a debugger.
is_stopped() {
  local stat state
  if [[ -e /proc/self/stat ]]; then
    IFS= read -r stat 2>/dev/null <"/proc/$pid/stat" || exit 0
    state=${stat##*) }
  else
    state=$(ps -o state= -p "$pid") || exit 0
  fi
  [[ $state == [Tt]* ]]
}

# The line may find a reader that hangs, so it is written beside the wait that gives it time.
end_process() {
  printf '{"level":"fatal","time":"%s","name":"%s","ticks":%d,"tickSeconds":%s,"msg":"%s"}\n' \
    "$(date -u +%Y-%m-%dT%H:%M:%S.000Z)" "$name" "$most" "$tick" \
    'the event loop made no progress: the process is ended' 2>/dev/null &
  IFS= read -r -n 1 -t 1 byte && return
  kill -KILL "$pid"
}

read_clock
while :; do
  last=$micros
  # A byte may come in the very moment in which the time is up: then it is there, although bash says that it is not.
  byte='' outcome=0
  IFS= read -r -n 1 -t "$tick" byte || outcome=$?
  if [[ -n $byte ]]; then
    armed=$byte silent=0
    read_clock
    continue
  elif ((outcome <= 128)); then
    exit 0
  fi
  read_clock
  # A tick counts only when this guard ran on time: after a suspended machine or a jump of the clock it starts anew.
  late=$((micros - last - ${tick%.*} * 1000000))
  if [[ $armed != + ]] || ((late < 0 || late > 2000000)) || is_stopped; then
    silent=0
  else
    silent=$((silent + 1))
  fi
  if ((silent >= most)); then
    silent=0
    end_process
  fi
done
