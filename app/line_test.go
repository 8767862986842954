package app

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/cli"
	"aurorabot/runner"
)

// typed runs one command line that has no configuration.
func typed(t *testing.T, words ...string) (exit int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	exit = Run(t.Context(), words, World{In: strings.NewReader(""), Out: &o, Err: &e, Env: func(string) string { return "" }, Now: time.Now})
	return exit, o.String(), e.String()
}

// Every command says how it is used: what it does, each of its options, and
// nothing on the error output. All of them are in help, completion and manual.
func TestEveryCommandAnswersHelp(t *testing.T) {
	folded := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	_, all, _ := typed(t, "help")
	_, page, _ := typed(t, "man")
	page = strings.ReplaceAll(page, `\-`, "-")
	for _, r := range rows() {
		name := strings.Fields(r.Name)
		for _, words := range [][]string{append(slices.Clone(name), "--help"), append(slices.Clone(name), "x", "-h"), append([]string{"help"}, name...), append([]string{"--config", "x"}, append(slices.Clone(name), "-help")...)} {
			exit, out, errs := typed(t, words...)
			if exit != 0 || errs != "" || !strings.HasPrefix(folded(out), folded("usage: aurorabot "+r.Name+" "+r.Usage+" "+r.Help+" Options:")) {
				t.Errorf("%q: exit status %d, %s\n%s", words, exit, errs, out)
			}
			for _, o := range slices.Concat(r.Options, everywhere) {
				if !strings.Contains(out, "\n  "+o.String()+" ") {
					t.Errorf("%q does not say %s", words, o)
				}
			}
		}
		for _, o := range r.Options {
			if !strings.Contains(page, "\n"+o.String()+": "+o.Help+"\n") {
				t.Errorf("the manual has no %s of %s: make golden", o, r.Name)
			}
		}
		if !strings.Contains(all, r.Name) || !strings.Contains(page, `\fB`+r.Name+`\fP`) {
			t.Errorf("help or manual has no %s: make golden", r.Name)
		}
		_, proposed, _ := typed(t, append([]string{"__complete"}, append(slices.Clone(name[:len(name)-1]), "")...)...)
		if !strings.Contains("\n"+proposed, "\n"+name[len(name)-1]+"\t") {
			t.Errorf("completion has no %s", r.Name)
		}
	}
	for _, parent := range []string{"config", "backup", "log", "slack"} {
		if exit, out, _ := typed(t, parent, "--help"); exit != 0 || !strings.Contains(out, "\n  "+parent+" ") {
			t.Errorf("%s --help: exit status %d\n%s", parent, exit, out)
		}
	}
}

// What cannot be read is said in the one form, with what to type, and is exit
// status 2; no library says anything beside it.
func TestUsage(t *testing.T) {
	for words, want := range map[string]string{
		"nonsense":                        "there is no command \"nonsense\"\nhint: type `help` for the commands\n",
		"recovr":                          "there is no command \"recovr\"\nhint: did you mean `recover`?\n",
		"comfig check x":                  "there is no command \"comfig\"\nhint: did you mean `config`?\n",
		"recovr --help":                   "there is no command \"recovr\"\nhint: did you mean `recover`?\n",
		"config":                          "config: what is to be done is missing\nhint: type one of `config check`, `config discover`, `config example`\n",
		"backup inspekt x":                "backup: there is no command `backup inspekt`\nhint: type one of `backup diff`, `backup inspect`, `backup verify`\n",
		"health x":                        "health: 1 argument was given\nhint: type `health`\n",
		"tasks":                           "tasks: 0 arguments were given\nhint: type `tasks RUN [--lost]`\n",
		"tasks --nope RUN":                "tasks: there is no option \"--nope\"\nhint: type `tasks RUN [--lost]`\n",
		"tasks -nope RUN":                 "tasks: there is no option \"--nope\"\nhint: type `tasks RUN [--lost]`\n",
		"deny RUN --reason":               "deny: --reason needs a value\nhint: type `deny RUN [--reason TEXT]`\n",
		"deny RUN --reason a -reason=b":   "deny: --reason is given twice\nhint: type `deny RUN [--reason TEXT]`\n",
		"--json tasks RUN --json":         "tasks: --json is given twice\nhint: type `tasks RUN [--lost]`\n",
		"tasks RUN --json=no":             "tasks: --json takes no value\nhint: type `tasks RUN [--lost]`\n",
		"--config":                        "--config needs a value\nhint: type `help` for the commands\n",
		"backup inspect -rf":              "backup inspect: there is no option \"--rf\" (a name that begins with a dash is written ./-rf)\nhint: type `backup inspect FILE`\n",
		"audit verify x --against y":      "audit: --against wants one file, and nothing else\nhint: aurorabot audit verify [RUN | JOURNAL-FILE | --against COPY-FILE]\n",
		"sudoers west --log-path /db":     "sudoers: wants both folders, absolute, or neither\nhint: type `sudoers CLUSTER [--log-path DIR --backup-dir DIR]`\n",
		"slack manifest --command Aurora": "slack: \"Aurora\" is no slash command: a slash and up to 31 lower-case letters\nhint: type `slack manifest [--command COMMAND] [--explain]`\n",
		"completion tcsh":                 "completion: wants one of bash, zsh, fish\nhint: aurorabot completion bash > /usr/share/bash-completion/completions/aurorabot\n",
		"help nothing":                    "there is no command \"nothing\"\nhint: type `help` for the commands\n",
		"recover a b --reinitialize --reason why": "recover: --reinitialize needs a value\nhint: type `recover CLUSTER BACKUP [--recipe staged|offline] [--catch-up] [--reinitialize auto|always|never] [--without HOST] [--reason TEXT] [--dry-run]`\n",
	} {
		exit, out, errs := typed(t, strings.Fields(words)...)
		if exit != handlers.ExitUsage || out != "" || errs != "aurorabot: "+want {
			t.Errorf("%q: exit status %d\n%s%swant\n%s", words, exit, out, errs, want)
		}
	}
	for _, words := range []string{"tasks RUN", "--json tasks RUN", "tasks RUN -json", "tasks -- -RUN", "recover a b -reason --x -dry-run"} {
		if exit, _, errs := typed(t, strings.Fields(words)...); exit != handlers.ExitError || errs != noConfig {
			t.Errorf("%q: exit status %d, %s", words, exit, errs)
		}
	}
}

