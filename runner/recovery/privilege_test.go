package recovery_test

import (
	"errors"
	"os"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/lab/tools"
	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/node"
	"aurorabot/runner/recovery"
	"aurorabot/runner/sudoers"
)

func privileged(t *testing.T, change func(*aurora.Cluster)) (list []sudoers.Privilege, text string) {
	t.Helper()
	k := &aurora.Cluster{
		Name: "dev", AdminName: "dev", Version: aurora.Version{Minor: 22}, Supervisor: "systemd", Unit: "aurora-scheduler", Firewall: "nft",
		Admin: "aurora_admin", AdminPath: "/usr/bin/aurora_admin", MesosLogPath: "mesos-log", User: "aurora", Group: "aurora", FirewallLease: 12 * time.Hour,
		Schedulers: []aurora.Scheduler{{Name: "s1", HTTP: "127.0.0.1:8081", ConfigFile: "/etc/default/aurora-scheduler", RunDir: "/var/lib/aurorabot", RuntimeDir: "/run/systemd/system"}},
	}
	if change != nil {
		change(k)
	}
	profile, err := aurora.ProfileOf(k.Version)
	if err != nil {
		t.Fatal(err)
	}
	r := &node.Nodes{Cluster: k, Profile: profile}
	list = sudoers.Privileges(r, &k.Schedulers[0], sudoers.Grounds{
		Log: "/var/lib/aurora/scheduler/db", Backups: "/var/lib/aurora/scheduler/backups", Path: sudoers.UsualPath,
		Helpers: []string{strings.Repeat("ab", 32)},
	})
	if text, err = sudoers.File("aurorabot", list); err != nil {
		t.Fatal(err)
	}
	return list, text
}

// may asks the list as sudo does: "as /path args…".
func may(t *testing.T, list []sudoers.Privilege, as, file string, args ...string) bool {
	t.Helper()
	for _, p := range list {
		re, err := regexp.CompilePOSIX("^" + p.Args + "$")
		if err != nil {
			t.Fatalf("%s: %v", p.Args, err)
		}
		if p.As == as && p.Path == file && re.MatchString(strings.Join(args, " ")) {
			return true
		}
	}
	return false
}

