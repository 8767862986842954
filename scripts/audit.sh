#!/usr/bin/env bash
# What needs the internet and so is no part of the gate: known weaknesses of
# what the programs are built from, and links that lead nowhere any more.
set -uo pipefail
cd "$(dirname "$0")/.."
status=0

echo "== known vulnerabilities (govulncheck)"
CGO_ENABLED=0 go tool -modfile=.ci/tools.mod govulncheck ./... || status=1

echo "== links of the documents"
# Examples of addresses are not links.
links=$(git ls-files '*.md' | xargs grep -ohE 'https?://[^][ )>"`|…]+' | sed 's/[.,;:]*$//' |
  grep -vE '://([^/]*\.)?(example\.(com|org)|localhost|127\.|192\.0\.2\.|\[)' | sort -u)
for link in $links; do
  code=$(curl -sSL -o /dev/null -m 30 --retry 2 -A 'Mozilla/5.0 (link check)' -w '%{http_code}' "$link" 2>/dev/null)
  case $code in
    2*) ;;
    # It answers, and does not let robots in.
    401 | 403 | 429) echo "not looked at ($code): $link" ;;
    # No answer at all says nothing of the link: this machine may be without the internet.
    000) echo "CANNOT TELL (no answer): $link"; status=1 ;;
    *) echo "DEAD ($code): $link"; status=1 ;;
  esac
done
echo "$(echo "$links" | grep -c .) links"
exit $status
