#!/bin/bash
# Replaces the agent of this machine by another release, while its tasks run on; takes it back if it does not work.
#
#   update.sh [--force] BUNDLE [SCRIPTS [NODE]]    each a path (a folder, a .zip, the program), s3://… or https://…
#   update.sh --wanted                             what the deployment's parameter names, unless it runs or failed
#   update.sh [--force] --back                     the release before this one
#
# It works if the new process registers under the id the agent had, within a minute, and is still there five seconds
# later. An agent that is not registered now is not touched: whether another one would be could not be told. --force
# does it all the same.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=release.sh
. "$here/release.sh"

ready=$root${MESETA_RUN:-/run/meseta}/ready.json
wait_s=${MESETA_UPDATE_WAIT:-60}
settle_s=${MESETA_UPDATE_SETTLE:-5}
force=

# setting NAME: as install.sh wrote it
setting() { sed -n "s/^$1=//p" "$root/etc/meseta/agent.env"; }

# The word of the running agent: `ID PID`, or nothing when it is not registered.
registered() {
  local id pid
  id=$(sed -n 's/.*"agentId":"\([^"]*\)".*/\1/p' "$ready" 2>/dev/null) || return 0
  pid=$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$ready" 2>/dev/null) || return 0
  if [ -n "$id" ] && [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then echo "$id $pid"; fi
}

# The agent alone: tasks are in a unit of their own. Whatever this starts does not hold the lock.
start_over() {
  systemctl daemon-reload 9>&-
  systemctl restart meseta-agent.service 9>&-
}

# works ID PID: whether an agent has registered with that id (empty: any), in another process than that one
works() {
  local id=$1 pid=$2 now until=$((SECONDS + wait_s))
  while [ "$SECONDS" -lt "$until" ]; do
    now=$(registered)
    if [ -n "$now" ] && [ "${now#* }" != "$pid" ]; then
      if [ -n "$id" ] && [ "${now% *}" != "$id" ]; then return 1; fi
      sleep "$settle_s"
      [ "$(registered)" = "$now" ]
      return
    fi
    sleep 0.2
  done
  return 1
}

# fetch FROM NAME: brings it here; where it is stands in $fetched then
fetch() {
  local from=$1 to=$home/fetch/$2
  case $from in
    s3://*) aws s3 cp --only-show-errors "$from" "$to.file" ;;
    https://*) curl -sSf --max-time 300 -o "$to.file" "$from" ;;
    *)
      [ -e "$from" ] || die "there is no $from"
      ln -s "$(readlink -f "$from")" "$to.file"
      ;;
  esac
  if [ -d "$to.file" ]; then
    fetched=$to.file/
  elif [ "$2" = node ]; then
    install -m 755 "$to.file" "$to"
    fetched=$to
  else
    unzip -oq "$to.file" -d "$to"
    fetched=$to
  fi
}

# An update that was cut off, by the power or a kill, is judged now.
finish_earlier() {
  local before
  [ -f "$home/pending" ] || return 0
  before=$(cat "$home/pending")
  if [ -z "$(registered)" ] && [ -d "$releases/$before" ]; then
    say "an update was cut off, and its agent is not registered: back to $before"
    switch_to "$before"
    start_over
  fi
  rm -f "$home/pending"
}

# exchange ID: switches, starts over, waits; back again if it does not work
exchange() {
  local to=$1 before id pid now
  before=$(current_release)
  if [ "$to" = "$before" ]; then
    say "release $to runs already"
    return
  fi
  read -r id pid <<<"$(registered)" || true
  if [ -z "$id$force" ]; then die "the agent is not registered now, so nothing is changed; --force does it all the same"; fi
  echo "$before" >"$home/pending"
  switch_to "$to"
  start_over
  if works "$id" "$pid"; then
    rm -f "$home/pending" "$home/failed"
    forget_releases "$to" "$before"
    say "release $to runs, in place of $before"
    return
  fi
  now=$(registered)
  switch_to "$before"
  start_over
  rm -f "$home/pending"
  works "$id" "${now#* }" || die "neither $to nor $before registers; see journalctl -u meseta-agent"
  cat "$releases/$to/from" >>"$home/failed"
  die "release $to did not register as $id: $before runs again"
}

# update BUNDLE [SCRIPTS [NODE]]: what is not named stays as it is
update() {
  local bundle scripts node
  rm -rf "$home/fetch"
  mkdir "$home/fetch"
  fetch "$1" bundle
  bundle=$fetched
  fetch "${2:-$here}" scripts
  scripts=$fetched
  fetch "${3:-$here/../node}" node
  node=$fetched
  place_release "$bundle" "$scripts" "$node" "$*"
  rm -rf "$home/fetch"
  exchange "$release"
}

# Asked every few minutes: says nothing when there is nothing to do.
update_to_wanted() {
  local parameter wanted
  parameter=$(setting MESETA_RELEASE_PARAMETER)
  [ -n "$parameter" ] || die "MESETA_RELEASE_PARAMETER is not in agent.env: no deployment says what is wanted"
  wanted=$(aws ssm get-parameter --name "$parameter" --query Parameter.Value --output text)
  [ "$wanted" != "$(cat "$home/current/from")" ] || return 0
  if grep -qxF -- "$wanted" "$home/failed" 2>/dev/null; then return 0; fi
  # Three words, as the deployment writes them.
  # shellcheck disable=SC2086
  update $wanted
}

go_back() {
  local path current
  current=$(current_release)
  for path in "$releases"/*; do
    if [ "${path##*/}" != "$current" ]; then
      exchange "${path##*/}"
      return
    fi
  done
  die "there is no release before this one"
}

main() {
  if [ "${1:-}" = --force ]; then
    force=yes
    shift
  fi
  [ $# -gt 0 ] || die "which release? a folder, a .zip, s3://… or https://…; --wanted; --back"
  exec 9>"$home/lock"
  flock -n 9 || die "another update is under way"
  AWS_REGION=$(setting AWS_REGION)
  export AWS_REGION
  finish_earlier
  case $1 in
    --wanted) update_to_wanted ;;
    --back) go_back ;;
    *) update "$@" ;;
  esac
}

# One line, so that bash reads no further when this file is replaced or gone.
main "$@"; exit
