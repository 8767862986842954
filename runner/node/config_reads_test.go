package node

import (
	"slices"
	"strings"
	"testing"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/flagfile"
	"aurorabot/runner/probe"
	"aurorabot/runner/runnertest"
)

// systemd reads a unit or a drop-in again after it was replaced and before each start,
// and is not asked to where the flags are in a file that a start script reads.
func TestReplacedUnitIsReloaded(t *testing.T) {
	for file, want := range map[string]string{
		"/etc/default/aurora-scheduler":                             "cp chown chmod mv | systemctl start aurora",
		"/etc/systemd/system/aurora-scheduler.service":              "cp chown chmod mv systemctl daemon-reload | systemctl daemon-reload systemctl start aurora",
		"/etc/systemd/system/aurora-scheduler.service.d/flags.conf": "cp chown chmod mv systemctl daemon-reload | systemctl daemon-reload systemctl start aurora",
	} {
		h := runnertest.NewHost(t, "s1")
		var ran []string
		note := func(c runner.Command) runner.Output {
			words := c.Argv[:1]
			if c.Argv[0] == "systemctl" {
				words = c.Argv
			}
			ran = append(ran, words...)
			return runner.Output{}
		}
		for _, program := range []string{"cp", "chown", "chmod", "mv", "systemctl"} {
			h.On([]string{program}, note)
		}
		n := &Node{
			Nodes: &Nodes{Cluster: &aurora.Cluster{Supervisor: "systemd", Unit: "aurora"}}, Host: h, Name: "s1", RunID: "r",
			Scheduler: &aurora.Scheduler{ConfigFile: file, RunDir: "/var/lib/aurorabot"},
		}
		if err := n.ReplaceConfig(t.Context(), probe.Path{}, "/var/lib/aurorabot/new"); err != nil {
			t.Fatal(err)
		}
		ran = append(ran, "|")
		if err := n.Supervisor().Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(ran, " "); got != want {
			t.Errorf("%s: %s; want %s", file, got, want)
		}
	}
}

// A file whose flags are not those of the process is named with each that differs; so
// is a flag of the disabled state that the process has from somewhere else. What has a
// finding of its own is not said twice.
func TestFileIsComparedWithTheProcess(t *testing.T) {
	const array = `AURORA_FLAGS=(
  -mesos_master_address='zk://z:2181/mesos'
  -native_log_file_path=/var/db
  -native_log_quorum_size=1
  -backup_dir=/var/backups
  -thermos_executor_flags='--announcer-ensemble z:2181'
  -hostname=$(hostname -f)
)
`
	same := aurora.Flags{
		"mesos_master_address": "zk://z:2181/mesos", "native_log_file_path": "/var/db", "native_log_quorum_size": "1", "backup_dir": "/var/backups",
		"thermos_executor_flags": "--announcer-ensemble z:2181", "hostname": "s1.example.com", "cluster_name": "dev",
	}
	for _, tt := range []struct {
		name string
		runs func(aurora.Flags)
		want []string // "": nothing.
	}{
		{"the same", func(aurora.Flags) {}, nil},
		{"another master", func(f aurora.Flags) { f["mesos_master_address"] = "zk://other:2181/mesos" }, []string{`-mesos_master_address: the file says "zk://z:2181/mesos", the process has "zk://other:2181/mesos"`}},
		{"another folder of backups, and none of another", func(f aurora.Flags) { f["backup_dir"] = "/b"; delete(f, "thermos_executor_flags") }, []string{"-backup_dir: ", "-thermos_executor_flags: the file says"}},
		{"a delay from elsewhere", func(f aurora.Flags) { f["max_registration_delay"] = "1mins" }, []string{`-max_registration_delay: the process has "1mins", the file says nothing of it`}},
		{"another log", func(f aurora.Flags) { f["native_log_file_path"] = "/elsewhere" }, nil},
		{"a wrong quorum", func(f aurora.Flags) { f["native_log_quorum_size"] = "2" }, nil},
	} {
		file, err := flagfile.Parse("", "/etc/sysconfig/aurora-scheduler", []byte(array))
		if err != nil {
			t.Fatal(err)
		}
		runs := aurora.Flags{}
		for k, v := range same {
			runs[k] = v
		}
		tt.runs(runs)
		n := &Node{
			Nodes:     &Nodes{Cluster: &aurora.Cluster{FakeMaster: "zk://127.0.0.1:2/x", RegistrationWait: "360mins", Schedulers: make([]aurora.Scheduler, 1)}},
			Scheduler: &aurora.Scheduler{ConfigFile: "/etc/sysconfig/aurora-scheduler", HTTP: "127.0.0.1:8081"},
		}
		n.Profile, err = aurora.ProfileOf(aurora.Version{Minor: 22})
		if err != nil {
			t.Fatal(err)
		}
		n.Cluster.Version = aurora.Version{Minor: 22}
		var ids, words []string
		(&Look{}).reads(n, file, runs, func(id, format string, args ...any) {
			ids, words = append(ids, id), append(words, args[1].(string))
		})
		if (len(ids) > 0) != (tt.want != nil) || tt.want != nil && !slices.Equal(ids, []string{"configuration-not-read"}) {
			t.Errorf("%s: %v %v", tt.name, ids, words)
			continue
		}
		for _, w := range tt.want {
			if !strings.Contains(words[0], w) {
				t.Errorf("%s: %s; want %s", tt.name, words[0], w)
			}
		}
	}
}
