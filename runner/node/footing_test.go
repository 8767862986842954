package node

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"testing"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/probe"
	"aurorabot/runner/rooted"
	"aurorabot/runner/runnertest"
)

// What root works at is looked at on its way, by root's links, and what it runs
// itself, too.
func TestFooting(t *testing.T) {
	own := aurora.SupervisorCommands{Stop: []string{"/opt/aurora/ctl", "stop"}, Start: []string{"sv", "up", "aurora"}}
	for _, tt := range []struct {
		name     string
		commands bool
		seen     map[string]string // "UID GID MODE -> TARGET" by path; else a folder of root's.
		stderr   string
		open     string // Part of the words, "" for none.
		err      string
		asks     int
	}{
		{name: "all root's", asks: 1},
		{name: "nothing there yet", seen: map[string]string{"/var/lib/aurorabot": "", "/run/systemd": ""}, asks: 1},
		{name: "the folder of programs", seen: map[string]string{"/var/lib/aurorabot/bin": "9 9 41ed"}, open: "/var/lib/aurorabot/bin belongs to user 9", asks: 1},
		{name: "the unit's drop-ins", seen: map[string]string{"/run/systemd/system": "0 0 41ff"}, open: "/run/systemd/system can be written by everybody", asks: 1},
		{name: "links", seen: map[string]string{"/var": "0 0 a1ff -> /v", "/v/lib": "0 0 a1ff -> ../w", "/w": "9 0 41ed"}, open: "/w belongs to user 9", asks: 3},
		{name: "root's link to the account's file", seen: map[string]string{"/etc/default/aurora": "0 0 a1ff -> /opt/conf", "/opt": "9 0 41ed"}, open: "/opt belongs to user 9", asks: 2},
		{name: "a closed folder of root's", seen: map[string]string{"/etc/default": "0 9 41e8", "/etc/default/aurora": "closed"}, asks: 1},
		{name: "a closed folder of the account's", seen: map[string]string{"/etc/default": "9 9 41e8", "/etc/default/aurora": "closed"}, open: "/etc/default belongs to user 9", asks: 1},
		{name: "what cannot be told", stderr: "stat: cannot statx '/etc/default': Input/output error\n", err: "Input/output error", asks: 1},
		{name: "a circle of links that never ends", seen: map[string]string{"/etc": "0 0 a1ff -> /etc"}, open: "is a link that is not root's", asks: 1},
		{name: "a program", commands: true, asks: 1},
		{name: "a program of the account's", commands: true, seen: map[string]string{"/opt/aurora/ctl": "9 9 81ed"}, open: "root runs /opt/aurora/ctl", asks: 1},
		{name: "a program that a group can write", commands: true, seen: map[string]string{"/opt/aurora/ctl": "0 9 81fd"}, open: "root runs /opt/aurora/ctl", asks: 1},
		{name: "a program in the account's folder", commands: true, seen: map[string]string{"/opt/aurora": "9 9 41ed"}, open: "/opt/aurora belongs to user 9", asks: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, asked := runnertest.NewHost(t, "s1"), 0
			h.On([]string{"env", "LC_ALL=C", "stat"}, func(c runner.Command) runner.Output {
				asked++
				out := runner.Output{Stderr: []byte(tt.stderr)}
				for _, p := range c.Argv[6:] {
					said, there := tt.seen[p]
					if there && said == "" {
						out.Exit, out.Stderr = 1, fmt.Appendf(out.Stderr, "stat: cannot statx '%s': No such file or directory\n", p)
						continue
					}
					if said == "closed" {
						out.Exit, out.Stderr = 1, fmt.Appendf(out.Stderr, "stat: cannot statx '%s': Permission denied\n", p)
						continue
					}
					facts, _, _ := strings.Cut(cmp.Or(said, "0 0 41ed"), " -> ")
					out.Stdout = fmt.Appendf(out.Stdout, "%s %s\n", facts, p)
				}
				return out
			})
			h.On([]string{"readlink", "--"}, func(c runner.Command) runner.Output {
				out := runner.Output{}
				for _, p := range c.Argv[2:] {
					_, to, _ := strings.Cut(tt.seen[p], " -> ")
					out.Stdout = fmt.Appendln(out.Stdout, to)
				}
				return out
			})
			k := &aurora.Cluster{Name: "dev", Unit: "aurora", Supervisor: "systemd", Schedulers: []aurora.Scheduler{{Name: "s1", ConfigFile: "/etc/default/aurora", RunDir: "/var/lib/aurorabot", RuntimeDir: "/run/systemd/system"}}}
			if tt.commands {
				k.Supervisor, k.Commands = "commands", own
			}
			n := (&Nodes{Cluster: k, Hosts: map[string]runner.Host{"s1": h}}).Node("s1")
			f, err := FootingOf(t.Context(), n, rooted.Owner{})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			open := (*OpenError)(nil)
			if err := f.Open(); errors.As(err, &open) != (tt.open != "") || err != nil && !strings.Contains(err.Error(), tt.open) {
				t.Errorf("open: %v, want %q", err, tt.open)
			}
			if asked != tt.asks {
				t.Errorf("asked %d times, want %d", asked, tt.asks)
			}
		})
	}
}

// Root gives a file the owner and mode that the file had. The helper says them, which
// runs as the scheduler's account: what the login account sees counts.
func TestOwnerAndModeAreAsRootSeesThem(t *testing.T) {
	const file = "/etc/default/aurora"
	for name, tt := range map[string]struct {
		said string // Owner, group, mode: by the login account's stat.
		mode uint32
		says string // In the error; "" for none.
	}{
		"another than the helper says": {"1000 8 81a0", 0o640, ""},
		"setuid":                       {"0 7 89a0", 0o640, "no bits but those of permission"},
		"setgid":                       {"0 7 85a0", 0o640, "no bits but those of permission"},
		"what cannot be one":           {"root root rw-r-----", 0, "look at what root works at"},
	} {
		h := runnertest.NewHost(t, "s1")
		h.On([]string{"env", "LC_ALL=C", "stat"}, func(c runner.Command) runner.Output {
			if c.User != "" {
				t.Errorf("asked as %s, which the sudoers file does not list", c.User)
			}
			out := runner.Output{}
			for _, p := range c.Argv[6:] {
				said := "0 0 41ed"
				if p == file {
					said = tt.said
				}
				out.Stdout = fmt.Appendf(out.Stdout, "%s %s\n", said, p)
			}
			return out
		})
		k := &aurora.Cluster{Name: "dev", Unit: "aurora", Supervisor: "systemd", Schedulers: []aurora.Scheduler{{Name: "s1", ConfigFile: file, RunDir: "/var/lib/aurorabot", RuntimeDir: "/run/systemd/system"}}}
		n := (&Nodes{Cluster: k, Hosts: map[string]runner.Host{"s1": h}}).Node("s1")
		f, err := FootingOf(t.Context(), n, rooted.Owner{})
		got := probe.Path{Exists: true, UID: 0, GID: 7, Mode: 0o600}
		if err == nil {
			err = f.Gives(file, &got)
		}
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
		if tt.says == "" && (got.UID != 1000 || got.GID != 8 || got.Mode != tt.mode) {
			t.Errorf("%s: it is kept as %+v", name, got)
		}
	}
}
