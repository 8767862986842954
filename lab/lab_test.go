package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/host"
	"aurorabot/lab/script"
)

// The programs that all stories play with, built once.
var labProgram, botProgram string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lab-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	labProgram, botProgram = filepath.Join(dir, "lab"), filepath.Join(dir, "aurorabot")
	for path, folder := range map[string]string{labProgram: ".", botProgram: ".."} {
		build := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, ".")
		build.Dir, build.Env = folder, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", path, err, out)
			return 1
		}
	}
	// A story waits more than it works: four at a time fill two cores.
	if f := flag.Lookup("test.parallel"); f != nil && f.Value.String() == f.DefValue {
		_ = flag.Set("test.parallel", "4") // the flag is there, and 4 is a number
	}
	return m.Run()
}

// A story is one run of the lab with everybody played.
type story struct {
	t       *testing.T
	status  int
	out     string
	events  []script.Event
	keep    string
	elapsed time.Duration
}

// play plays a story and reports when it does not end as it should.
func play(t *testing.T, status int, args ...string) *story {
	t.Helper()
	return playWithin(t, 150*time.Second, status, args...)
}

func playWithin(t *testing.T, limit time.Duration, status int, args ...string) *story {
	t.Helper()
	s := &story{t: t, keep: t.TempDir()}
	args = append([]string{"--auto", "--json", "--bot", botProgram, "--keep", s.keep}, args...)
	ctx, cancel := context.WithTimeout(context.Background(), limit+20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, labProgram, args...)
	temp, err := os.MkdirTemp("", "lab-") // t.TempDir has the test's long name in it.
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o711); err != nil { // People have accounts of their own.
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	begun := time.Now()
	err = cmd.Run()
	s.elapsed = time.Since(begun)
	s.status, s.out = cmd.ProcessState.ExitCode(), errs.String()
	for line := range strings.Lines(out.String()) {
		var e script.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("a line of --json is no event: %v: %.200s", err, line)
		}
		s.events = append(s.events, e)
	}
	if s.status != status {
		t.Errorf("lab %q: exit status %d (%v) after %s, want %d\n%s\n%s", args, s.status, err, s.elapsed, status, s.last(12), s.out)
	}
	if s.elapsed > limit {
		t.Errorf("it took %s, more than %s", s.elapsed, limit)
	}
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("left behind in the temporary folder: %v", left)
	}
	return s
}

// last are the last events, for the report of a failure.
func (s *story) last(n int) string {
	var b strings.Builder
	for _, e := range s.events[max(0, len(s.events)-n):] {
		fmt.Fprintf(&b, "%d %s %s %s: %.300s\n", e.Seq, e.Kind, e.Step, e.Host, e.Why)
	}
	return b.String()
}

// has tells whether there is an event of a kind, of a step if one is given.
func (s *story) has(kind, step string) bool {
	return slices.ContainsFunc(s.events, func(e script.Event) bool { return e.Kind == kind && (step == "" || e.Step == step) })
}

// want reports when there is, or is not, such an event.
func (s *story) want(there bool, kind, step string) {
	s.t.Helper()
	if s.has(kind, step) != there {
		s.t.Errorf("event %s %s is there: %v, want %v\n%s", kind, step, !there, there, s.last(8))
	}
}

// The whole recovery: two people at the commit and none of them the requester,
// every phase, a commit sent once and proved; the record holds no token, and
// what is kept is there.
func TestAuto(t *testing.T) {
	t.Parallel()
	record := filepath.Join(t.TempDir(), "record")
	s := play(t, script.Done, "--record", record)
	for _, phase := range []string{"prepare", "assess", "restore", "cleanup"} {
		if !slices.ContainsFunc(s.events, func(e script.Event) bool { return e.Phase == phase && e.Kind == "step.done" }) {
			t.Errorf("no step of phase %s is done", phase)
		}
	}
	s.want(false, "step.done", "reinitialize/initialize-log") // All replicas are whole.
	approved := map[string][]string{}
	for _, e := range s.events {
		if e.Kind == "gate.approved" {
			approved[e.Gate] = append(approved[e.Gate], e.Who)
		}
	}
	if len(approved["start"]) != 1 || len(approved["assess"]) != 1 || len(approved["commit"]) != 2 || approved["commit"][0] == approved["commit"][1] {
		t.Errorf("approvals: %v", approved)
	}
	for gate, people := range approved {
		if slices.Contains(people, script.Team+"/"+script.Ann) {
			t.Errorf("ann, who asked, approved %s", gate)
		}
	}
	s.want(true, "commit.sent", "")
	s.want(true, "commit.proved", "")
	for _, name := range []string{"s1/log/CURRENT", "s2/log/CURRENT", "s3/log/CURRENT", "journal"} {
		if _, err := os.Stat(filepath.Join(s.keep, name)); err != nil {
			t.Errorf("--keep: %v", err)
		}
	}
	recorded, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(recorded)) {
		var call struct {
			Method string
			Body   map[string]any
		}
		if err := json.Unmarshal([]byte(line), &call); err != nil || call.Method == "" || call.Body == nil {
			t.Fatalf("--record: %v: %.200s", err, line)
		}
	}
	if len(recorded) == 0 || bytes.Contains(recorded, []byte("xoxb-")) || bytes.Contains(recorded, []byte("xapp-")) {
		t.Errorf("--record has %d bytes, or a token", len(recorded))
	}
}

