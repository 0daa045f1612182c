# shellcheck shell=bash
# Releases of the agent on a machine; sourced by install.sh and update.sh.
#
#   /opt/meseta/
#     releases/<id>/       bundle/ scripts/ node from; the id is a hash of all but `from`, which says where it came from
#     current -> releases/<id>
#     pending              the release before, while it is not known yet whether the current one works
#     failed               where releases came from that did not work here, a line each
#     fetch/               of an update under way
#     lock
#
# A release is put in place whole and switched to by one rename. What runs keeps its files until it ends.
shopt -s inherit_errexit

root=${DESTDIR:-}
home=$root/opt/meseta
releases=$home/releases

die() { echo "${0##*/}: $*" >&2; exit 1; }
say() { echo "${0##*/}: $*"; }

# contents_of FOLDER: hashes of all its files, with their names
contents_of() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum); }

# place_release BUNDLE SCRIPTS NODE FROM: puts it beside the others; its id is in $release then
place_release() {
  local bundle=$1 scripts=$2 node=$3 from=$4 new=$releases/.new
  [ -f "$bundle/main.mjs" ] || die "there is no agent bundle in '$bundle'; npm run bundle makes dist/agent"
  [ -f "$scripts/agent-start.sh" ] || die "there are no scripts of the agent in '$scripts'; cdk/agent has them"
  [ -x "$node" ] || die "'$node' is no program; Node 24 is needed"
  release=$({ contents_of "$bundle" && contents_of "$scripts" && sha256sum <"$node"; } | sha256sum | cut -c1-16)
  if [ ! -d "$releases/$release" ]; then
    rm -rf "$new"
    install -d -m 755 "$new/bundle" "$new/scripts"
    cp -R "$bundle/." "$new/bundle/"
    cp -R "$scripts/." "$new/scripts/"
    install -m 755 "$node" "$new/node"
    chmod 755 "$new/scripts/"*.sh
    # Of another architecture, or torn on its way here: known before anything is switched.
    "$new/node" "$new/bundle/main.mjs" --help >/dev/null || die "the agent in '$bundle' does not start on this machine"
    mv -T "$new" "$releases/$release"
  fi
  echo "$from" >"$releases/$release/from"
}

# switch_to ID: from now on that one is started; nothing is restarted here
switch_to() {
  local unit
  ln -sfn "releases/$1" "$home/current.new"
  mv -T "$home/current.new" "$home/current"
  install -d -m 755 "$root/etc/systemd/system"
  for unit in "$home/current/scripts/meseta"*.{service,slice,timer}; do
    install -m 644 "$unit" "$root/etc/systemd/system/"
  done
}

# current_release: prints its id, or nothing
current_release() { [ ! -L "$home/current" ] || basename "$(readlink "$home/current")"; }

# forget_releases ID…: all but these, and what was left of earlier tries
forget_releases() {
  local path kept
  rm -rf "$releases/.new"
  for path in "$releases"/*; do
    for kept in "$@"; do [ "${path##*/}" != "$kept" ] || continue 2; done
    rm -rf "$path"
  done
}
