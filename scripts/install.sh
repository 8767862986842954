#!/usr/bin/env bash
# Installs what the tests can use beyond Go: a browser, and what real hosts are
# made of. Where it cannot (no root, no apt-get, no network) it says so, and the
# tests say which parts they left out.
set -uo pipefail
packages="chromium fonts-liberation systemd dbus sudo openssh-server iproute2 nftables iptables default-jre-headless libzookeeper-java libslf4j-java libsnappy-java libdropwizard-metrics-java libcommons-cli-java prometheus groff zsh fish supervisor runit sysvinit-utils"
missing=""
for p in $packages; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "NOT INSTALLED:$missing (needs root and apt-get)"
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 update -qq >/dev/null 2>&1
# shellcheck disable=SC2086 # a list of words
timeout 600 apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || echo "NOT INSTALLED:$missing (apt-get failed)"