// What is damaged, and whether a reason is given, decides whether a restore is
// made and whether the log is made anew. One log of three with a reason is a
// story once: how it is broken makes no difference then.
func TestDamage(t *testing.T) {
	tests := []struct {
		damage string
		reason bool
		status int
		anew   bool // The log is re-initialised.
	}{
		{"corrupt:1", false, script.Refused, false},
		{"corrupt:2", false, script.Done, true},
		{"missing:1", false, script.Refused, false},
		{"missing:1", true, script.Done, true},
		{"missing:2", false, script.Done, true},
		{"empty:1", false, script.Refused, false},
		{"empty:2", false, script.Done, true},
		{"flapping", false, script.Done, true},
		{"exit-at-start", false, script.Done, true},
		{"down", false, script.Refused, false},
		{"unlisted-host", true, script.Stopped, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s,reason=%v", tt.damage, tt.reason), func(t *testing.T) {
			t.Parallel()
			args := []string{"--damage", tt.damage}
			if !tt.reason {
				args = append(args, "--reason", "")
			}
			s := play(t, tt.status, args...)
			s.want(tt.anew, "step.done", "reinitialize/initialize-log")
			s.want(tt.status == script.Done, "commit.sent", "")
			if tt.status == script.Refused && !slices.ContainsFunc(s.events, func(e script.Event) bool { return e.Kind == "refused" && e.Why == "not-needed" }) {
				t.Errorf("no event says that it is not needed:\n%s", s.last(8))
			}
		})
	}
}

// What else can be wrong, before a run and in the middle of it: each is found,
// blocks what it must, and the run ends as it must. The lab itself compares
// findings, channel, commits and their order: see endings of package script. Of
// those that end otherwise without a reason the costlier half is left to a hand:
// `lab --auto --damage flapping-zookeeper` recovers.
func TestDamageInTheWay(t *testing.T) {
	tests := []struct {
		damage string
		reason bool
		status int
		finds  string
	}{
		{"flapping-zookeeper", false, script.Refused, "flapping-zookeeper"},
		{"registration-timeout", false, script.Refused, "flapping-registration"},
		{"registration-timeout", true, script.Done, "flapping-registration"},
		{"wrong-quorum", true, script.Stopped, "quorum-flag-wrong"},
		{"foreign-framework", true, script.Stopped, "backup-foreign"},
		{"old-backup", false, script.Stopped, "backup-stale"},
		{"real-listener-on-fake-address", true, script.Stopped, "fake-address-answers"},
		{"leader-change-after-stage", true, script.Done, "leader-changed"},
		{"write-timeout-at-commit", true, script.Done, "commit-unknown"},
		{"lost-commit-reply", true, script.Done, "commit-unknown"},
		{"commit-on-non-leader", true, script.Done, "scheduler-replaced"},
		{"swapped-staging", true, script.Done, "staged-differs"},
		{"proof-line-before-commit", true, script.Done, "snapshot-of-before"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s,reason=%v", tt.damage, tt.reason), func(t *testing.T) {
			t.Parallel()
			args := []string{"--damage", tt.damage}
			if !tt.reason {
				args = append(args, "--reason", "")
			}
			s := play(t, tt.status, args...)
			named := slices.ContainsFunc(s.events, func(e script.Event) bool {
				return e.Kind == "finding" && strings.HasPrefix(e.Why, tt.finds+": ")
			})
			if !named {
				t.Errorf("no event says %s:\n%s", tt.finds, s.last(8))
			}
			s.want(tt.status == script.Done, "commit.proved", "")
		})
	}
}

