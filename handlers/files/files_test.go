package files

import (
	"aurorabot/runner/golden"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The recordings lie where the packages that read them keep theirs.
const (
	backups  = "../../runner/backup/testdata/"
	replicas = "../../runner/replica/testdata/"
)

// lately is when the recordings were made, and a little later.
func lately() time.Time { return time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC) }

type outcome struct {
	exit     int
	out, err string
}

// run runs a command in dir, so that goldens do not hold this machine's paths.
func run(t *testing.T, dir string, words ...string) outcome {
	t.Helper()
	return runIn(t, dir, "", words...)
}

func runIn(t *testing.T, dir, in string, words ...string) outcome {
	t.Helper()
	return runWith(t, dir, Std{In: strings.NewReader(in), Now: lately}, words)
}

// runAt runs a command at a time.
func runAt(t *testing.T, dir string, now time.Time, words ...string) outcome {
	t.Helper()
	return runWith(t, dir, Std{In: strings.NewReader(""), Now: func() time.Time { return now }}, words)
}

func runWith(t *testing.T, dir string, std Std, words []string) outcome {
	t.Helper()
	if dir != "" {
		t.Chdir(dir)
	}
	var out, errs bytes.Buffer
	std.Out, std.Err = &out, &errs
	exit, known := Run(t.Context(), words, std)
	if !known {
		t.Fatalf("%q is not known", words)
	}
	return outcome{exit, out.String(), errs.String()}
}

// compare holds what came out against testdata/name.golden. here is the folder that the test
// began in: run changes it.
func compare(t *testing.T, here, name string, got outcome) {
	t.Helper()
	golden.Compare(t, filepath.Join(here, "testdata", name+".golden"), got.out+"-- stderr --\n"+got.err)
}

