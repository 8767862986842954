package scheduler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"aurorabot/lab/master"
)

// Main is the program aurora-scheduler of the lab. args[0] is its name. It runs
// until SIGTERM, and then returns 143; what it returns otherwise is the exit
// status of the real one: 1 for flags that it refuses and a log that it can't
// open, 0 when its application ended and the release does not linger.
func Main(args []string, _ io.Reader, stdout, stderr io.Writer, environ []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if status, over := launch(ctx, args, stdout, stderr, environ); over {
		return status
	}
	if getenv(environ, "AURORA_LAB_NODES_LINGER") != "" {
		// As the JVM does: no session is closed, so the nodes stay.
		context.AfterFunc(ctx, func() { os.Exit(143) })
	}
	return Run(ctx, args, stdout, stderr, environ)
}

const (
	forkStays = "stays"
	forked    = "LAB_FORKED=yes" // Marks the launcher's child.
)

// launch does what the launcher, a shell script, does before it becomes the
// scheduler: for a moment a subshell of it has the same arguments. One that
// does not exec stays as the scheduler's parent; over is true then, and for the
// subshell.
func launch(ctx context.Context, args []string, stdout, stderr io.Writer, environ []string) (status int, over bool) {
	how := getenv(environ, "AURORA_LAB_FORK")
	if how == "" || slices.Contains(environ, forked) && how == forkStays {
		return 0, false
	}
	if slices.Contains(environ, forked) {
		k := knobs{values: map[string]string{"FORK": how}}
		select {
		case <-ctx.Done():
		case <-time.After(k.duration("FORK")):
		}
		return 0, true
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1, true
	}
	child := &exec.Cmd{Path: self, Args: args, Env: append(slices.Clone(environ), forked), Stdout: stdout, Stderr: stderr}
	if err := child.Start(); err != nil {
		fmt.Fprintln(stderr, err)
		return 1, true
	}
	defer context.AfterFunc(ctx, func() { _ = child.Process.Signal(syscall.SIGTERM) })()
	err = child.Wait()
	if how != forkStays {
		return 143, ctx.Err() != nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), true
	}
	return 0, true
}

// Run is [Main] with a context in the place of SIGTERM, so that several
// schedulers fit into one process.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, environ []string) int {
	k, err := readKnobs(environ)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	release := k.get("VERSION")
	if release == "" {
		release = "0.22.0"
	}
	v, err := parseVersion(release)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	log := &logger{w: stderr, zone: zoneOf(environ), clock: time.Now}
	f, err := parseFlags(v.flags(flagTable()), args[1:])
	var set *settings
	if err == nil {
		set, err = readSettings(f, environ)
	}
	if err != nil {
		log.error("main", "CommandLine", "%v", err)
		fmt.Fprint(stdout, usage)
		return 1
	}
	s := newScheduler(set, v, k, log, environ)
	s.command = strings.Join(append([]string{"org.apache.aurora.scheduler.app.SchedulerMain"}, args[1:]...), " ")
	return s.run(ctx)
}

// zoneOf is the time zone of the JVM: -Duser.timezone in JAVA_OPTS, else TZ, else
// the machine's.
func zoneOf(environ []string) *time.Location {
	name := getenv(environ, "TZ")
	for _, o := range strings.Fields(getenv(environ, "JAVA_OPTS")) {
		if z, ok := strings.CutPrefix(o, "-Duser.timezone="); ok {
			name = z
		}
	}
	if name == "" {
		return time.Local
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC // as the JVM does with a zone that it does not know
	}
	return zone
}