// noConfig is said where nobody names a configuration, and no home is known.
const noConfig = "aurorabot: no configuration: neither --config nor AURORABOT_CONFIG names one, and none of these is there: /etc/aurorabot.yaml, /etc/aurorabot/aurorabot.yaml\n" +
	"hint: name one with --config FILE, or begin with `aurorabot config example > /etc/aurorabot.yaml`\n"

// Nagios knows no other statuses than its own, and reads the output alone: what
// could not be looked at is unknown there, for whatever reason.
func TestNagiosIsToldOfErrors(t *testing.T) {
	for words, want := range map[string]string{
		"report --nagios":                     "no configuration: ",
		"report --nagios --json":              "no configuration: ",
		"report -nagios --nope":               "report: there is no option",
		"report --nagios --config /nowhere/c": "/nowhere/c",
	} {
		exit, out, errs := typed(t, strings.Fields(words)...)
		if exit != 3 || !strings.HasPrefix(out, "BACKUP UNKNOWN - ") || strings.Count(out, "\n") != 1 || errs == "" {
			t.Errorf("%q: exit status %d\n%s%s", words, exit, out, errs)
		}
		if !strings.Contains(out, want) {
			t.Errorf("%q does not say %q: %s", words, want, out)
		}
	}
	if exit, out, _ := typed(t, "report", "--nagios", "--help"); exit != 0 || !strings.Contains(out, "usage: aurorabot report") {
		t.Errorf("--help: exit status %d, %s", exit, out)
	}
	if exit, _, _ := typed(t, "report", "--", "--nagios"); exit != handlers.ExitError {
		t.Errorf("a cluster called --nagios: exit status %d", exit)
	}
}

