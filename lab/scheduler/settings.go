package scheduler

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// settings are the flags that the stand-in obeys, read.
type settings struct {
	flags *flags

	cluster, hostname, ip string
	libprocess            string // LIBPROCESS_IP
	httpPort              int
	zk                    []string
	zkSession             time.Duration
	serverset             string
	endpointName          string

	logPath, logGroup     string
	quorum                int
	electTimeout          time.Duration
	electRetries          int
	readTimeout           time.Duration
	writeTimeout          time.Duration
	snapshotInterval      time.Duration
	maxEntry              int
	backupDir             string
	backupInterval        time.Duration
	maxBackups            int
	master                string
	registrationDelay     time.Duration
	leadingDuration       time.Duration
	frameworkName         string
	failoverTimeout       time.Duration
	reconcileDelay        time.Duration
	reconcileSpread       time.Duration
	explicitInterval      time.Duration
	implicitInterval      time.Duration
	registrationDelayText string

	users map[string]string // Of shiro.ini, with their passwords. Nil: everybody is let in.
}

// readSettings checks and reads the flags that have an effect.
//
// Where -ip and -hostname are not given, the address that libprocess was told
// stands in for both: a lab's host has an address of its own and no name.
func readSettings(f *flags, environ []string) (*settings, error) {
	s := &settings{flags: f, libprocess: getenv(environ, "LIBPROCESS_IP")}
	var first error
	keep := func(err error) {
		if first == nil && err != nil {
			first = err
		}
	}
	duration := func(name string, into *time.Duration) {
		if f.values[name] == "" { // the release has no such flag
			return
		}
		d, err := f.duration(name)
		keep(err)
		*into = d
	}
	number := func(name string, into *int) {
		n, err := f.number(name)
		keep(err)
		*into = n
	}
	s.cluster, s.hostname, s.ip = f.text("cluster_name"), f.text("hostname"), f.text("ip")
	if s.hostname == "" {
		s.hostname = s.libprocess
	}
	if s.hostname == "" {
		s.hostname, _ = os.Hostname() // none: the candidate's data is empty
	}
	number("http_port", &s.httpPort)
	s.serverset, s.endpointName = f.text("serverset_path"), f.text("serverset_endpoint_name")
	if s.endpointName == "" {
		s.endpointName = "http"
	}
	for _, e := range strings.Split(f.text("zk_endpoints"), ",") {
		if _, _, err := net.SplitHostPort(e); err != nil {
			e = net.JoinHostPort(e, "2181")
		}
		s.zk = append(s.zk, e)
	}
	duration("zk_session_timeout", &s.zkSession)
	s.logPath, s.logGroup = f.text("native_log_file_path"), f.text("native_log_zk_group_path")
	number("native_log_quorum_size", &s.quorum)
	number("native_log_election_retries", &s.electRetries)
	duration("native_log_election_timeout", &s.electTimeout)
	duration("native_log_read_timeout", &s.readTimeout)
	duration("native_log_write_timeout", &s.writeTimeout)
	duration("dlog_snapshot_interval", &s.snapshotInterval)
	size, err := f.size("dlog_max_entry_size")
	keep(err)
	s.maxEntry = size
	s.backupDir = f.text("backup_dir")
	duration("backup_interval", &s.backupInterval)
	number("max_saved_backups", &s.maxBackups)
	s.master, s.frameworkName = f.text("mesos_master_address"), f.text("framework_name")
	duration("max_registration_delay", &s.registrationDelay)
	s.registrationDelayText = f.amountText("max_registration_delay")
	duration("max_leading_duration", &s.leadingDuration)
	duration("framework_failover_timeout", &s.failoverTimeout)
	duration("reconciliation_initial_delay", &s.reconcileDelay)
	duration("reconciliation_schedule_spread", &s.reconcileSpread)
	duration("reconciliation_explicit_interval", &s.explicitInterval)
	duration("reconciliation_implicit_interval", &s.implicitInterval)
	if f.text("http_authentication_mechanism") == "BASIC" {
		s.users, err = readShiro(f.text("shiro_ini_path"))
		keep(err)
	}
	if first == nil && s.logPath == "" {
		first = fmt.Errorf("The following option is required: -native_log_file_path") // as the real parser says it
	}
	return s, first
}

// bind is the address that HTTP listens on: that of -ip, else a loopback one.
func (s *settings) bind() string {
	for _, a := range []string{s.ip, s.hostname, s.libprocess} {
		if net.ParseIP(a) != nil {
			return a
		}
	}
	return "127.0.0.1"
}