// Each cheat is refused under its name, to the one who tried, and no commit is
// sent. That the same script without the changed act ends well is the other
// half: TestHonest, and for those whose order of acts is the ordinary one
// TestAuto (see TestHonestOrder of package script).
func TestCheats(t *testing.T) {
	who := map[string]string{
		script.SelfApprove: script.Ann, script.Twice: script.Bob, script.StaleDigest: script.Dan, script.Guest: script.Gus,
		script.WrongChannel: script.Ann, script.BothGroups: script.Cat, script.Removed: script.Dan,
		script.Drops: script.Bob, script.Aborts: script.Bob, script.Undoes: script.Bob, script.Undigested: script.Dan, script.Forged: script.Dan, script.SudoAsOther: script.Bob,
	}
	for _, cheat := range script.Cheats {
		t.Run(cheat, func(t *testing.T) {
			t.Parallel()
			if cheat == script.SudoAsOther {
				needsLogins(t)
			}
			s := play(t, script.Refused, "--cheat", cheat)
			i := slices.IndexFunc(s.events, func(e script.Event) bool { return e.Kind == "refused" })
			if i < 0 || s.events[i].Why != cheat || s.events[i].Who != script.Team+"/"+who[cheat] {
				t.Errorf("not refused as %s to %s:\n%s", cheat, who[cheat], s.last(5))
			}
			s.want(false, "commit.sent", "")
		})
	}
}

// A cheat's script with the ordinary act in its place ends well.
func TestHonest(t *testing.T) {
	for _, cheat := range []string{script.BothGroups, script.Removed, script.SudoAsOther} {
		t.Run(cheat, func(t *testing.T) {
			t.Parallel()
			if cheat == script.SudoAsOther {
				needsLogins(t)
			}
			play(t, script.Done, "--cheat", cheat, "--honest")
		})
	}
}

// A backup that is cut in half stops in pre-flight: nothing is changed for it.
func TestCutBackup(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile("scheduler/testdata/scheduler-backup-2026-11-23-08-36")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "scheduler-backup-2026-11-23-08-36")
	if err := os.WriteFile(file, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	s := play(t, script.Stopped, "--backup", file)
	s.want(true, "step.failed", "prepare/look-at-cluster")
	s.want(false, "gate.opened", "")
	s.want(false, "step.started", "prepare/stop-schedulers")
}

// A host loses its power while the commit is decided. People go on without it,
// consent anew, and settle it when it is back; nothing of the old replica votes.
func TestVanish(t *testing.T) {
	t.Parallel()
	s := play(t, script.Done, "--damage", "missing:1", "--vanish", "gate.opened@commit%s2")
	for _, kind := range []string{"host.asked", "host.left", "run.owes", "settle.requested", "host.settled"} {
		s.want(true, kind, "")
	}
	at := func(kind, gate string) int {
		return slices.IndexFunc(s.events, func(e script.Event) bool { return e.Kind == kind && e.Gate == gate })
	}
	if left, void := at("host.left", ""), at("gate.voided", "commit"); void < 0 || left < 0 {
		t.Errorf("left at %d, the commit gate was voided at %d: what was approved for three hosts must not count for two", left, void)
	}
	if passed := at("gate.passed", "without"); passed < 0 || passed > at("host.left", "") {
		t.Errorf("the host was left out before people consented:\n%s", s.last(30))
	}
}

// The bot is killed and started again. Before the commit was sent resume ends
// recovered, and undo puts everything back; after it resume ends recovered, and
// undo is refused. The lab compares state, files, firewall and supervision.
func TestKill(t *testing.T) {
	const change, initialize = "step.started@prepare/change-configuration", "step.started@reinitialize/initialize-log"
	for _, tt := range []struct {
		damage string
		at     []string
	}{
		// One run is killed several times, before and after the commit.
		{"", []string{"step.done@prepare/look", "step.started@prepare/supervision-off", "step.done@prepare/start-schedulers%s2", "step.done@restore/stage"}},
		{"", []string{"gate.opened@start", "step.started@prepare/stop-schedulers", "gate.approved@commit", "step.started@restore/restart-lingering"}},
		{"", []string{"step.done@restore/commit", "undo.started@prepare/change-configuration"}},
		{"corrupt:1", []string{change}},
		{"missing:1", []string{initialize}},
	} {
		t.Run("resume "+tt.at[0], func(t *testing.T) {
			t.Parallel()
			s := killed(t, script.Done, strings.Join(tt.at, ","), "resume", tt.damage)
			if n := strings.Count(s.out, "kill -9"); n != len(tt.at) {
				t.Errorf("the bot was killed %d times, want %d:\n%s", n, len(tt.at), s.last(5))
			}
			s.endsAs("recovered")
			s.want(true, "commit.sent", "")
		})
	}
	for _, tt := range []struct {
		at     string
		damage string
		sent   bool // The commit was sent before: then there is no undo.
	}{
		{"step.done@prepare/look", "", false},
		{"gate.opened@start", "", false},
		{"step.started@prepare/supervision-off", "", false},
		{"step.started@prepare/stop-schedulers", "", false},
		{change, "corrupt:1", false}, // One scheduler could not start before, and cannot after an undo.
		{"step.done@prepare/start-schedulers%s2", "", false},
		{initialize, "missing:1", false},
		{"step.done@restore/stage", "", false},
		{"gate.approved@commit", "", false},
		{"step.done@restore/commit", "", true},
		{"step.started@restore/restart-lingering", "", true},
		{"undo.started@prepare/change-configuration", "", true},
	} {
		t.Run("undo "+tt.at, func(t *testing.T) {
			t.Parallel()
			status := script.Done
			if tt.sent {
				status = script.Refused
			}
			s := killed(t, status, tt.at, "undo", tt.damage)
			if !strings.Contains(s.out, "kill -9") {
				t.Errorf("the bot was not killed:\n%s", s.last(5))
			}
			if !tt.sent {
				s.endsAs("undone")
			}
			s.want(tt.sent, "commit.sent", "")
		})
	}
}