// --config goes before AURORABOT_CONFIG, and that before the usual places.
func TestWhichConfiguration(t *testing.T) {
	home := t.TempDir()
	usual := filepath.Join(home, "aurorabot.yaml")
	env := map[string]string{"XDG_CONFIG_HOME": home}
	says := func(words ...string) string {
		var errs bytes.Buffer
		Run(t.Context(), words, World{In: strings.NewReader(""), Out: io.Discard, Err: &errs, Env: func(k string) string { return env[k] }, Now: time.Now})
		return errs.String()
	}
	if got := says("status"); !strings.Contains(got, "none of these is there: "+usual+", /etc/aurorabot.yaml, /etc/aurorabot/aurorabot.yaml\nhint: ") {
		t.Errorf("without any: %s", got)
	}
	if err := os.WriteFile(usual, []byte("nonsense: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := says("status"); !strings.Contains(got, usual) || !strings.Contains(got, "nonsense") {
		t.Errorf("the usual one: %s", got)
	}
	env["AURORABOT_CONFIG"] = "/nowhere/of-the-environment"
	if got := says("status"); !strings.Contains(got, "/nowhere/of-the-environment") {
		t.Errorf("the environment's: %s", got)
	}
	if got := says("status", "--config", "/nowhere/named"); !strings.Contains(got, "/nowhere/named") {
		t.Errorf("the one that is named: %s", got)
	}
}

// The service reads the same as the command line did, whatever the words begin with.
func TestWordsForTheService(t *testing.T) {
	for words, want := range map[string]string{
		"recover west b -reason why --dry-run": "recover|west|b|--reason=why|--dry-run",
		"recover --reason=--x west b":          "recover|west|b|--reason=--x",
		"export RUN -o d":                      "export|RUN|--o=d",
		"drop RUN --json -- -x --reason":       "drop|--|RUN|-x|--reason",
	} {
		l, got := lineOf(World{Env: func(string) string { return "" }}, false), ""
		for c, r := range l.rows {
			r.run = func(_ context.Context, in *input) int { got = strings.Join(in.request(), "|"); return 0 }
			l.act(c, r)
		}
		if exit := l.does(t.Context(), strings.Fields(words)); exit != 0 || got != want {
			t.Errorf("%q: exit status %d, %s, want %s", words, exit, got, want)
		}
		if err := handlers.ReadOnly(strings.Split(got, "|")); err != nil && !strings.Contains(err.Error(), "not a command that only looks") {
			t.Errorf("%q: the service does not read %s: %v", words, got, err)
		}
	}
}

// Names come from the bot that serves, within a second, and none that a terminal
// could take for more.
func TestCompletesNames(t *testing.T) {
	a := wired(t)
	file := filepath.Join(filepath.Dir(a.cfg.StateDir), "aurorabot.yaml")
	complete := func(words ...string) string {
		t.Helper()
		var out bytes.Buffer
		w := a.w
		w.Out = &out
		if exit := Run(t.Context(), append([]string{"__complete", "--config", file}, words...), w); exit != 0 {
			t.Errorf("%q: exit status %d", words, exit)
		}
		return out.String()
	}
	for _, run := range []string{"audit", "devcluster-20260102T0304Z"} {
		if _, err := a.journal.Append(runner.Event{Run: run, Kind: runner.Note}); err != nil {
			t.Fatal(err)
		}
	}
	for what, want := range map[string]string{"status": "devcluster\n:4\n", "recover devcluster": ":4\n", "resume west --without": "s1\ns2\ns3\n:4\n", "approve": "devcluster-20260102T0304Z\n:4\n"} {
		if got := complete(append(strings.Fields(what), "")...); got != want {
			t.Errorf("%s without a bot: %q, want %q", what, got, want)
		}
	}
	l, err := cli.Listen(a.cfg.CLI.Socket, "")
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan string, 10)
	asked := make(chan string, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func(conn net.Conn) {
				line, _ := bufio.NewReader(conn).ReadString('\n')
				asked <- line
				fmt.Fprint(conn, <-answers)
			}(conn)
		}
	}()
	defer l.Close()
	next := func() string {
		select {
		case line := <-asked:
			return line
		case <-time.After(5 * time.Second):
			return "nothing"
		}
	}
	answers <- `{"names":["west","we\u001b[31mst","a b","-rf","a\tb","ea\u200bst","east\n","_activeHelp_ x",""]}` + "\n"
	if got := complete("recover", ""); got != "west\n:4\n" {
		t.Errorf("clusters: %q", got)
	}
	if got := next(); !strings.Contains(got, `"names":"CLUSTER"`) {
		t.Errorf("asked %s", got)
	}
	answers <- `{"names":["scheduler-backup-2026-11-23-08-36"]}` + "\n"
	if got := complete("recover", "west", "--reason", "x", ""); got != "scheduler-backup-2026-11-23-08-36\n:4\n" {
		t.Errorf("backups: %q", got)
	}
	if got := next(); !strings.Contains(got, `"names":"BACKUP","of":"west"`) {
		t.Errorf("asked %s", got)
	}
	begin := time.Now()
	if got := complete("approve", ""); got != ":4\n" {
		t.Errorf("of a bot that hangs: %q", got)
	}
	if took := time.Since(begin); took > 3*patience {
		t.Errorf("it took %s", took)
	}
	answers <- ""
	for words, want := range map[string]string{
		"recover west b --reinitialize ": "auto\nalways\nnever\n:4\n", "backup inspect ": ":0\n", "log inspect ": ":16\n", "audit ": "verify\n:4\n", "completion ": "bash\nzsh\nfish\n:4\n",
		"report --png ": ":0\n", "report --nagios --na": ":4\n", "drop west ": ":4\n",
	} {
		if got := complete(strings.Split(words, " ")...); got != want {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
}

// The shells take their scripts, and bash completes with its own.
func TestCompletionScripts(t *testing.T) {
	dir := t.TempDir()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		exit, script, errs := typed(t, "completion", shell)
		if exit != 0 || errs != "" || !strings.Contains(script, "__complete") {
			t.Errorf("%s: exit status %d, %s", shell, exit, errs)
		}
		if err := os.WriteFile(filepath.Join(dir, shell), []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		program, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s: SKIPPED (not installed)", strings.ToUpper(shell))
			continue
		}
		if out, err := exec.Command(program, "-n", filepath.Join(dir, shell)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
}

// The manual page is one that man reads without a word.
func TestManualPage(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("GROFF: SKIPPED (not installed)")
	}
	cmd := exec.Command(groff, "-man", "-ww", "-Tutf8")
	cmd.Stdin = strings.NewReader(manual)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 || !bytes.Contains(out, []byte("findings at or above the severity")) {
		t.Errorf("groff: %v %s", err, said.String())
	}
}