// What a stolen login would try is on no list: shells, files that are nobody's
// business, other units, other ports, links, and paths that lead elsewhere.
func TestNothingElseIsAllowed(t *testing.T) {
	const (
		log  = "/var/lib/aurora/scheduler/db"
		run  = "/var/lib/aurorabot/runs/dev-1"
		keep = "/var/lib/aurorabot/originals/dev-1"
		conf = "/etc/default/aurora-scheduler"
	)
	for _, change := range []func(*aurora.Cluster){nil, func(k *aurora.Cluster) { k.Firewall, k.Admin = "iptables", "api" }, func(k *aurora.Cluster) { k.Firewall = "none" }} {
		list, _ := privileged(t, change)
		for _, line := range []string{
			"/usr/bin/bash", "/usr/bin/sh", "/usr/bin/sh -c id", "/usr/bin/sh -i", "/usr/bin/cat -- /etc/shadow", "/usr/bin/cat /etc/shadow",
			"/usr/bin/cat -- " + conf + " /etc/shadow", "/usr/bin/cat -- /var/lib/aurora/scheduler/backups/../../../../../etc/shadow",
			"/usr/bin/chmod 0777 /etc/shadow", "/usr/bin/chmod 4755 " + conf + ".dr-dev-1", "/usr/bin/chmod 0644 " + conf,
			"/usr/bin/chown 0:0 /etc/shadow", "/usr/bin/chown 0:0 " + conf + ".dr-dev-1 /etc/shadow", "/usr/bin/true x",
			"/usr/bin/systemctl stop sshd", "/usr/bin/systemctl start aurora-scheduler x", "/usr/bin/systemctl edit aurora-scheduler", "/usr/bin/systemctl mask aurora-scheduler", "/usr/bin/systemctl link /tmp/x.service",
			"/usr/bin/mv -T -- /etc/shadow " + run + "/90-aurorabot.conf", "/usr/bin/mv -nT -- " + log + " /etc/passwd", "/usr/bin/mv -nT -- " + log + ".dr-../../x " + log,
			"/usr/bin/cp -a --reflink=auto -T -- /etc/shadow " + run + "/evidence/log.part", "/usr/bin/cp -T -- /etc/shadow " + conf + ".dr-dev-1",
			"/usr/bin/cp -T -- " + keep + "/../x " + conf + ".dr-dev-1", "/usr/bin/rm -rf -- /", "/usr/bin/rm -rf -- /var/lib/aurorabot/look-1/../..", "/usr/bin/rm -f -- /etc/shadow",
			"/usr/bin/install -m 4755 -T -- /usr/bin/bash /tmp/x", "/usr/bin/install -m 0600 -T -- /etc/shadow " + keep + "/.original-configuration.aurorabot-abcdefghij",
			"/usr/bin/install -d -m 0777 /etc", "/usr/bin/install -d -m 0755 -o aurora -g aurora /etc",
			"/usr/bin/dd of=/etc/passwd bs=64k iflag=fullblock oflag=nofollow conv=nocreat,notrunc,fsync status=none",
			"/usr/bin/dd if=/etc/shadow of=" + keep + "/.original-configuration.aurorabot-abcdefghij",
			"/usr/bin/find / -exec sh", "/usr/bin/find " + log + " -delete", "/usr/sbin/nft -f -", "/usr/sbin/nft -f /etc/shadow", "/usr/sbin/nft flush ruleset", "/usr/sbin/nft delete table inet filter",
			"/usr/sbin/nft add rule inet aurorabot_01234567 input accept", "/usr/sbin/iptables -F", "/usr/sbin/iptables -I INPUT -j ACCEPT",
			"/usr/bin/kill -TERM 1 ; id", "/usr/bin/kill -9 1", "/usr/bin/kill -s TERM -1", "/usr/bin/kill -TERM -1",
			"/var/lib/aurorabot/bin/aurorabot-abababababababab serve", "/var/lib/aurorabot/bin/aurorabot-abababababababab log salvage --json --up-to-damage " + log + " -o /etc/cron.d/x",
			"/var/lib/aurorabot/bin/aurorabot-abababababababab log scan --json /etc/shadow", "/var/lib/aurorabot/bin/aurorabot-0000000000000000 host facts", "/usr/bin/tee /etc/passwd",
			"/var/lib/aurorabot/bin/aurorabot-abababababababab host clean /etc x", "/var/lib/aurorabot/bin/aurorabot-abababababababab host clean /var/lib/aurorabot ../bin",
			"/var/lib/aurorabot/bin/aurorabot-abababababababab host clean-aside /etc/passwd x", "/var/lib/aurorabot/bin/aurorabot-abababababababab host clean-aside " + log + " /",
			"/var/lib/aurorabot/bin/aurorabot-abababababababab host left / /root",
			"/usr/bin/env id", "/usr/bin/timeout -k 5 60 env AURORA_CONFIG_ROOT=" + run + "/admin sh", "/usr/bin/timeout 5 id",
			"/usr/bin/env -i PATH=/tmp LIBPROCESS_IP=127.0.0.1 mesos-log initialize --path=" + log, "/usr/bin/nice id", "/usr/bin/mesos-log initialize --path=/etc",
		} {
			words := strings.Split(line, " ")
			for _, as := range []string{"root", "aurora", "nobody", "ALL"} {
				if may(t, list, as, words[0], words[1:]...) {
					t.Errorf("as %s: %s", as, line)
				}
			}
		}
	}
}