func here(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// unzip writes a recorded gzip file, unpacked, into dir under its own name.
func unzip(t *testing.T, file, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, golden.Gunzip(t, file), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// unpack extracts a recorded replica as dir/name.
func unpack(t *testing.T, archive, dir, name string) {
	t.Helper()
	if err := os.Rename(golden.Unpack(t, archive), filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// Words of other commands are left to others.
func TestRunKnowsItsOwn(t *testing.T) {
	for _, tt := range []struct {
		words []string
		known bool
		exit  int
	}{
		{nil, false, 0},
		{[]string{"--json"}, false, 0},
		{[]string{"backups", "devcluster"}, false, 0},
		{[]string{"recover", "backup", "inspect"}, false, 0},
		{[]string{"backup"}, true, exitUsage},
		{[]string{"backup", "eat"}, true, exitUsage},
		{[]string{"log"}, true, exitUsage},
		{[]string{"host", "rm"}, true, exitUsage},
		{[]string{"backup", "inspect", "--json", "nothing-here"}, true, exitError},
	} {
		var out, errs bytes.Buffer
		exit, known := Run(context.Background(), tt.words, Std{Out: &out, Err: &errs, Now: lately})
		if known != tt.known || exit != tt.exit {
			t.Errorf("Run(%q) = %d, %v; want %d, %v (%s)", tt.words, exit, known, tt.exit, tt.known, errs.String())
		}
		if tt.exit != 0 && !strings.HasPrefix(errs.String(), "aurorabot: ") {
			t.Errorf("Run(%q) wrote %q as its error", tt.words, errs.String())
		}
		if tt.exit != 0 && out.Len() > 0 {
			t.Errorf("Run(%q) wrote an error's text among the data: %q", tt.words, out.String())
		}
	}
}

// Whatever is wrong with what was typed: a status, where and why, and what to type.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"empty", "\x1b[31mred"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for _, tt := range []struct {
		words string
		exit  int
		err   string // In the error.
		hint  string // In the hint, "" if there is none.
	}{
		{"backup inspect", exitUsage, "backup inspect: 0 names given, at least 1 needed", "usage: aurorabot backup inspect"},
		{"backup inspect a b", exitUsage, "2 names given, 1 wanted", "usage: "},
		{"backup inspect --jsn a", exitUsage, `there is no option "--jsn"`, "usage: "},
		{"backup inspect --json=yes a", exitUsage, "--json takes no value", "usage: "},
		{"backup inspect -- -rf", exitError, "read backup -rf: no such file or directory", ""},
		{"backup inspect nothing", exitError, "read backup nothing: no such file or directory", ""},
		{"backup inspect folder", exitError, "it is a directory, not a file", "aurorabot log inspect folder"},
		{"backup inspect empty", exitError, "inspect backup empty: ", ""},
		{"backup verify empty", exitError, "verify backup empty: ", ""},
		{"backup verify \x1b[31mred", exitError, `verify backup \x1b[31mred`, ""},
		{"backup diff empty", exitUsage, "1 names given, at least 2 needed", "usage: "},
		{"backup diff empty nothing", exitError, "compare backup empty: ", "aurorabot backup inspect empty"},
		{"log inspect", exitUsage, "0 names given", "usage: "},
		{"log inspect nothing", exitError, "missing", ""},
		{"log inspect empty", exitError, "not-a-log", ""},
		{"log entries nothing", exitError, "read log nothing: missing", "log inspect nothing"},
		{"log entries folder", exitError, "read log folder: not-a-log", "log inspect folder"},
		{"log scan", exitUsage, "neither a file nor a unit", "standard input"},
		{"log scan nothing", exitError, "read log nothing: no such file", ""},
		{"log scan folder", exitError, "it is a directory", "name the files in it"},
		{"log scan --unit", exitUsage, "--unit needs a value", "usage: "},
		{"log scan --unit --since 5", exitUsage, "--unit needs a value", "usage: "},
		{"log scan --unit a", exitUsage, "--unit needs --since", "date +%s"},
		{"log scan --unit a --since 5 --rotated", exitUsage, "--rotated is for files", ""},
		{"log scan --unit a --since yesterday", exitUsage, "no number of seconds", "date +%s"},
		{"log scan --unit a --since -5", exitUsage, "no number of seconds", "date +%s"},
		{"log scan --unit a --since=-5", exitUsage, "no number of seconds", "date +%s"},
		{"log scan --unit a --unit b --since 5", exitUsage, "given twice", "usage: "},
		{"log scan --unit a --since 5 empty", exitUsage, "exclude each other", ""},
		{"log scan --severity fatal empty", exitUsage, `unknown severity "fatal"`, "info, warning, critical"},
		{"log scan --severity= empty", exitUsage, "--severity info|warning|critical: the value is empty", "usage: "},
		{"log salvage folder", exitUsage, "where to write", "-o FILE"},
		{"log salvage folder -o", exitUsage, "-o needs a value", "usage: "},
		{"log salvage nothing -o out", exitError, "salvage nothing: ", "log inspect nothing"},
		{"log salvage folder -o folder/out", exitError, "would lie in the log folder", "elsewhere"},
		{"log salvage folder -o away/out", exitError, "its folder: no such file", ""},
		{"log salvage --up-to-damage=yes folder -o out", exitUsage, "takes no value", "usage: "},
		{"host facts please", exitUsage, "1 names given, 0 wanted", "usage: "},
		{"host facts", exitError, "host facts: ", ""},
	} {
		got := run(t, "", strings.Split(tt.words, " ")...)
		if got.exit != tt.exit || !strings.HasPrefix(got.err, "aurorabot: ") || !strings.Contains(got.err, tt.err) {
			t.Errorf("%q: exit status %d, %q; want %d and %q", tt.words, got.exit, got.err, tt.exit, tt.err)
		}
		if _, hint, has := strings.Cut(got.err, "\nhint: "); has != (tt.hint != "") || !strings.Contains(hint, tt.hint) {
			t.Errorf("%q: hint %q, want %q", tt.words, hint, tt.hint)
		}
	}
}

// Ctrl-C ends a command with its own status.
func TestInterrupted(t *testing.T) {
	path := unzip(t, backups+"small/scheduler-backup-2026-11-23-08-36.gz", t.TempDir(), "b")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, words := range [][]string{{"backup", "inspect", path}, {"log", "scan", path}, {"log", "inspect", t.TempDir()}} {
		var out, errs bytes.Buffer
		if exit, _ := Run(ctx, words, Std{Out: &out, Err: &errs, Now: lately}); exit != exitInterrupted || out.Len() > 0 {
			t.Errorf("Run(%q) = %d, %q; want %d and no data", words, exit, out.String(), exitInterrupted)
		}
	}
}

// brokenPipe takes nothing.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// Output that could not be written is an error, or a script takes half of it for all.
func TestOutputThatCannotBeWritten(t *testing.T) {
	path := unzip(t, backups+"small/scheduler-backup-2026-11-23-08-36.gz", t.TempDir(), "b")
	for _, words := range [][]string{{"backup", "inspect", path}, {"backup", "inspect", "--json", path}} {
		var errs bytes.Buffer
		exit, _ := Run(context.Background(), words, Std{Out: brokenPipe{}, Err: &errs, Now: lately})
		if exit != exitError || !strings.Contains(errs.String(), "write to standard output: broken pipe") {
			t.Errorf("Run(%q) = %d, %q; want %d and why", words, exit, errs.String(), exitError)
		}
	}
}

// What comes from a file reaches a terminal as text only.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"ads/prod/web": "ads/prod/web", "grün, 12 µs": "grün, 12 µs", "a\nb": `a\nb`, "\x1b]0;x\a": `\x1b]0;x\a`,
		"\xff": `\xff`, "a\u202eb": `a\u202eb`, "\ufffd": "\ufffd", "": "",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

// Every command for people has its words, its usage and its help.
func TestCommands(t *testing.T) {
	if len(Commands) != 7 {
		t.Errorf("%d commands for people, want 7", len(Commands))
	}
	for _, c := range Commands {
		if c.Name == "" || c.Usage == "" || c.Help == "" || strings.HasPrefix(c.Name, "host") {
			t.Errorf("command %+v", c)
		}
	}
}
