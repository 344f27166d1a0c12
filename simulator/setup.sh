#!/bin/sh
# Installs what Sidepocket needs on this machine: the npm packages, Redis and a Chromium.
# Only Node 20 or later and npm have to be there. It is quick and silent when nothing is missing, names what it installs before it
# does, and ends with 0 when everything is there, otherwise with 1 and a sentence on what to do.
set -u
cd "$(dirname "$0")/.." || exit 1
failed=0

has() { command -v "$1" >/dev/null 2>&1; }
say() { printf '%s\n' "$1"; }
complain() {
  printf '%s\n' "$1" >&2
  failed=1
}

# npm writes the hidden lockfile last, so it is older than package-lock.json exactly when the packages are out of date.
packages_missing() {
  [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]
}

install_packages() {
  if ! has node || ! has npm; then
    complain 'Node.js is missing: install Node.js 20 or later with npm (https://nodejs.org), then run again.'
  elif ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'; then
    complain "Node.js is too old ($(node --version)): install Node.js 20 or later (https://nodejs.org), then run again."
  else
    say 'Missing or out of date: the npm packages. They will be installed into node_modules with: npm ci'
    npm ci || complain 'The npm packages could not be installed, see above. Check the network, then run again.'
  fi
}

chromium_missing() {
  [ -n "${CHROMIUM_PATH:-}" ] && return 1
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    has "$name" && return 1
  done
  for application in 'Google Chrome' Chromium; do
    [ -x "/Applications/$application.app/Contents/MacOS/$application" ] && return 1
  done
  ! playwright_chromium_present
}

# Playwright starts only the revision that its release was built with, and marks a finished download with a file.
playwright_chromium_present() {
  revision=$(node --input-type=commonjs -p '
    const core = require.resolve("playwright-core/package.json", { paths: [require.resolve("playwright/package.json")] });
    require(core.replace("package.json", "browsers.json")).browsers.find(({ name }) => name === "chromium").revision
  ' 2>/dev/null) || return 1
  for cache in "${PLAYWRIGHT_BROWSERS_PATH:-}" "${HOME:-}/.cache/ms-playwright" "${HOME:-}/Library/Caches/ms-playwright"; do
    [ -f "$cache/chromium-$revision/INSTALLATION_COMPLETE" ] && return 0
  done
  return 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Whether a command can be run as root here: as root, with a sudo that needs no password, or with a terminal to ask for it.
may_be_root() {
  [ "$(id -u)" = 0 ] && return 0
  has sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }
}

# The lists are fetched once; a repository that cannot be reached does not matter when the package is found elsewhere.
apt_update() {
  [ -z "${apt_updated:-}" ] || return 0
  apt_updated=1
  as_root apt-get update -q || say 'Not every list of apt-get could be fetched; going on with those there are.'
}

apt_install() {
  apt_update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$1"
}

# Decides how Redis can be installed here, before anything is: sets redis_by to apt-get or brew, or complains.
plan_redis() {
  redis_by=''
  if [ "$(uname -s)" = Darwin ]; then
    if has brew; then redis_by=brew; else complain 'Redis is missing: install Homebrew (https://brew.sh), then run again.'; fi
  elif ! has apt-get; then
    complain 'Redis is missing: install it with the package manager of this system (for example: dnf install redis), then run again.'
  elif may_be_root; then
    redis_by=apt-get
  else
    complain 'Redis is missing, and installing it needs root. Run in a terminal: sudo apt-get install redis-server. Then run again.'
  fi
}

install_redis() {
  case $redis_by in
    apt-get) apt_install redis-server ;;
    brew) brew install redis ;;
  esac
  has redis-server || complain 'Redis could not be installed, see above. Install it so that redis-server is on the PATH, then run again.'
}

# Ubuntu has Chromium only as a snap, which apt-get does not count as a candidate; Playwright's own is taken there.
apt_has_chromium() {
  has apt-get && may_be_root || return 1
  apt_update
  case $(LC_ALL=C apt-cache policy chromium 2>/dev/null) in *'Candidate: '[0-9]*) return 0 ;; esac
  return 1
}

# Decides whether Chromium can be installed here: on Linux its libraries need root, also with Playwright's installer, which would ask for a password.
plan_chromium() {
  if [ "$(uname -s)" = Darwin ] || may_be_root; then
    chromium=missing
  else
    complain 'Chromium is missing, and installing it needs root. Install Chromium or Google Chrome (for example: sudo apt-get install chromium), or set CHROMIUM_PATH to one, then run again.'
  fi
}

install_chromium() {
  if apt_has_chromium; then apt_install chromium; else npx playwright install --with-deps chromium; fi
  chromium_missing || return 0
  complain 'Chromium could not be installed, see above. Install Chromium or Google Chrome, or set CHROMIUM_PATH to one, then run again.'
}

if packages_missing; then install_packages; fi
[ "$failed" = 0 ] || exit 1

if [ -n "${CHROMIUM_PATH:-}" ] && [ ! -x "$CHROMIUM_PATH" ]; then
  complain "CHROMIUM_PATH is $CHROMIUM_PATH, which is not a program: correct it or leave it out, then run again."
fi
redis_by=''
chromium=''
has redis-server || plan_redis
if chromium_missing; then plan_chromium; fi
[ -z "$redis_by" ] || say "Redis is missing. It will be installed with $redis_by."
[ -z "$chromium" ] || say "Chromium is missing. It will be installed with apt-get, or Playwright's own where apt-get has none, with the libraries it needs."
[ -z "$redis_by" ] || install_redis
[ -z "$chromium" ] || install_chromium
exit "$failed"
