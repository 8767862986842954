package files

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"aurorabot/runner/health"
)

// logScan prints what it found even if one of several files could not be read;
// the exit status then says so. Where nothing could be read it prints nothing:
// an empty list would say that there is no finding.
func logScan(ctx context.Context, c *call) (int, error) {
	severity, err := c.scanOptions()
	if err != nil {
		return exitUsage, err
	}
	s := health.Scanner{Now: c.Now()}
	if c.has("since") {
		n, _ := strconv.ParseInt(c.options["since"], 10, 64) // scanOptions has read it.
		s.Since = time.Unix(n, 0)
	}
	var errs []error
	whole := 0
	if unit := c.options["unit"]; unit != "" {
		errs = append(errs, scanUnit(ctx, &s, unit, c.options["since"]))
	}
	names := c.operands
	if c.has("rotated") {
		if names, err = rotated(c.operands, s.Since); err != nil {
			errs = append(errs, err)
		} else if len(names) == 0 {
			errs = append(errs, fmt.Errorf("read %s: %w", strings.Join(c.operands, ", "), errSilent))
		}
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return exitError, context.Cause(ctx)
		}
		errs = append(errs, c.scanFile(ctx, &s, name, c.has("rotated")))
	}
	for i, err := range errs {
		if errors.Is(err, errSilent) {
			report(c.Err, err) // Nobody can be wrong about nothing: no finding, and no failure.
			err, errs[i] = nil, nil
		}
		if err == nil {
			whole++
		}
	}
	err = errors.Join(errs...)
	if whole == 0 && len(errs) > 0 || ctx.Err() != nil {
		return exitError, err
	}
	found := s.Matches()
	if printed := c.scanPrint(found); printed != nil {
		return exitError, printed
	}
	switch {
	case err != nil:
		return exitError, err
	case severity != "" && slices.ContainsFunc(found, func(m health.Match) bool { return m.Severity.AtLeast(severity) }):
		return exitFindings, nil
	}
	return exitDone, nil
}

func (c *call) scanOptions() (health.Severity, error) {
	unit, since := c.options["unit"], c.options["since"]
	severity := health.Severity(c.options["severity"])
	switch {
	case unit == "" && len(c.operands) == 0:
		return "", hinted(errors.New("log scan: neither a file nor a unit is named"), "name files, \"-\" for standard input, or --unit UNIT --since UNIXSECONDS")
	case unit != "" && len(c.operands) > 0:
		return "", errors.New("log scan: --unit and files exclude each other")
	case unit != "" && since == "":
		return "", hinted(errors.New("log scan: --unit needs --since"), "--since takes seconds since 1970, as `date +%%s` prints them")
	case unit != "" && c.has("rotated"):
		return "", errors.New("log scan: --rotated is for files")
	case c.has("severity") && !slices.Contains([]health.Severity{health.Info, health.Warning, health.Critical}, severity):
		return "", hinted(fmt.Errorf("log scan: unknown severity %q", severity), "it is one of info, warning, critical")
	}
	if since != "" {
		if n, err := strconv.ParseInt(since, 10, 64); err != nil || n < 0 {
			return "", hinted(fmt.Errorf("log scan: --since %q is no number of seconds since 1970", since), "`date +%%s` prints it")
		}
	}
	return severity, nil
}

// rotated are the files that patterns name, and what was rotated beside them
// (PATH.1, PATH-20260102.gz), oldest first, without those whose last line is
// older than since. That nothing is there is an error: a log that is not found
// is not one without findings. Links are not followed: whoever writes the logs may
// not be who may read what they point to.
func rotated(patterns []string, since time.Time) ([]string, error) {
	type file struct {
		name string
		last time.Time
	}
	var files []file
	var errs []error
	for _, pattern := range patterns {
		there, why := 0, "no such file, and none that was rotated"
		for _, form := range []string{pattern, pattern + ".*", pattern + "-*"} {
			names, err := filepath.Glob(form)
			if err != nil {
				errs = append(errs, fmt.Errorf("log scan: %s: %w", pattern, err))
				break
			}
			for _, name := range names {
				info, err := os.Lstat(name)
				if err == nil && info.Mode()&fs.ModeSymlink != 0 {
					why = name + " is a link, which is not followed: name the file that it points to"
				}
				if err != nil || !info.Mode().IsRegular() {
					continue // Rotated away meanwhile, or no log.
				}
				there++
				if !info.ModTime().Before(since) && !slices.ContainsFunc(files, func(f file) bool { return f.name == name }) {
					files = append(files, file{name, info.ModTime()})
				}
			}
		}
		if there == 0 {
			errs = append(errs, fmt.Errorf("read log %s: %s", pattern, why))
		}
	}
	slices.SortStableFunc(files, func(a, b file) int { return a.last.Compare(b.last) })
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.name
	}
	return names, errors.Join(errs...)
}

// scanFile scans a file, a gzip file, or standard input. alone: a link is not followed.
func (c *call) scanFile(ctx context.Context, s *health.Scanner, name string, alone bool) error {
	in := c.In
	if name != "-" {
		flags := 0
		if alone {
			flags = syscall.O_NOFOLLOW // It may have become one since it was found.
		}
		f, _, err := openWith("log", name, flags)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	// By its first bytes and not by its name: rotation renames.
	buffered := bufio.NewReader(reader{ctx, in})
	in = buffered
	if magic, _ := buffered.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return fmt.Errorf("read log %s: gzip: %w", name, err)
		}
		in = z
	}
	if err := s.Read(in, name); err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	return nil
}

func (c *call) scanPrint(found []health.Match) error {
	if c.json {
		return c.writeJSON(found)
	}
	p := c.page()
	if len(found) == 0 {
		p.line("No findings.")
		return p.end()
	}
	slices.SortStableFunc(found, func(a, b health.Match) int {
		switch {
		case a.Severity == b.Severity:
			return 0
		case a.Severity.AtLeast(b.Severity):
			return -1
		}
		return 1
	})
	p.row("SEVERITY", "FINDING", "COUNT", "FIRST", "LAST")
	for _, m := range found {
		p.row(m.Severity, m.Finding, m.Count, m.First, m.Last)
	}
	for _, m := range found {
		p.line("")
		p.line("%s, %s", m.Finding, m.Severity)
		i := slices.IndexFunc(health.LogFindings, func(f health.LogFinding) bool { return f.ID == m.Finding })
		p.line("  %s %s", health.LogFindings[i].Means, health.LogFindings[i].Do)
		for _, f := range m.Files[:min(len(m.Files), listed)] {
			p.line("  in %s", f)
		}
		p.more(len(m.Files))
		p.line("  > %s", m.Example)
	}
	return p.end()
}
