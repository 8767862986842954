package scheduler

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"aurorabot/lab/mesoslog"
	"aurorabot/lab/tjson"
)

// recoveryUsage is the help of the real recovery-tool 0.22, as recorded.
//
//go:embed recovery-usage.txt
var recoveryUsage string

// recoveryFlags are what recovery-tool takes, by its own help (recorded).
func recoveryFlags() []flagSpec {
	return []flagSpec{
		{name: "backup"},
		{name: "batch-size", value: "50"},
		{name: "dlog_max_entry_size", value: "(512, KB)"},
		{name: "from", required: true},
		{name: "native_log_election_retries", value: "20"},
		{name: "native_log_election_timeout", value: "(15, secs)"},
		{name: "native_log_file_path"},
		{name: "native_log_quorum_size", value: "1"},
		{name: "native_log_read_timeout", value: "(5, secs)"},
		{name: "native_log_write_timeout", value: "(3, secs)"},
		{name: "native_log_zk_group_path"},
		{name: "to", required: true},
		{name: "zk_chroot_path"},
		{name: "zk_connection_timeout", value: "(10, secs)"},
		{name: "zk_digest_credentials"},
		{name: "zk_endpoints", required: true},
		{name: "zk_in_proc", value: "false"},
		{name: "zk_session_timeout", value: "(15, secs)"},
	}
}

// thrown is how a Java program ends that nobody caught an exception of.
func thrown(stderr io.Writer, class, words string) int {
	fmt.Fprintf(stderr, "Exception in thread \"main\" %s\n", strings.TrimSuffix(class+": "+words, ": "))
	return 1
}

// RecoveryTool is the program recovery-tool: it loads a backup into an empty log. It
// goes by the recordings of the real one, hangs where that hangs (a quorum of more than
// one, a folder that was not initialised), and appends a noop also where it refuses.
func RecoveryTool(args []string, _ io.Reader, stdout, stderr io.Writer, environ []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	return recoveryTool(ctx, args, stdout, stderr, environ)
}

func recoveryTool(ctx context.Context, args []string, stdout, stderr io.Writer, environ []string) int {
	if slices.Contains(args, "--help") {
		fmt.Fprint(stdout, recoveryUsage)
		return 1
	}
	f, err := parseFlags(recoveryFlags(), args[1:])
	if err != nil {
		return thrown(stderr, "com.beust.jcommander.ParameterException", err.Error())
	}
	if f.text("from") != "BACKUP" || f.text("to") != "LOG" {
		return thrown(stderr, "com.beust.jcommander.ParameterException", "the lab's loads a BACKUP into a LOG")
	}
	if f.text("backup") == "" {
		return thrown(stderr, "java.lang.NullPointerException", "")
	}
	for _, name := range []string{"native_log_file_path", "native_log_zk_group_path"} {
		if f.text(name) == "" {
			return thrown(stderr, "java.lang.IllegalArgumentException", "A value for the -"+name+" flag must be supplied")
		}
	}
	quorum, err := f.number("native_log_quorum_size")
	if err != nil {
		return thrown(stderr, "com.beust.jcommander.ParameterException", err.Error())
	}
	most, err := f.size("dlog_max_entry_size")
	if err != nil {
		return thrown(stderr, "com.beust.jcommander.ParameterException", err.Error())
	}
	log := &logger{w: stderr, zone: zoneOf(environ), clock: time.Now}
	log.info("main", "RecoveryTool", "Recovering from BACKUP to LOG")
	ip := getenv(environ, "LIBPROCESS_IP")
	if ip == "" {
		ip = "0.0.0.0"
	}
	port := getenv(environ, "LIBPROCESS_PORT")
	if port == "" {
		port = "0"
	}
	o := mesoslog.Options{
		Path: f.text("native_log_file_path"), Quorum: quorum, Listen: net.JoinHostPort(ip, port), Log: log, WriteTimeout: time.Hour,
	}
	// It joins the group, but a replica that is a quorum by itself waits for nobody.
	if servers := strings.Split(f.text("zk_endpoints"), ","); quorum > 1 || answers(servers) {
		o.ZK, o.ZNode = servers, f.text("native_log_zk_group_path")
	}
	l, err := mesoslog.Open(ctx, o)
	switch {
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, syscall.EADDRNOTAVAIL):
		return 134 // It aborts.
	case err != nil:
		return 1
	}
	defer l.Close()
	b := backupLoader{log: log, stderr: stderr, most: most, file: f.text("backup")}
	return b.into(ctx, l)
}