// The list itself: absolute commands, no wildcard that a space or a slash gets
// through, the uploaded program by its hash, and nothing for anybody but root
// and the scheduler's user.
func TestSudoersAreExact(t *testing.T) {
	list, text := privileged(t, nil)
	for _, p := range list {
		if !path.IsAbs(p.Path) || p.As != "root" && p.As != "aurora" || p.Why == "" {
			t.Errorf("%+v", p)
		}
		plain := regexp.MustCompile(`\\.`).ReplaceAllString(p.Args, "")
		if strings.Contains(plain, ".") && strings.Contains(regexp.MustCompile(`\[[^]]*\]`).ReplaceAllString(plain, ""), ".") || strings.Contains(plain, "[^") {
			t.Errorf("%s: an open pattern: %s", p.Path, p.Args)
		}
		if strings.Contains(p.Path, "aurorabot-") != (len(p.Sums) == 1) {
			t.Errorf("%s: hashes %v", p.Path, p.Sums)
		}
		// What the uploaded program does as root stands in its words, none of which is an option.
		if p.As == "root" && len(p.Sums) > 0 && !regexp.MustCompile(`^host (rename|folder|run-folder|left|clean|clean-aside) [^-]`).MatchString(p.Args) {
			t.Errorf("as root: %s %s", p.Path, p.Args)
		}
		// Below folders of the scheduler's account root does nothing but what the program does.
		if p.As == "root" && len(p.Sums) == 0 && (strings.Contains(p.Args, "/var/lib/aurora/") || strings.Contains(p.Args, "/runs")) {
			t.Errorf("as root: %s %s", p.Path, p.Args)
		}
		// As root the scheduler's user ends nothing, and nobody ends what is not the bot's but by a number.
		if p.As == "root" && strings.HasSuffix(p.Path, "/kill") && !strings.HasPrefix(p.Args, "-s (TERM|KILL)") {
			t.Errorf("%s %s", p.Path, p.Args)
		}
	}
	for _, bad := range []string{"ALL=(ALL", "NOPASSWD: ALL", "SETENV:"} {
		if strings.Contains(text, bad) {
			t.Errorf("the file says %s", bad)
		}
	}
}

// Where a command lies must be known; a guess would be another program's right.
func TestSudoersNeedPlaces(t *testing.T) {
	if _, err := sudoers.File("aurorabot", []sudoers.Privilege{{As: "root", Path: "nft", Args: "x"}}); err == nil {
		t.Error("a command without a place: no error")
	}
	if _, err := sudoers.File("aurorabot", []sudoers.Privilege{{As: "root", Path: "/usr/sbin/nft", Args: strings.Repeat("x", 2000)}}); err == nil {
		t.Error("a pattern that sudo does not read: no error")
	}
}

