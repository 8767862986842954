package flagfile

import (
	"strings"
	"testing"

	"aurorabot/runner/aurora"
)

const debian = `# Set to the host's name, or an address.
HOSTNAME=s1
GLOG_v=0
LIBPROCESS_PORT=8083
# Comma separated.
ZK_ENDPOINTS="zk1:2181,zk2:2181"
MESOS_MASTER=zk://zk1:2181/mesos
LOGDB_FILE_PATH='/var/db/aurora'
export BACKUP_DIR=/var/backups/aurora   # keep
EXTRA_SCHEDULER_ARGS="-max_registration_delay=1mins -allow_gpu_resource=$GPU -x=y"
`

var disabled = []aurora.FlagChange{
	{Flag: "mesos_master_address", Value: "zk://127.0.0.1:2/nonexistent/mesos"},
	{Flag: "max_registration_delay", Value: "360mins"},
	{Flag: "reconciliation_initial_delay", Value: "365days"},
}

// Only the flags we change are changed; comments, order and quotes stay.
func TestRewrite(t *testing.T) {
	v, err := Parse(Shell, "aurora-scheduler", []byte(debian))
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Rewrite(disabled)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(debian, "MESOS_MASTER=zk://zk1:2181/mesos", `MESOS_MASTER="zk://127.0.0.1:2/nonexistent/mesos"`, 1)
	want = strings.Replace(want, `"-max_registration_delay=1mins -allow_gpu_resource=$GPU -x=y"`, `"-allow_gpu_resource=$GPU -x=y -max_registration_delay=360mins -reconciliation_initial_delay=365days"`, 1)
	if string(got) != want {
		t.Errorf("Rewrite =\n%s\nwant\n%s", got, want)
	}
	again, err := Parse(Shell, "x", got)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range disabled {
		if value, ok := again.Flag(c.Flag); !ok || value != c.Value {
			t.Errorf("after Rewrite -%s = %q, %v", c.Flag, value, ok)
		}
	}
	if twice, err := again.Rewrite(disabled); err != nil || string(twice) != string(got) {
		t.Errorf("a second Rewrite changes more: %v\n%s", err, twice)
	}
}

func TestFlag(t *testing.T) {
	v, err := Parse(Shell, "x", []byte(debian))
	if err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{
		"native_log_file_path": "/var/db/aurora", "backup_dir": "/var/backups/aurora", "mesos_master_address": "zk://zk1:2181/mesos",
		"max_registration_delay": "1mins", "zk_endpoints": "zk1:2181,zk2:2181", "http_port": "",
	} {
		if got, _ := v.Flag(flag); got != want {
			t.Errorf("Flag(%s) = %q, want %q", flag, got, want)
		}
	}
}

// The file's own variables are put in; what only a shell knows is not guessed.
func TestResolved(t *testing.T) {
	v, err := Parse(Shell, "x", []byte("HOME_DIR=/srv\nLOGDB_FILE_PATH=\"${HOME_DIR}/db\"\nZK_ENDPOINTS=z:2181\nMESOS_MASTER=\"zk://$ZK_ENDPOINTS/mesos\"\nBACKUP_DIR=\"$(pwd)/b\"\nZK_SERVERSET_PATH=$OTHER\nHTTP_PORT=$HTTP_PORT\n"))
	if err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{
		"native_log_file_path": "/srv/db", "mesos_master_address": "zk://z:2181/mesos", "backup_dir": "-", "serverset_path": "-", "http_port": "-",
	} {
		got, ok := v.Resolved(flag)
		if !ok {
			got = "-"
		}
		if got != want {
			t.Errorf("Resolved(%s) = %q, want %q", flag, got, want)
		}
	}
}

// A byte order mark is named where it keeps the first line from being what it looks
// like, and is read over, and kept, where the first line is a comment: a shell says
// that it knows no such command, and goes on.
func TestByteOrderMark(t *testing.T) {
	const mark = "\ufeff"
	for _, text := range []string{"MESOS_MASTER=a\n", "export MESOS_MASTER=a\n", "OTHER=1\nMESOS_MASTER=a\n", "# don't\nMESOS_MASTER=a\n"} {
		if _, err := Parse(Shell, "aurora-scheduler", []byte(mark+text)); err == nil || !strings.Contains(err.Error(), "aurora-scheduler:1: it begins with a byte order mark") {
			t.Errorf("%q: %v, want the mark named", text, err)
		}
	}
	v, err := Parse(Shell, "f", []byte(mark+"# A comment.\nMESOS_MASTER=a\n"))
	if err != nil {
		t.Fatal(err)
	}
	if to, ok := v.Flag("mesos_master_address"); !ok || to != "a" {
		t.Errorf("the master behind a comment is %q, %v", to, ok)
	}
	if got, err := v.Rewrite(disabled[:1]); err != nil || string(got) != mark+"# A comment.\nMESOS_MASTER=\"zk://127.0.0.1:2/nonexistent/mesos\"\n" {
		t.Errorf("rewritten: %q, %v", got, err)
	}
}

// What would be a guess is refused.
func TestRewriteRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"not a shell file":   "MESOS_MASTER=\"x\n",
		"set by a condition": "MESOS_MASTER=a\n[ -f /x ] && . /x\n",
		"assigned twice":     "MESOS_MASTER=a\nMESOS_MASTER=b\n",
		"appended":           "MESOS_MASTER=a\nEXTRA_SCHEDULER_ARGS+=b\n",
		"array":              "MESOS_MASTER=a\nEXTRA_SCHEDULER_ARGS=(a b)\n",
		"flag and value":     "MESOS_MASTER=a\nEXTRA_SCHEDULER_ARGS=\"-max_registration_delay 1mins\"\n",
	} {
		v, err := Parse(Shell, "f", []byte(text))
		if err == nil {
			_, err = v.Rewrite(disabled)
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	v, err := Parse(Shell, "f", []byte("HTTP_PORT=1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Rewrite([]aurora.FlagChange{{Flag: "x", Value: "a;reboot"}}); err == nil {
		t.Error("a value with a semicolon was written")
	}
}
