package app

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"aurorabot/handlers"
	"aurorabot/runner/journal"
)

const auditUsage = `usage: aurorabot audit verify [RUN | JOURNAL-FILE | --against COPY-FILE]`

// auditCommand is `audit verify` of files at hand: a journal of an incident
// pack, or the copy of the audit that was kept elsewhere. All else is the
// table's, and here is false. It only reads, whoever owns the state folder.
func auditCommand(words []string, config string, w World) (exit int, here bool) {
	words = slices.DeleteFunc(slices.Clone(words), func(s string) bool { return s == "--json" })
	if len(words) < 2 || words[0] != "verify" {
		return 0, false
	}
	against, isAgainst := strings.CutPrefix(words[1], "--against=")
	switch {
	case words[1] == "--against" && len(words) == 3:
		against = words[2]
	case words[1] == "--against" || isAgainst && (len(words) > 2 || against == ""):
		fmt.Fprintf(w.Err, "aurorabot: audit: --against wants one file\nhint: %s\n", auditUsage)
		return handlers.ExitUsage, true
	case !isAgainst && len(words) == 2 && (strings.ContainsRune(words[1], filepath.Separator) || strings.HasSuffix(words[1], ".jsonl")):
		c, err := journal.VerifyFile(words[1])
		if err != nil {
			return w.fail(fmt.Errorf("audit: %w", err)), true
		}
		fmt.Fprintf(w.Out, "%s: %d events, the hash chain is whole, it ends with %s\n", c.Run, c.Events, c.Head)
		return handlers.ExitDone, true
	case !isAgainst:
		return 0, false
	}
	cfg, err := load(config, w)
	if err != nil {
		return w.fail(err), true
	}
	f, err := os.Open(against)
	if err != nil {
		return w.fail(fmt.Errorf("audit: %w", err)), true
	}
	defer f.Close()
	d := journal.ReadOnly(filepath.Join(cfg.StateDir, "runs"))
	n, err := d.Against(f)
	if err == nil {
		_, err = d.Verify()
	}
	if err != nil {
		return w.fail(fmt.Errorf("audit: %w", err)), true
	}
	fmt.Fprintf(w.Out, "%d events of the copy stand in the journals as they were written, and every hash chain is whole\n", n)
	return handlers.ExitDone, true
}
