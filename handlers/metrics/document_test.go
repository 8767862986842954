package metrics

import (
	"fmt"
	"strings"
)

// document is docs/metrics.md.
func document() string {
	var b strings.Builder
	b.WriteString(`# Metrics

Generated from the table in ` + "`handlers/metrics`" + ` by the test that compares it; do not edit.

` + "`serve`" + ` answers ` + "`GET /metrics`" + ` in Prometheus' text format (or OpenMetrics, if it is asked for) at the address that ` + "`listen`" + ` of the configuration names, beside
` + "`/healthz`" + ` and ` + "`/ready`" + `. Asking costs the clusters nothing: a page shows what the last check saw, and when that was. A value that
is not known has no sample; nothing is ever 0 because nobody could tell. Times are seconds since 1970, sizes bytes, durations seconds.

Beside these, the page has the usual ` + "`go_…`" + ` and ` + "`process_…`" + ` metrics of Prometheus' client library.

` + "`deploy/`" + ` has alert rules and a dashboard that use them.

| metric | type | labels | meaning | no sample when |
|---|---|---|---|---|
`)
	for _, f := range Families {
		labels := ""
		for i, l := range f.Labels {
			labels += strings.Repeat(", ", min(i, 1)) + "`" + l + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", f.Name, f.Type, labels, f.Help, f.Absent)
	}
	return b.String()
}
