#!/usr/bin/env bash
# All comparisons side by side, as ratios: see docs/benchmarks.md.
set -euo pipefail
cd "$(dirname "$0")/.."
./bench/run.sh
./bench/fleet.sh
./runner/health/bench-scan.sh
if [ -x bot/bench.sh ]; then ./bot/bench.sh; fi
AURORABOT_FLEET=500,1000 go test -count=1 -timeout 20m -run '^TestFleet$' -v ./app | grep -E '^FLEET|--- '
# Real hosts: a report beside an Ansible playbook (ansible-core is installed by bench/fleet.sh), a recovery beside a
# shell script. They need root and systemd.
go test -count=1 -timeout 40m -run '^$' -bench '^Benchmark(Report|Recovery)$' -benchtime 3x -v ./lab | grep -E 'Benchmark(Report|Recovery)|SKIPPED|^FAIL'
