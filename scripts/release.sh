#!/usr/bin/env bash
# Builds what is shipped into dist/: static programs, completion, the manual
# page, and their checksums. Needs Go and git; the same commit gives the same
# bytes, and the programs say which commit that was.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-dist}
export CGO_ENABLED=0
if [ -n "$(git status --porcelain)" ]; then echo "NOT CLEAN: the version will say +dirty" >&2; fi
mkdir -p "$out"
rm -f "$out"/aurorabot* "$out"/SHA256SUMS
for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64; do
  os=${target%/*} arch=${target#*/}
  GOOS=$os GOARCH=$arch go build -trimpath -buildvcs=true -ldflags '-s -w' -o "$out/aurorabot-$os-$arch" .
  # The rehearsal lab makes hosts of Linux.
  if [ "$os" = linux ]; then
    GOOS=$os GOARCH=$arch go build -trimpath -buildvcs=true -ldflags '-s -w' -o "$out/aurorabot-lab-$os-$arch" ./lab
  fi
done
own="$out/aurorabot-$(go env GOHOSTOS)-$(go env GOHOSTARCH)"
for shell in bash zsh fish; do "$own" completion "$shell" >"$out/aurorabot.$shell"; done
"$own" man >"$out/aurorabot.1"
cp deploy/systemd/aurorabot.service "$out/"
(cd "$out" && sha256sum aurorabot* >SHA256SUMS)
version=$("$own" version)
case $version in
*devel* | *unknown*) echo "the program does not know its version ($version): release from a clone" >&2; exit 1 ;;
esac
echo "$version"
ls -l "$out"
