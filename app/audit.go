package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"aurorabot/handlers"
	"aurorabot/runner/journal"
)

// audit is `audit verify`: of files at hand (a journal of an incident pack, or the
// copy of the audit that was kept elsewhere) here, else by the table. It only
// reads, whoever owns the state folder.
func audit(ctx context.Context, in *input) int {
	against, isAgainst := in.given["against"]
	switch {
	case in.args[0] != "verify" || len(in.args) == 1 && !isAgainst:
		return request(ctx, in)
	case isAgainst && (len(in.args) > 1 || against == ""):
		return in.misused("audit: --against wants one file, and nothing else", "aurorabot audit verify [RUN | JOURNAL-FILE | --against COPY-FILE]")
	case !isAgainst && (strings.ContainsRune(in.args[1], filepath.Separator) || strings.HasSuffix(in.args[1], ".jsonl")):
		c, err := journal.VerifyFile(in.args[1])
		if err != nil {
			return in.fail(fmt.Errorf("audit: %w", err))
		}
		fmt.Fprintf(in.Out, "%s: %d events, the hash chain is whole, it ends with %s\n", c.Run, c.Events, c.Head)
		return handlers.ExitDone
	case !isAgainst:
		return request(ctx, in)
	}
	cfg, err := load(in.config, in.World)
	if err != nil {
		return in.fail(err)
	}
	f, err := os.Open(against)
	if err != nil {
		return in.fail(fmt.Errorf("audit: %w", err))
	}
	defer f.Close()
	d := journal.ReadOnly(filepath.Join(cfg.StateDir, "runs"))
	n, err := d.Against(f)
	if err == nil {
		_, err = d.Verify()
	}
	if err != nil {
		return in.fail(fmt.Errorf("audit: %w", err))
	}
	fmt.Fprintf(in.Out, "the journals hold all %d events of the copy as they were written, and every hash chain is whole\n", n)
	return handlers.ExitDone
}
