package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Scheduler is what Debian's package of Aurora puts on a host:
// /etc/default/aurora-scheduler, the start script that reads it, and the unit.
// The variables and flags are those of the package
// (github.com/apache/aurora-packaging, specs/debian, read 2026-11-23).
type Scheduler struct {
	Cluster      string
	HTTPPort     int
	Quorum       int
	ZK           string // "host:port,…".
	MesosMaster  string // Empty: "zk://${ZK_ENDPOINTS}/mesos", as the package has it.
	Serverset    string // Empty: "/aurora/scheduler".
	LogGroup     string // Empty: "/aurora/replicated-log".
	LibprocessIP string
	Libprocess   int    // LIBPROCESS_PORT. Zero: 8083.
	Verbosity    int    // GLOG_v.
	User         string // Empty: "aurora".
	RestartSec   int    // Seconds. Zero: 1.
	ExtraArgs    string // EXTRA_SCHEDULER_ARGS, as the shell sees it within double quotes.
	Variables    string // More lines for the default file.
	Home         string // AURORA_HOME. Empty: /var/lib/aurora below the host's root.
}

// Unit is the name of the scheduler's unit.
const Unit = "aurora-scheduler.service"

// Paths of the scheduler's files; on an embedded host below its root.
const (
	DefaultFile = "/etc/default/aurora-scheduler"
	StartScript = "/usr/bin/aurora-scheduler-startup"
	UnitFile    = "/lib/systemd/system/" + Unit
)

// A packaged file is one that a package installs.
type packaged struct {
	path    string
	mode    os.FileMode
	content string
}

// files returns the package's files for a host whose root is prefix ("" for a real one).
func (s Scheduler) files(prefix string) []packaged {
	or := func(value, otherwise string) string {
		if value == "" {
			return otherwise
		}
		return value
	}
	number := func(n, otherwise int) string {
		if n == 0 {
			n = otherwise
		}
		return strconv.Itoa(n)
	}
	address := "#LIBPROCESS_IP=192.168.33.7"
	if s.LibprocessIP != "" {
		address = "LIBPROCESS_IP=" + s.LibprocessIP
	}
	replace := strings.NewReplacer(
		"@PREFIX@", prefix, "@CLUSTER@", s.Cluster, "@GLOG@", strconv.Itoa(s.Verbosity), "@LIBPROCESS_PORT@", number(s.Libprocess, 8083),
		"@LIBPROCESS_IP@", address, "@HOME@", or(s.Home, prefix+"/var/lib/aurora"), "@HTTP_PORT@", number(s.HTTPPort, 8081),
		"@QUORUM@", number(s.Quorum, 1), "@ZK@", or(s.ZK, "localhost:2181"), "@MASTER@", or(s.MesosMaster, "zk://${ZK_ENDPOINTS}/mesos"),
		"@SERVERSET@", or(s.Serverset, "/aurora/scheduler"), "@LOGGROUP@", or(s.LogGroup, "/aurora/replicated-log"),
		"@EXTRA@", s.ExtraArgs, "@MORE@", s.Variables, "@USER@", or(s.User, "aurora"), "@RESTARTSEC@", number(s.RestartSec, 1),
	)
	return []packaged{
		{DefaultFile, 0o644, replace.Replace(defaultFile)},
		{StartScript, 0o755, replace.Replace(startScript)},
		{UnitFile, 0o644, replace.Replace(unitFile)},
	}
}

const defaultFile = `# Settings of the Aurora scheduler, read by aurora-scheduler-startup.

###
# The Mesos scheduler driver (libmesos) looks at these.
GLOG_v=@GLOG@
LIBPROCESS_PORT=@LIBPROCESS_PORT@
@LIBPROCESS_IP@
###

###
# Flags of the JVM.
JAVA_OPTS='-Djava.library.path=/usr/local/lib'
###

AURORA_HOME="@HOME@"

# Name of the cluster.
CLUSTER_NAME="@CLUSTER@"

# Port that the scheduler listens on
HTTP_PORT=@HTTP_PORT@

# Quorum of the replicated log: (floor(number_of_schedulers / 2) + 1)
QUORUM_SIZE=@QUORUM@

# ZooKeeper endpoints
ZK_ENDPOINTS="@ZK@"

# ZooKeeper path or URL of the Mesos master
MESOS_MASTER="@MASTER@"

# Where in ZooKeeper the leader advertises itself
ZK_SERVERSET_PATH="@SERVERSET@"

# Where in ZooKeeper the replicas of the log find each other
ZK_LOGDB_PATH="@LOGGROUP@"

# The replicated log on disk
LOGDB_FILE_PATH="${AURORA_HOME}/scheduler/db"

# Backups on disk
BACKUP_DIR="${AURORA_HOME}/scheduler/backups"

# The Thermos executor, on the agents
THERMOS_EXECUTOR_PATH="/usr/share/aurora/bin/thermos_executor.pex"
THERMOS_EXECUTOR_RESOURCES=""
THERMOS_EXECUTOR_FLAGS=""

# Container types that jobs may use
ALLOWED_CONTAINER_TYPES="MESOS,DOCKER"

# How much the scheduler logs
LOG_LEVEL="INFO"
@MORE@
# Further arguments of the scheduler
EXTRA_SCHEDULER_ARGS="@EXTRA@"
`