// killed is a story in which the bot is killed at an event, or several, and
// people resume or undo.
func killed(t *testing.T, status int, at, after, damage string) *story {
	t.Helper()
	args := []string{"--kill-at", at, "--after", after}
	if damage != "" {
		args = append(args, "--damage", damage)
	}
	return play(t, status, args...)
}

// endsAs wants the run closed in that way.
func (s *story) endsAs(end string) {
	s.t.Helper()
	if !slices.ContainsFunc(s.events, func(e script.Event) bool { return e.Kind == "run.closed" && e.Why == end }) {
		s.t.Errorf("the run is not closed as %s:\n%s", end, s.last(5))
	}
}

// People choose what the log still holds: nothing is lost, whoever approved the backup
// before. The lab compares the tasks of the next leader with those that there were. A
// crash falls right behind the choice.
func TestSalvage(t *testing.T) {
	for _, more := range [][]string{{}, {"--kill-at", "source.chosen"}} {
		t.Run(strings.Join(more, " "), func(t *testing.T) {
			t.Parallel()
			s := play(t, script.Done, append([]string{"--salvage"}, more...)...)
			s.want(true, "source.chosen", "")
			s.want(true, "commit.proved", "")
		})
	}
}

// The same on real hosts, wherever they can be had without installing anything: with
// a healthy log, with one that is lost on two, with all of them corrupt, and with the
// log chosen instead of the backup. AURORABOT_REAL=1 installs, or fails.
func TestRealHosts(t *testing.T) {
	must := os.Getenv("AURORABOT_REAL") != ""
	err := host.Supported()
	if missing := host.Missing(); err == nil && len(missing) > 0 && !must {
		err = fmt.Errorf("not installed: %s; AURORABOT_REAL=1 installs it", strings.Join(missing, ", "))
	}
	if err != nil {
		fmt.Printf("REAL HOSTS: SKIPPED (%v)\n", err)
		if must {
			t.Fatalf("REAL HOSTS: %v", err)
		}
		t.Skip(err)
	}
	fmt.Println("REAL HOSTS: RUN")
	t.Run("plays", func(t *testing.T) { // They end before the embedded ones begin.
		for _, args := range [][]string{{}, {"--damage", "missing", "--reason", ""}, {"--damage", "corrupt:3", "--reason", ""}, {"--salvage"}, {"--recipe", "offline"}, {"--bastion"}} {
			t.Run(strings.Join(args, " "), func(t *testing.T) {
				t.Parallel() // They wait much of their time.
				s := playWithin(t, 8*time.Minute, script.Done, append([]string{"--hosts", "real"}, args...)...)
				s.want(slices.Contains(args, "--damage") || slices.Contains(args, "offline"), "step.done", "reinitialize/initialize-log")
			})
		}
		for _, slackless := range []bool{false, true} {
			t.Run(fmt.Sprintf("by accounts of the machine, slackless=%v", slackless), func(t *testing.T) {
				t.Parallel()
				byAccounts(t, "real", slackless)
			})
		}
	})
}

// Killed when the commit stands in the journal, and may or may not have left:
// undo is refused at once. (What resume makes of it takes longer than a story
// may: the proof is waited for twice, then every log is read.)
func TestKillAsTheCommitLeaves(t *testing.T) {
	t.Parallel()
	s := play(t, script.Refused, "--kill-at", "commit.sent", "--after", "undo")
	s.want(true, "commit.sent", "")
}

// A command line that makes no sense is refused before anything is started.
func TestCommandLine(t *testing.T) {
	for _, args := range [][]string{
		{"--damage", "fire"}, {"--damage", "corrupt:4"}, {"--cheat", "bribe", "--auto"}, {"--cheat", "guest"}, {"--json"},
		{"--hosts", "imaginary"}, {"--admin", "telnet"}, {"--auto", "now"}, {"--nonsense"},
	} {
		var out, errs bytes.Buffer
		if status := run(t.Context(), args, &out, &errs); status != usageStatus || errs.Len() == 0 {
			t.Errorf("lab %q: exit status %d, said %q; want %d", args, status, errs.String(), usageStatus)
		}
	}
}
