# Finds or makes the Node that runs perdure. Sourced by ./dev with ROOT set; puts `node` first in PATH.
#
# Node 24 or 25 on macOS or on a Linux with glibc >= 2.38 is used as it is (uWebSockets.js has binaries for those).
# Elsewhere a private copy is built under .runtime/: Node from npm, and where the system's glibc
# is too old, a newer one from the distribution's own mirror beside it. docs/adr/0001 says why.

NODE_VERSION=24.21.0
RECIPE=1 # raise it when the private runtime is built differently
GLIBC_NEEDED=238

say() { printf '%s\n' "dev: $*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null 2>&1; then sudo -n "$@"; else return 1; fi
}

# Installs Debian packages, where apt and the rights for it are there; apt's own words are told only when it fails.
apt_install() {
  command -v apt-get >/dev/null 2>&1 || return 1
  words=$(as_root apt-get update -qq 2>&1 &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" 2>&1) && return
  printf '%s\n' "$words" | tail -5 >&2
  return 1
}

# 236 for glibc 2.36; nothing where libc is another.
system_glibc() { getconf GNU_LIBC_VERSION 2>/dev/null | awk '$1 == "glibc" { split($2, v, "."); printf "%d%02d", v[1], v[2] }'; }

system_node_fits() { case $(node -v 2>/dev/null) in v24.* | v25.*) true ;; *) false ;; esac; }

glibc_is_new() {
  glibc=$(system_glibc)
  [ -n "$glibc" ] || die "this Linux has no glibc (musl?): run perdure on a distribution with glibc"
  [ "$glibc" -ge "$GLIBC_NEEDED" ]
}

use_runtime() {
  case $(uname -s) in
    Darwin)
      system_node_fits || die "Node 24 is needed (found: $(node -v 2>/dev/null || echo none)); 'brew install node@24' installs it"
      return ;;
    Linux) ;;
    *) die "perdure runs on Linux and macOS; on Windows, use WSL" ;;
  esac
  if system_node_fits && glibc_is_new; then return; fi
  SYSTEM_PATH=$PATH
  PATH="$ROOT/.runtime/bin:$PATH"
  export PATH
  runtime_is_current || with_lock runtime build_runtime || exit 1
}

# The private node has absolute paths inside, so a moved clone builds its own. Older ones stay for who still runs on them.
runtime_folder() { echo "$ROOT/.runtime/node-$NODE_VERSION-$(echo "$RECIPE $(uname -m) $ROOT" | cksum | cut -d' ' -f1)"; }

runtime_is_current() { [ "$(readlink "$ROOT/.runtime/bin")" = "$(runtime_folder)/bin" ] && [ -x "$ROOT/.runtime/bin/node" ]; }

# Runs a function while no other ./dev of this clone is inside the same lock.
with_lock() {
  lock="$ROOT/.runtime/$1.lock"; shift
  mkdir -p "$ROOT/.runtime"
  if command -v flock >/dev/null 2>&1; then
    # The exit keeps this shell, and with it the lock, until the command has ended: a shell may become its last command.
    ( flock 9; "$@" 9>&-; exit $? ) 9>"$lock"
  else
    until mkdir "$lock.d" 2>/dev/null; do
      kill -0 "$(cat "$lock.d/pid" 2>/dev/null || echo $$)" 2>/dev/null || rm -rf "$lock.d"
      sleep 1
    done
    echo $$ >"$lock.d/pid"
    ( "$@" ); status=$?
    rm -rf "$lock.d"
    return $status
  fi
}

ensure_npm() {
  command -v npm >/dev/null 2>&1 && return
  say "npm is missing; installing it through apt"
  apt_install npm || die "npm is missing, and apt could not install it: install Node >= 18 with npm, then run this again"
}

