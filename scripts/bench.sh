#!/usr/bin/env bash
# All comparisons side by side, as ratios: see docs/benchmarks.md.
set -euo pipefail
cd "$(dirname "$0")/.."
./bench/run.sh
./runner/health/bench-scan.sh
if [ -x bot/bench.sh ]; then ./bot/bench.sh; fi