const startScript = `#!/bin/bash
# Starts the Aurora scheduler with the settings of /etc/default/aurora-scheduler.
. @PREFIX@/etc/default/aurora-scheduler

export GLOG_v LIBPROCESS_PORT LIBPROCESS_IP
export JAVA_OPTS="${JAVA_OPTS[*]}"

exec aurora-scheduler \
  -cluster_name="$CLUSTER_NAME" \
  -http_port="$HTTP_PORT" \
  -native_log_quorum_size="$QUORUM_SIZE" \
  -zk_endpoints="$ZK_ENDPOINTS" \
  -mesos_master_address="$MESOS_MASTER" \
  -serverset_path="$ZK_SERVERSET_PATH" \
  -native_log_zk_group_path="$ZK_LOGDB_PATH" \
  -native_log_file_path="$LOGDB_FILE_PATH" \
  -backup_dir="$BACKUP_DIR" \
  -thermos_executor_path="$THERMOS_EXECUTOR_PATH" \
  -thermos_executor_resources="$THERMOS_EXECUTOR_RESOURCES" \
  -thermos_executor_flags="$THERMOS_EXECUTOR_FLAGS" \
  -allowed_container_types="$ALLOWED_CONTAINER_TYPES" \
  $EXTRA_SCHEDULER_ARGS
`

const unitFile = `[Unit]
Description=Aurora Scheduler
After=network.target
Wants=network.target
StartLimitIntervalSec=0

[Service]
ExecStart=@PREFIX@/usr/bin/aurora-scheduler-startup
User=@USER@
Group=@USER@
Restart=always
RestartSec=@RESTARTSEC@
TimeoutStopSec=20
LimitNOFILE=16384

[Install]
WantedBy=multi-user.target
`

// LogDir and BackupDir are where a scheduler with this configuration keeps its
// log and its backups, on a host with that root.
func (s Scheduler) LogDir(prefix string) string { return filepath.Join(s.home(prefix), "scheduler/db") }

// BackupDir is the other one; see [Scheduler.LogDir].
func (s Scheduler) BackupDir(prefix string) string {
	return filepath.Join(s.home(prefix), "scheduler/backups")
}

func (s Scheduler) home(prefix string) string {
	if s.Home != "" {
		return s.Home
	}
	return filepath.Join("/", prefix, "var/lib/aurora")
}

// InstallScheduler writes the scheduler's files, makes its folders (the log's
// not: mesos-log does), and enables the unit. It does not start it.
func (h *Host) InstallScheduler(s Scheduler) error {
	for _, f := range s.files(h.opt.Root) {
		path := h.Path(f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.content), f.mode); err != nil {
			return err
		}
	}
	link := h.Path("/bin/aurora-scheduler-startup")
	_ = os.Remove(link) // There from an earlier installation.
	if err := os.Symlink(h.Path(StartScript), link); err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(s.LogDir(h.opt.Root)), s.BackupDir(h.opt.Root)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	wants := h.Path("/etc/systemd/system/multi-user.target.wants")
	if err := os.MkdirAll(wants, 0o755); err != nil {
		return err
	}
	enabled := filepath.Join(wants, Unit)
	if _, err := os.Lstat(enabled); err == nil {
		return nil
	}
	if err := os.Symlink(h.Path(UnitFile), enabled); err != nil {
		return fmt.Errorf("host %s: enable %s: %w", h.opt.Name, Unit, err)
	}
	return nil
}