// confine lets the bot do on the hosts what its sudoers files allow, and nothing
// else: whatever the recipe does in a test, the list suffices for it.
func confine(t *testing.T, c *cluster.Cluster, r *recovery.Recovery) {
	t.Helper()
	_, sum, err := r.Helper(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range c.Hosts {
		g, err := sudoers.Ask(t.Context(), r.Node(h.Name()), []string{sum})
		if err != nil {
			t.Fatal(err)
		}
		text, err := sudoers.File(cluster.User, sudoers.Privileges(r.Nodes, r.Cluster.Scheduler(h.Name()), g))
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Sudoers(text); err != nil {
			t.Fatal(err)
		}
	}
}

// The hosts of the lab keep to the file: what it does not name is refused there,
// and so every story on them proves that the list suffices.
func TestHostsOfTheLabKeepToTheSudoers(t *testing.T) {
	t.Parallel()
	_, r := lab(t, "")
	h := r.Hosts["s1"]
	for _, argv := range [][]string{{"cat", "/etc/shadow"}, {"bash", "-c", "id"}, {"chmod", "0777", "/tmp"}, {"systemctl", "stop", "ssh"}, {"sh", "-c", "id"}, {"nft", "list", "ruleset"}} {
		for _, as := range []string{"root", r.Cluster.User} {
			out, err := h.Run(t.Context(), runner.Command{Argv: argv, User: as})
			if err == nil || !strings.Contains(err.Error(), "sudo: a password is required") {
				t.Errorf("as %s: %v: %+v, %v", as, argv, out, err)
			}
		}
	}
	if out, err := h.Run(t.Context(), runner.Command{Argv: node.RootCommand, User: "root"}); err != nil || out.Exit != 0 {
		t.Errorf("who root is: %+v, %v", out, err)
	}
}

// A sudoers file of another version, and a folder that another account can write
// where root works: both are found before anything is done, on the host that has it.
func TestAccessIsFoundBeforeTheOutage(t *testing.T) {
	for what, tt := range map[string]struct {
		spoil func(t *testing.T, h host.Machine, file string)
		says  string
		id    string
	}{
		"another version's file": {func(t *testing.T, h host.Machine, file string) {
			text, err := os.ReadFile(file)
			must(t, err)
			must(t, h.Sudoers(strings.ReplaceAll(string(text), "sudoers-3:", "sudoers-2:")))
		}, "print it again with `aurorabot sudoers " + cluster.Name + "`", "access-missing"},
		"a file for another program": {func(t *testing.T, h host.Machine, file string) {
			text, err := os.ReadFile(file)
			must(t, err)
			must(t, h.Sudoers(regexp.MustCompile(`aurorabot-[0-9a-f]{16}`).ReplaceAllString(string(text), "aurorabot-0123456789abcdef")))
		}, "print it again with `aurorabot sudoers " + cluster.Name + "`", "access-missing"},
		"an open folder": {func(t *testing.T, h host.Machine, _ string) {
			must(t, os.Chmod(h.Path("/etc/default"), 0o777))
		}, "can be written by everybody", "root-path-open"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c, r := lab(t, "")
			tt.spoil(t, c.Hosts[1], c.Hosts[1].Path("/"+tools.SudoersFile))
			s, j := walk(t, r, runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"})
			if s.Status != runner.Stopped || !strings.Contains(s.Why, tt.says) || s.Of("prepare/supervision-off", "s1").Progress != "" {
				t.Errorf("status %s: %s", s.Status, s.Why)
			}
			events, err := j.Events(run)
			must(t, err)
			if !slices.ContainsFunc(events, func(e runner.Event) bool { return e.Host == "s2" && strings.Contains(string(e.Data), `"`+tt.id+`"`) }) {
				t.Errorf("no finding %s", tt.id)
			}
			if _, err := c.WaitLeader(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// No sudoers file is printed for a host where another account could put something
// in the place of what root would read or run by it.
func TestSudoersNeedRootsFolders(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	h, n := c.Hosts[0], r.Node(c.Hosts[0].Name())
	sums := []string{strings.Repeat("ab", 32)}
	if _, err := sudoers.Ask(t.Context(), n, sums); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"/etc/default", "/var/lib", "/run", "/bin"} {
		must(t, os.Chmod(h.Path(dir), 0o777))
		open := (*node.OpenError)(nil)
		if _, err := sudoers.Ask(t.Context(), n, sums); !errors.As(err, &open) || !strings.Contains(err.Error(), h.Path(dir)+" can be written by everybody") {
			t.Errorf("%s: %v", dir, err)
		}
		must(t, os.Chmod(h.Path(dir), 0o755))
	}
}

// Schedulers that log to files: these may be read, by the scheduler's account, and
// no others; the journal is then nobody's business.
func TestLogFilesMayBeRead(t *testing.T) {
	list, _ := privileged(t, func(k *aurora.Cluster) {
		k.LogFiles = []string{"/var/log/aurora/scheduler.log", "/var/log/aurora/gc*.log"}
	})
	helper := "/var/lib/aurorabot/bin/aurorabot-" + strings.Repeat("ab", 8)
	const since = "log scan --json --rotated --since 1764000000 "
	for line, want := range map[string]bool{
		since + "/var/log/aurora/scheduler.log /var/log/aurora/gc*.log": true,
		since + "/var/log/aurora/scheduler.log /var/log/aurora/gcx.log": false,
		since + "/etc/shadow": false,
		since + "/var/log/aurora/scheduler.log /var/log/aurora/gc*.log /etc/shadow": false,
		"log scan --json --unit aurora-scheduler --since 1764000000":                false,
		"log scan --json --rotated --since x /var/log/aurora/scheduler.log":         false,
	} {
		if got := may(t, list, "aurora", helper, strings.Fields(line)...); got != want || may(t, list, "root", helper, strings.Fields(line)...) {
			t.Errorf("%s: allowed %v, want %v, and never as root", line, got, want)
		}
	}
}
