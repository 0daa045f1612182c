#!/bin/sh
# The shim in sh, for machines without a C compiler: starts one command, waits, writes down how it ended.
#
#   sh shim.sh RECORD SANDBOX BOOT
#
# Descriptors 1 and 2 are the task's output; 3 takes one line for the agent: `PID STARTTIME`, or `!` and what failed.
# Files as in record.ts. The command stands in RECORD/launch, which says `started` and becomes it. What sh cannot do:
# tell `exit 137` from SIGKILL (it says signal), close what the agent had open already, and be a reaper of orphans.
# All is in functions, so that a changed file harms no running shim: sh reads scripts as it goes.

# Sets `pid` and `start` of the process that reads: the sub-shell's own, also inside ( ), where $$ is the parent's.
# The command in brackets is still `sh` here. No `shift 19`: a failing special builtin would end the script.
identify() {
  read -r stat </proc/self/stat || stat=
  pid=${stat%% *}
  # shellcheck disable=SC2086 # In words: they are numbers.
  set -- ${stat##*) }
  start=${20:-0}
}

refuse() {
  echo "!$1" >&3
  exit 1
}

# In the foreground, for a background job would ignore SIGINT and SIGQUIT.
run() {
  trap '' PIPE
  exec 9>&- 2>&4 4>&-
  identify
  [ -r "$1/launch" ] || refuse 'cannot read the command'
  cd "$2" || refuse 'cannot enter the sandbox'
  echo "$pid $start" >"$1/pid" || refuse 'cannot record the process'
  # shellcheck disable=SC1091 # The agent writes it.
  . "$1/launch"
}

# Called by RECORD/launch, which the agent deletes as soon as it has this line: the file is open by now.
# shellcheck disable=SC2329
started() {
  echo "$pid $start" >&3 2>/dev/null
  exec 3>&-
  # Not before: a lost agent is no reason to die of SIGPIPE.
  trap - TERM INT HUP QUIT PIPE
}

main() {
  trap : TERM INT HUP QUIT PIPE
  identify
  mkfifo -m 600 "$1/alive" && exec 9<>"$1/alive"
  echo "$pid $start plain $3" >"$1/shim" || refuse 'cannot record the shim'
  # The shell would say `Killed` into the task's stderr.
  exec 4>&2 2>/dev/null
  ( run "$@" )
  code=$?
  exec 1>/dev/null 3>&- 4>&-
  if [ "$code" -gt 128 ] && [ "$code" -le 192 ]; then
    ended="signal $((code - 128))"
  else
    ended="exit $code"
  fi
  # A full disk must not lose the status: again until it is written, or the record was removed.
  until echo "$ended" >"$1/exit.tmp" && mv -f "$1/exit.tmp" "$1/exit"; do
    [ -d "$1" ] || exit 0
    sleep 1
  done
}

main "$@"
exit
