package main

import (
	"compress/gzip"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
)

// BenchmarkReport asks ten real hosts for their newest backup: the bot, which
// decodes it there (all three, where it remembers none; the newest, as in a usual
// report; none), and an Ansible playbook that finds the newest file and says how
// large and how old it is. Each is a process of its own that logs in anew;
// the bot's reader is on the hosts already, as it is in any report but the first.
//
//	go test ./lab -run '^$' -bench Report -benchtime 3x
func BenchmarkReport(b *testing.B) {
	if err := host.Supported(); err != nil {
		b.Skipf("REAL HOSTS: SKIPPED (%v)", err)
	}
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		b.Skip("ANSIBLE: SKIPPED (apt-get install ansible-core)")
	}
	dir := b.TempDir()
	config, playbook, newest := tenHosts(b, dir)
	report := []string{botProgram, "report", "--json", "--config", config}
	output(b, report) // The reader goes to the hosts, and every backup is decoded once.
	var fresh, usual, known, playbooks []time.Duration
	for b.Loop() {
		if err := os.RemoveAll(filepath.Join(dir, "state", "checks")); err != nil {
			b.Fatal(err)
		}
		fresh = append(fresh, timed(b, report, `"tasks": 10000`))
		for _, file := range newest { // As if it were written since.
			now := time.Now()
			if err := os.Chtimes(file, now, now); err != nil {
				b.Fatal(err)
			}
		}
		usual = append(usual, timed(b, report, `"tasks": 10000`))
		known = append(known, timed(b, report, `"tasks": 10000`))
		playbooks = append(playbooks, timed(b, playbook, "newest scheduler-backup-"))
		for _, socket := range must(filepath.Glob(filepath.Join(dir, "cp", "*"))) {
			_ = exec.Command("ssh", "-o", "ControlPath="+socket, "-O", "exit", "any").Run() // The next one logs in anew, too.
		}
	}
	middle := func(d []time.Duration) time.Duration { slices.Sort(d); return d[len(d)/2] }
	b.ReportMetric(middle(fresh).Seconds(), "all-decoded-s")
	b.ReportMetric(middle(usual).Seconds(), "newest-decoded-s")
	b.ReportMetric(middle(known).Seconds(), "known-s")
	b.ReportMetric(middle(playbooks).Seconds(), "ansible-s")
	b.ReportMetric(float64(middle(playbooks))/float64(middle(fresh)), "times-as-fast-all-decoded")
	b.ReportMetric(float64(middle(playbooks))/float64(middle(usual)), "times-as-fast-newest-decoded")
	b.ReportMetric(float64(middle(playbooks))/float64(middle(known)), "times-as-fast-known")
	b.ReportMetric(0, "ns/op")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func output(b *testing.B, argv []string) string {
	b.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	out, _ := cmd.CombinedOutput() // A report with findings has an exit status of its own; what it says counts.
	return string(out)
}

func timed(b *testing.B, argv []string, says string) time.Duration {
	b.Helper()
	begun := time.Now()
	out := output(b, argv)
	took := time.Since(begun)
	if n := strings.Count(strings.ReplaceAll(out, `"tasks":10000`, `"tasks": 10000`), says); n < 10 {
		b.Fatalf("%q says it %d times, not for every host:\n%.4000s", says, n, out)
	}
	return took
}