func newScheduler(set *settings, v version, k *knobs, log *logger, environ []string) *scheduler {
	s := &scheduler{
		set: set, version: v, knobs: k, log: log, clock: time.Now, environ: environ,
		lifecycle: stateIdle, started: time.Now(), down: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	s.count.responses = map[string]int{}
	s.storage = &storage{set: set, knobs: k, log: log, build: v.build(), clock: s.clock, fatal: s.shutdown, phase: "CONSTRUCTED", state: newState()}
	s.backups = &backups{set: set, knobs: k, log: log, build: v.build(), clock: s.clock, last: s.started}
	s.candidate = &candidate{set: set, version: v, log: log}
	s.candidate.elected = func() { s.work.Go(s.lead) }
	s.candidate.lost = func() {
		if st := s.at(); st == stateAwaiting || st == stateActive {
			s.log.error("LeaderSelector-0", "SchedulerLifecycle", "Lost leadership, committing suicide.")
			go s.shutdown("LeaderSelector-0")
		}
	}
	s.candidate.expired = func() {
		if k.get("EXPIRED_ENDS") != "" {
			go s.shutdown("main-EventThread")
		}
	}
	return s
}

// run is the life of the process.
func (s *scheduler) run(ctx context.Context) int {
	process, end := context.WithCancel(ctx)
	defer end()
	s.process = process
	s.ctx, s.stop = context.WithCancel(process)
	s.log.info("main", "CommandLine", "-----------------------------------------------------------------------")
	s.log.info("main", "CommandLine", "Parameters:")
	for _, p := range s.set.flags.parameters() {
		s.log.info("main", "CommandLine", "%s", p)
	}
	s.log.info("main", "CommandLine", "-----------------------------------------------------------------------")
	var replica *nativeReplica
	openLog := func() (err error) {
		if replica == nil {
			replica, err = openReplica(process, s.set, s.knobs, s.log, s.environ)
		}
		return err // the replica has logged why
	}
	http := s.knobs.duration("START_DELAY")
	if s.knobs.get("REPLICA_DELAY") != "" {
		if !s.pass(ctx, s.knobs.duration("REPLICA_DELAY")) {
			return 143
		}
		if openLog() != nil {
			return 1
		}
		defer replica.Close()
	}
	if !s.pass(ctx, http-time.Since(s.started)) {
		return 143
	}
	s.log.info("main", "CuratorFrameworkImpl", "Starting")
	if err := s.candidate.connect(); err != nil {
		s.log.error("main", "SchedulerMain", "%v", err)
		return 1
	}
	defer s.candidate.close()
	for _, key := range nameOrder(s.version.build()) {
		s.log.info("TimeSeriesRepositoryImpl STARTING", "TimeSeriesRepositoryImpl", "Build Info key: %s has value %s", key, s.version.build()[key])
	}
	if err := s.listen(); err != nil {
		s.log.error("main", "SchedulerMain", "Failed to start HTTP server: java.net.BindException: %v", err)
		return 1
	}
	defer s.server.Close()
	s.log.info("HttpServerLauncher STARTING", "Server", "Started @%dms", time.Since(s.started).Milliseconds())
	s.move("main", statePreparing)
	if openLog() != nil {
		return 1
	}
	s.storage.replica = replica
	s.storage.move("main", "PREPARED")
	s.move("main", statePrepared)
	s.log.info("main", "Lifecycle", "Awaiting shutdown")
	s.work.Go(func() { s.candidate.run(s.ctx) })
	status := s.await(ctx)
	end()
	s.candidate.close()
	_ = s.server.Close()
	s.work.Wait()
	_ = replica.Close() // the process is over
	return status
}

// pass lets time go by; false if the process is to end.
func (s *scheduler) pass(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// await returns the exit status when the process is to end.
func (s *scheduler) await(ctx context.Context) int {
	select {
	case <-ctx.Done():
		s.log.info("ShutdownHook", "SchedulerMain", "Stopping scheduler services.")
		return 143
	case <-s.down:
	}
	switch s.knobs.get("LINGER") {
	case "no":
		return 0
	case "yes":
	default:
		if !s.version.lingers() {
			return 0
		}
	}
	<-ctx.Done()
	s.log.info("ShutdownHook", "SchedulerMain", "Stopping scheduler services.")
	return 143
}

// RunningTasks returns the tasks that a master must be running for the state of
// a backup to be true: see [master.Seed].
func RunningTasks(backup []byte) ([]master.Task, error) {
	snap, err := decodeSnapshot(backup)
	if err != nil {
		return nil, fmt.Errorf("decode backup: %w", err)
	}
	var out []master.Task
	for _, t := range snap.state.sortedTasks(taskQuery{}) {
		if t.status.placed() {
			out = append(out, master.Task{ID: t.id, Name: t.job.String(), Framework: snap.state.frameworkID, Agent: t.agent, Host: t.host, State: master.Running})
		}
	}
	return out, nil
}
