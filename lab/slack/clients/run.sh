#!/usr/bin/env bash
# Slack's own clients (Node.js 20 or newer, npm) against the sandbox. What they
# are is pinned in package.json, and installed beside it.
set -euo pipefail
cd "$(dirname "$0")"
command -v npm >/dev/null || { echo "SLACK CLIENTS: npm is not installed" >&2; exit 1; }
npm install --no-audit --no-fund --no-package-lock --loglevel=error
cd ../../..
AURORABOT_CLIENTS=1 exec go test -count=1 -v -run TestOfficialClients ./lab/slack
