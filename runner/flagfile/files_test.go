package flagfile

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aurorabot/runner/aurora"
)

// A written file is one of testdata/files, with what must become of it.
type written struct{ name, path, how, want string }

// ofAll are the changes of releases from 0.9 on; ofOld those before.
func (w written) changes() []aurora.FlagChange {
	if strings.Contains(w.how, "gc") {
		return []aurora.FlagChange{disabled[0], disabled[1], {Flag: "gc_executor_path", Unset: true}}
	}
	return disabled
}

func files(t testing.TB) []written {
	t.Helper()
	table, err := os.ReadFile("testdata/files.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var all []written
	for line := range strings.Lines(string(table)) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(f) == 4 {
			all = append(all, written{f[0], f[1], f[2], f[3]})
		}
	}
	return all
}

func (w written) text(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/files", w.name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// rewritten reads and changes a file as a recovery does.
func (w written) rewritten(t testing.TB) (*File, []byte, error) {
	t.Helper()
	f, err := Parse(Detected, w.path, w.text(t))
	if err != nil {
		return nil, nil, err
	}
	out, err := f.Rewrite(w.changes())
	return f, out, err
}

// Each of 200 files and more, as sites write them, is changed or refused in words; what
// is changed is only what was asked for, the text that was read stays as it was, and to
// do it again changes nothing.
func TestFiles(t *testing.T) {
	all := files(t)
	if len(all) < 200 {
		t.Errorf("%d files", len(all))
	}
	seen := map[string]bool{}
	for _, w := range all {
		seen[w.name] = true
		t.Run(w.name, func(t *testing.T) {
			f, out, err := w.rewritten(t)
			if w.want != "ok" {
				if err == nil {
					t.Fatalf("changed, want a refusal with %q:\n%s", w.want, out)
				}
				if !slices.ContainsFunc(strings.Split(w.want, "|"), func(words string) bool { return strings.Contains(err.Error(), words) }) {
					t.Errorf("refused with %q, want %q", err, w.want)
				}
				if !strings.Contains(err.Error(), w.path) {
					t.Errorf("%q does not say which file", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(f.text, w.text(t)) {
				t.Error("the text that was read is another one after the rewrite")
			}
			again, err := Parse(Detected, w.path, out)
			if err != nil {
				t.Fatalf("rewritten: %v", err)
			}
			if err := differs(f.Args(), again.Args(), w.changes()); err != "" {
				t.Errorf("%s\n%s", err, out)
			}
			if twice, err := again.Rewrite(w.changes()); err != nil || !bytes.Equal(twice, out) {
				t.Errorf("a second rewrite changes more: %v\n%s", err, twice)
			}
			if lost := linesLost(w.text(t), out); lost > 6 {
				t.Errorf("%d lines of the file are others:\n%s", lost, out)
			}
		})
	}
	here, err := filepath.Glob("testdata/files/*")
	if err != nil || len(here) != len(seen) {
		t.Errorf("%d files, of which the table has %d: %v", len(here), len(seen), err)
	}
}

// linesLost are lines of a text that another one has not.
func linesLost(text, other []byte) (n int) {
	now := map[string]int{}
	for l := range strings.Lines(string(other)) {
		now[strings.TrimSuffix(l, "\n")]++
	}
	for l := range strings.Lines(string(text)) {
		l = strings.TrimSuffix(l, "\n")
		if now[l]--; now[l] < 0 {
			n++
		}
	}
	return n
}

// differs says where the arguments after a change are not those before it with
// exactly the changes; "" if they are.
func differs(before, after []string, changes []aurora.FlagChange) string {
	name := func(a string) string {
		n, _, _ := strings.Cut(undashed(a), "=")
		return n
	}
	changed := func(a string) bool {
		return strings.HasPrefix(a, "-") && slices.ContainsFunc(changes, func(c aurora.FlagChange) bool { return name(a) == c.Flag })
	}
	rest := func(args []string) []string { return slices.DeleteFunc(slices.Clone(args), changed) }
	if b, a := rest(before), rest(after); !slices.Equal(b, a) {
		return "other arguments differ:\n" + strings.Join(b, "\n") + "\n-- now --\n" + strings.Join(a, "\n")
	}
	for _, c := range changes {
		var got []string
		for _, a := range after {
			if strings.HasPrefix(a, "-") && name(a) == c.Flag {
				got = append(got, undashed(a))
			}
		}
		want := []string{c.Flag + "=" + c.Value}
		if c.Unset {
			want = nil
		}
		if !slices.Equal(got, want) {
			return "-" + c.Flag + " is " + strings.Join(got, ", ") + ", want " + strings.Join(want, "")
		}
	}
	return ""
}

// undashed is an argument without its one or two dashes.
func undashed(a string) string { return strings.TrimPrefix(strings.TrimPrefix(a, "-"), "-") }

// How a real shell, or Python, is asked what a scheduler would be given. $1 is the file.
var ways = map[string]string{
	"debian": `source "$1"
exec aurora-scheduler -cluster_name="$CLUSTER_NAME" -http_port="$HTTP_PORT" -native_log_quorum_size="$QUORUM_SIZE" \
  -zk_endpoints="$ZK_ENDPOINTS" -mesos_master_address="$MESOS_MASTER" -serverset_path="$ZK_SERVERSET_PATH" \
  -native_log_zk_group_path="$ZK_LOGDB_PATH" -native_log_file_path="$LOGDB_FILE_PATH" -backup_dir="$BACKUP_DIR" \
  -thermos_executor_path="$THERMOS_EXECUTOR_PATH" -thermos_executor_flags="$THERMOS_EXECUTOR_FLAGS" -allowed_container_types="$ALLOWED_CONTAINER_TYPES" $EXTRA_SCHEDULER_ARGS`,
	"rpm":    `source "$1"; exec aurora-scheduler "${AURORA_FLAGS[@]}"`,
	"script": `exec bash "$1"`,
	"upstart": `while read -r stanza rest; do [ "$stanza" = env ] && eval "export $rest"; done <"$1"
body=$(sed -n '/^script$/,/^end script$/{//!p}' "$1")
[ -n "$body" ] || body=$(sed -n '/^exec/,/[^\\]$/p' "$1")
exec sh -e -c "$body"`,
	"args": `exec aurora-scheduler $(cat "$1")`,
	"ini":  `exec aurora-scheduler-python "$1"`,
}

// byPython reads supervisord's file with the same parts of Python that supervisord uses.
const byPython = `import configparser, os, shlex, sys
c = configparser.RawConfigParser(inline_comment_prefixes=(";",), strict=False)
c.read(sys.argv[1])
for s in c.sections():
    if s.startswith("program:aurora"):
        open(os.environ["OUT"], "wb").write(b"".join(a.encode() + b"\0" for a in shlex.split(c.get(s, "command"))[1:]))
`

// absolute are programs that a script names by their paths.
var absolute = regexp.MustCompile(`/[A-Za-z0-9_/.-]*/(aurora-scheduler|java)(["' ]|$)`)

// A real shell gives the changed values, and no other difference, where it runs the
// changed file: what it says of the file before is compared with what it says after.
// For one of supervisord Python is asked, in the way that supervisord does.
func TestFilesByARealShell(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	_, noPython := exec.LookPath("python3")
	asked := map[string]int{}
	for _, w := range files(t) {
		how := strings.TrimSuffix(w.how, "gc")
		if variable, ok := strings.CutPrefix(strings.Replace(w.how, "gc:", ":", 1), "var:"); ok {
			how = variable
		}
		if w.how == "gc" {
			how = "debian"
		}
		if w.want != "ok" || w.how == "-" || w.how == "-gc" || how == "ini" && noPython != nil {
			continue
		}
		asked[how]++
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			f, out, err := w.rewritten(t)
			if err != nil {
				t.Fatal(err)
			}
			before, after := ask(t, how, w.text(t)), ask(t, how, out)
			if len(before) == 0 {
				t.Fatal("it starts no scheduler")
			}
			if d := differs(before, after, w.changes()); d != "" {
				t.Errorf("%s\n%s", d, out)
			}
			known := 0
			for _, a := range f.start.args[flagsFrom(f.start.args):] {
				if !a.known() {
					continue
				}
				if known++; !slices.Contains(before, a.shown()) {
					t.Errorf("the file was read as giving %q, and gives %q", a.shown(), before)
				}
			}
			if all := f.Args(); known == len(all) && how != "debian" && (len(before) < known || !slices.Equal(all, before[len(before)-known:])) {
				t.Errorf("the file was read as giving %q, and gives %q", all, before)
			}
		})
	}
	if asked["debian"] < 40 || asked["rpm"] < 25 || asked["script"] < 30 || asked["upstart"] < 5 || noPython == nil && asked["ini"] < 10 {
		t.Errorf("too few files were run: %v", asked)
	}
}

// ask runs a file and returns the arguments that the scheduler was given.
func ask(t *testing.T, how string, text []byte) []string {
	t.Helper()
	dir := t.TempDir()
	out := filepath.Join(dir, "arguments")
	put := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	fake := "#!/bin/sh\nprintf '%s\\0' \"$@\" >\"$OUT\"\n"
	put("aurora-scheduler", fake)
	put("java", fake)
	put("start-stop-daemon", "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec aurora-scheduler \"$@\"\n")
	put("aurora-scheduler-python", "#!/bin/sh\nexec python3 - \"$@\" <<'END'\n"+byPython+"END\n")
	if how == "script" || how == "upstart" {
		text = absolute.ReplaceAll(text, []byte(dir+"/$1$2"))
	}
	put("file", string(text))
	script := ways[how]
	if script == "" {
		script = `source "$1"; exec aurora-scheduler $` + how
	}
	cmd := exec.Command("bash", "-c", script, "bash", filepath.Join(dir, "file"))
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "OUT=" + out, "HOME=" + dir, "TMPDIR=" + dir}
	cmd.Dir = dir
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Logf("%v: %s", err, said)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(got), "\x00"), "\x00")
}
