#!/usr/bin/env bash
# Makes the image: with docker or buildah from the Dockerfile where one works,
# else only its content, as a folder: image.sh [FOLDER].
set -euo pipefail
cd "$(dirname "$0")/.."
root=${1:-dist/image}
rm -rf "$root"
mkdir -p "$root"/{etc/ssl/certs,state,tmp}
# From a checkout the program says which commit it is.
vcs=auto; [ -e .git ] && command -v git >/dev/null 2>&1 && vcs=true
CGO_ENABLED=0 go build -trimpath -buildvcs=$vcs -ldflags '-s -w' -o "$root/aurorabot" .
printf 'nonroot:x:65532:65532:nonroot:/state:/sbin/nologin\n' >"$root/etc/passwd"
printf 'nonroot:x:65532:\n' >"$root/etc/group"
# Slack's certificate is checked against the authorities of the machine that builds.
for f in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
  if [ -f "$f" ]; then cp "$f" "$root/etc/ssl/certs/ca-certificates.crt"; break; fi
done
chmod 1777 "$root/tmp"
chmod 0700 "$root/state"
[ "$(id -u)" = 0 ] && chown 65532:65532 "$root/state"
echo "content of the image: $(du -sk "$root" | cut -f1) KiB in $root"

if command -v buildah >/dev/null 2>&1; then
  # The health check stands in images of docker's format only.
  name=$(buildah from --format docker scratch) && buildah copy -q "$name" "$root" / >/dev/null &&
    buildah config --user 65532:65532 --volume /state --env AURORABOT_CONFIG=/etc/aurorabot/aurorabot.yaml --entrypoint '["/aurorabot"]' --cmd serve \
      --healthcheck 'CMD /aurorabot health' --healthcheck-interval 30s --healthcheck-timeout 6s --healthcheck-start-period 30s "$name" &&
    echo "IMAGE: started as 65532 it says: $(buildah run --isolation chroot "$name" -- /aurorabot version 2>&1)" &&
    buildah commit -q --format docker "$name" aurorabot && buildah rm "$name" >/dev/null || echo "IMAGE: SKIPPED (buildah does not work here)"
elif [ "$root" = dist/image ] && command -v docker >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
  docker build -t aurorabot .
else
  echo "IMAGE: SKIPPED (neither buildah nor docker with a daemon is here); the content is what it would hold"
fi