// tenHosts are ten clusters of one host, each with three backups of 10,000
// tasks, and what the bot and Ansible need to reach them.
func tenHosts(b *testing.B, dir string) (config string, playbook, newest []string) {
	b.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	block := must(ssh.MarshalPrivateKey(private, ""))
	key := filepath.Join(dir, "id")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	write(key, string(pem.EncodeToMemory(block)))
	lab, err := host.StartReal(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = lab.Close() }) // What is left is cleared up by the next start.
	backup := filepath.Join(dir, "backup")
	unpack(b, filepath.Join("..", "runner", "backup", "testdata", "10k", "scheduler-backup-2026-11-23-09-04.gz"), backup)

	var known, inventory, c strings.Builder
	c.WriteString("state_dir: state\nslack: {}\nssh: {user: " + cluster.User + ", key_files: [id], known_hosts: [known]}\nclusters:\n")
	for i := 1; i <= 10; i++ {
		name := fmt.Sprintf("h%d", i)
		h, err := lab.Host(b.Context(), host.RealOptions{
			Name: name, Users: []string{cluster.User}, Accounts: []string{cluster.SchedulerUser}, AuthorizedKeys: []ssh.PublicKey{must(ssh.NewPublicKey(public))},
			Bin: labProgram, Links: cluster.Programs(),
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := h.InstallScheduler(host.Scheduler{Cluster: name, ZK: lab.Gateway() + ":2181", LibprocessIP: h.IP(), User: cluster.SchedulerUser}); err != nil {
			b.Fatal(err)
		}
		folder := host.Scheduler{}.BackupDir("")
		if out, err := h.Exec("mkdir", "-p", folder, host.Scheduler{}.LogDir("")); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		for n, at := range []string{"07-04", "08-04", "09-04"} {
			to := h.Path(filepath.Join(folder, "scheduler-backup-2026-11-23-"+at))
			copyFile(b, backup, to)
			when := time.Now().Add(time.Duration(n-3) * time.Hour)
			if err := os.Chtimes(to, when, when); err != nil {
				b.Fatal(err)
			}
			if n == 2 {
				newest = append(newest, to)
			}
		}
		known.WriteString(h.KnownHosts() + "\n")
		ip, port, _ := strings.Cut(h.Address(), ":")
		fmt.Fprintf(&inventory, "%s ansible_host=%s ansible_port=%s ansible_user=%s ansible_ssh_private_key_file=%s ansible_ssh_common_args='-o UserKnownHostsFile=%s' ansible_python_interpreter=/usr/bin/python3\n",
			name, ip, port, cluster.User, key, filepath.Join(dir, "known"))
		fmt.Fprintf(&c, "  %s:\n    version: 0.22.0\n    zookeeper: none\n    user: %s\n    max_backup_age: 8760h\n    schedulers: [{name: %s, address: %q, http: \"%s:8081\"}]\n", name, cluster.SchedulerUser, name, h.Address(), h.IP())
	}
	me := strings.TrimSpace(output(b, []string{"id", "-un"}))
	fmt.Fprintf(&c, `policy:
  teams: [T00000000]
  lists: {sre: [U0000ANN, U0000BOB]}
  access: [{name: all, who: [sre], channels: ["*"], clusters: ["*"], may: [admin]}]
  gates: {commit: {factors: [{count: 2, of: [sre]}]}}
  os_users: {%s: T00000000/U0000ANN}
`, me)
	write(filepath.Join(dir, "known"), known.String())
	write(filepath.Join(dir, "inventory"), inventory.String())
	config = filepath.Join(dir, "c.yaml")
	write(config, c.String())
	write(filepath.Join(dir, "play.yaml"), `- hosts: all
  gather_facts: false
  become: true
  tasks:
    - find: {paths: `+host.Scheduler{}.BackupDir("")+`, patterns: "scheduler-backup-*"}
      register: found
    - stat: {path: "{{ (found.files | sort(attribute='mtime') | last).path }}"}
      register: newest
    - debug: {msg: "newest {{ newest.stat.path | basename }} {{ newest.stat.size }} {{ newest.stat.mtime }}"}
`)
	return config, []string{"env", "ANSIBLE_SSH_CONTROL_PATH_DIR=" + filepath.Join(dir, "cp"), "ANSIBLE_LOCAL_TEMP=" + filepath.Join(dir, "tmp"),
		"ansible-playbook", "-i", filepath.Join(dir, "inventory"), "-f", "10", filepath.Join(dir, "play.yaml")}, newest
}

func unpack(b *testing.B, from, to string) {
	b.Helper()
	f := must(os.Open(from))
	defer f.Close()
	z := must(gzip.NewReader(f))
	out := must(os.Create(to))
	defer out.Close()
	if _, err := io.Copy(out, z); err != nil {
		b.Fatal(err)
	}
}

func copyFile(b *testing.B, from, to string) {
	b.Helper()
	data := must(os.ReadFile(from))
	if err := os.WriteFile(to, data, 0o644); err != nil {
		b.Fatal(err)
	}
}