build_runtime() {
  set -e
  if runtime_is_current; then return; fi
  ensure_npm
  folder=$(runtime_folder)
  rm -rf "$ROOT"/.runtime/node.new.* "$folder"
  new="$ROOT/.runtime/node.new.$$"
  mkdir -p "$new/bin" "$new/lib"
  fetch_node "$new"
  if ! glibc_is_new; then fetch_glibc "$new" "$folder/lib"; fi
  mv "$new" "$folder"
  "$folder/bin/node" -e 0 || { rm -rf "$folder"; die "the private Node does not start on this machine"; }
  ln -sfn "$folder/bin" "$ROOT/.runtime/bin.new"
  mv -T "$ROOT/.runtime/bin.new" "$ROOT/.runtime/bin"
}

fetch_node() {
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) die "no Node build for $(uname -m): install Node >= 24 yourself" ;;
  esac
  say "fetching Node $NODE_VERSION (private, under .runtime/)"
  ( cd "$1" && npm pack --silent "node-linux-$arch@$NODE_VERSION" >/dev/null && tar -xzf "node-linux-$arch-$NODE_VERSION.tgz" ) ||
    die "npm could not fetch node-linux-$arch@$NODE_VERSION: check the network, then run this again"
  mv "$1/package/bin/node" "$1/bin/node"
  rm -rf "$1/package" "$1"/*.tgz
}

# Unpacks a newer libc into $1/lib and points the node of $1 at $2, where that will lie; the system's stays untouched.
fetch_glibc() {
  say "fetching a newer glibc for it (the system's is $(getconf GNU_LIBC_VERSION | cut -d' ' -f2))"
  too_old="glibc is older than 2.38: use Debian 13, Ubuntu 24.04, Fedora 39 or newer with Node >= 24"
  command -v apt-get >/dev/null 2>&1 && command -v dpkg >/dev/null 2>&1 ||
    die "$too_old"
  . /etc/os-release
  case $ID in
    debian) suite=trixie keys=/usr/share/keyrings/debian-archive-keyring.gpg ;;
    ubuntu) suite=noble keys=/usr/share/keyrings/ubuntu-archive-keyring.gpg ;;
    *) die "$too_old" ;;
  esac
  # patchelf of the machine's own release: 0.14 works on this binary, 0.18 of Debian 13 breaks it.
  download_packages "$1/apt" "$suite" "$keys" \
    "libc6/$suite" "libstdc++6/$suite" "libgcc-s1/$suite" "patchelf/$VERSION_CODENAME"
  for package in "$1"/apt/*.deb; do dpkg -x "$package" "$1/root"; done
  cp -P "$1"/root/usr/lib/*-linux-gnu/*.so* "$1/lib/"
  loader=$(cd "$1/lib" && ls ld-linux-*.so.*)
  "$1/root/usr/bin/patchelf" --force-rpath \
    --set-interpreter "$2/$loader" --set-rpath "$2" "$1/bin/node" || die "patchelf failed on the private Node"
  rm -rf "$1/root" "$1/apt"
}

# Downloads packages ($4 and on) of this release or of release $2, signed by keys $3, into $1. Both come from the
# machine's own mirror, and apt has a state of its own there, so neither rights nor changes to the system are needed.
download_packages() {
  apt=$1 suite=$2 keys=$3
  shift 3
  mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' | awk -v r="$VERSION_CODENAME" '$1 == r { print $2; exit }')
  [ -n "$mirror" ] || die "no apt mirror for $VERSION_CODENAME is configured on this machine"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  for release in $suite $VERSION_CODENAME; do
    echo "deb [signed-by=$keys] $mirror $release main $([ "$ID" = debian ] || echo universe)"
  done >"$apt/sources.list"
  : >"$apt/status"
  cat >"$apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Acquire::Languages "none";
APT::Sandbox::User "$(id -un)";
CONF
  ( cd "$apt" && export APT_CONFIG="$apt/apt.conf" && apt-get -qq update >&2 && apt-get -qq download "$@" >&2 ) ||
    die "apt could not fetch $* of $suite from this machine's mirror"
}