func answers(servers []string) bool {
	for _, at := range servers {
		if conn, err := net.DialTimeout("tcp", at, time.Second); err == nil {
			conn.Close()
			return true
		}
	}
	return false
}

// A backupLoader copies a backup into a log.
type backupLoader struct {
	log    *logger
	stderr io.Writer
	most   int // Bytes of an entry.
	file   string
}

func (b *backupLoader) into(ctx context.Context, l *mesoslog.Log) int {
	n := &nativeReplica{l, l.Writer()}
	b.log.info("main", "Recovery", "Ensuring recovery destination is empty")
	if err := n.Elect(ctx); err != nil { // Without end where nobody votes.
		return 128 + int(syscall.SIGTERM)
	}
	var entries [][]byte
	_, err := n.Append(ctx, noop)
	if err == nil {
		entries, _, err = n.Read(ctx)
	}
	if err != nil {
		return thrown(b.stderr, "org.apache.aurora.scheduler.storage.durability.Persistence$PersistenceException", err.Error())
	}
	for _, e := range entries {
		if !bytes.Equal(e, noop) {
			return thrown(b.stderr, "java.lang.IllegalStateException", "Refusing to recover into non-empty persistence")
		}
	}
	text, err := os.ReadFile(b.file)
	if errors.Is(err, os.ErrNotExist) {
		return thrown(b.stderr, "java.lang.RuntimeException", "org.apache.aurora.scheduler.storage.durability.Persistence$PersistenceException: Backup "+b.file+" does not exist.")
	}
	snap, failed := (*snapshot)(nil), err
	if err == nil {
		snap, failed = decodeSnapshot(text)
	}
	if failed != nil {
		return thrown(b.stderr, "org.apache.aurora.scheduler.storage.backup.Recovery$RecoveryException", "Failed to decode backup org.apache.thrift.transport.TTransportException")
	}
	began := time.Now()
	b.log.info("main", "SnapshotterImpl", "Restoring snapshot.")
	ops := snap.state.ops()
	const batch = 50
	for i := 0; i*batch < len(ops); i++ {
		b.log.info("main", "Recovery", "Saving batch %d", i+1)
		for _, f := range frames(transaction(ops[i*batch:min(len(ops), (i+1)*batch)]), b.most) {
			if _, err := n.Append(ctx, f); err != nil {
				return thrown(b.stderr, "org.apache.aurora.scheduler.storage.durability.Persistence$PersistenceException", err.Error())
			}
		}
	}
	b.log.info("main", "Recovery", "Recovery finished")
	b.log.info("main", "Recovery", "Copied %d ops in %d ms", len(ops), time.Since(began).Milliseconds())
	return 0
}

// ops are those that make a state out of nothing, in the order of the real one.
func (s *state) ops() []op {
	var ops []op
	for _, h := range nameOrder(s.hosts) {
		ops = append(ops, op{opSaveHostAttributes, record{{1, tjson.Struct, s.hosts[h]}}.encode()})
	}
	if tasks := s.sortedTasks(taskQuery{}); len(tasks) > 0 {
		ops = append(ops, saveTasks(tasks...))
	}
	for _, k := range jobOrder(s.crons) {
		ops = append(ops, saveCronJob(s.crons[k]))
	}
	if s.frameworkID != "" {
		ops = append(ops, saveFrameworkID(s.frameworkID))
	}
	for _, role := range nameOrder(s.quotas) {
		ops = append(ops, saveQuota(role, s.quotas[role]))
	}
	for _, u := range s.updates {
		ops = append(ops, op{opSaveJobUpdate, record{{1, tjson.Struct, u.job}}.encode()})
		key := u.key()
		of := record{{1, tjson.Struct, key.job.encode()}, {2, tjson.String, vString(key.id)}}.encode()
		for _, e := range u.events {
			ops = append(ops, op{opSaveJobUpdateEvent, record{{1, tjson.Struct, e}, {3, tjson.Struct, of}}.encode()})
		}
		for _, e := range u.instanceEvents {
			ops = append(ops, op{opSaveInstanceEvent, record{{1, tjson.Struct, e}, {3, tjson.Struct, of}}.encode()})
		}
	}
	for _, h := range nameOrder(s.maintenance) {
		ops = append(ops, op{opSaveMaintenanceRequest, record{{1, tjson.Struct, s.maintenance[h]}}.encode()})
	}
	return ops
}
