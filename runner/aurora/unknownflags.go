package aurora

import (
	"fmt"
	"slices"
)

// A span is the releases 0.From to 0.Until that know a flag; Until 0: it was not removed.
type span struct{ from, until int }

// spans are flags that not all releases know, as far as a scheduler's operators
// meet them. From the sources of 0.2 to 0.22. An unknown flag ends a scheduler
// with exit status 1 before it opens its log.
var spans = map[string]span{
	"gc_executor_path":             {0, 8},
	"deflate_snapshots":            {0, 11},
	"deduplicate_snapshots":        {6, 11},
	"use_beta_db_task_store":       {9, 18},
	"reconciliation_initial_delay": {9, 0},
	"zk_use_curator":               {14, 18},
	"snapshot_hydrate_stores":      {17, 18},
	"serverset_endpoint_name":      {17, 0},
}

// Known says which releases know a flag, in words, by the flag's name.
func Known() map[string]string {
	words := map[string]string{}
	for flag, s := range spans {
		switch {
		case s.until == 0:
			words[flag] = fmt.Sprintf("0.%d and later", s.from)
		case s.from == 0:
			words[flag] = fmt.Sprintf("up to 0.%d", s.until)
		default:
			words[flag] = fmt.Sprintf("0.%d to 0.%d", s.from, s.until)
		}
	}
	return words
}

// NotIn names the flags that are set and that a release does not know.
func NotIn(version Version, set func(flag string) bool) []string {
	var found []string
	for flag, s := range spans {
		if version.At(0, s.from) && (s.until == 0 || !version.At(0, s.until+1)) {
			continue
		}
		if set(flag) {
			found = append(found, flag)
		}
	}
	slices.Sort(found)
	return found
}
