#!/usr/bin/env bash
# Builds what is shipped into dist/: static programs, completion, a manual page for
# every command, and their checksums. Needs Go and git; the same commit gives the same
# bytes, and the programs say which commit that was.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-dist}
export CGO_ENABLED=0
if [ -n "$(git status --porcelain)" ]; then echo "NOT CLEAN: the version will say +dirty" >&2; fi
mkdir -p "$out"
rm -rf "$out"/aurorabot* "$out"/man "$out"/SHA256SUMS
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
mkdir -p "$out/man"
./scripts/man.sh "$(realpath "$out/man")"
cp deploy/systemd/aurorabot.service "$out/"
(cd "$out" && sha256sum aurorabot* man/* >SHA256SUMS)
version=$("$own" version)
case $version in
*devel* | *unknown*) echo "the program does not know its version ($version): release from a clone" >&2; exit 1 ;;
esac
echo "$version"
ls -l "$out"
