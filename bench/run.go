package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// program is one row of the table.
type program struct {
	name string
	argv []string
	says string // What its output must hold: proof that it did the work.

	wall, cpu []time.Duration
	peak      int64 // Bytes of memory that were resident at once, of the worst run.
}

// run runs the program once.
func (p *program) run() error {
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return fmt.Errorf("%s: %w: %s", p.name, err, strings.TrimSpace(errs.String()))
	}
	if !strings.Contains(out.String(), p.says) {
		return fmt.Errorf("%s: %q is not in its output: %.200s", p.name, p.says, out.String())
	}
	// The kernel counts a process together with the children that it waited for.
	u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	p.wall = append(p.wall, wall)
	p.cpu = append(p.cpu, time.Duration(u.Utime.Nano()+u.Stime.Nano()))
	p.peak = max(p.peak, u.Maxrss<<10)
	return nil
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

// measure runs every program some times in turn, so that what else the machine
// does hits all of them, and prints the table.
func measure(args []string) error {
	f := flag.NewFlagSet("run", flag.ContinueOnError)
	bot := f.String("aurorabot", "", "our `program`")
	self := f.String("bench", "", "this `program`")
	peer := f.String("peer", "", "the `program` with Apache Thrift's code; left out if empty")
	backup := f.String("backup", "", "`file` of 100,000 tasks")
	log := f.String("log", "", "`folder` of 200,000 entries")
	runs := f.Int("runs", 5, "runs of each")
	if err := f.Parse(args); err != nil {
		return err
	}
	var (
		// The whole file in Thrift's own buffer is how such code is usually
		// written, and what the goals were set by; a stream is the best it can do.
		thrift  = &program{name: "Apache Thrift's Go, decode", argv: []string{*peer, *backup}, says: "100000 tasks"}
		stream  = &program{name: "  as a stream", argv: []string{*peer, "-stream", *backup}, says: "100000 tasks"}
		hashing = &program{name: "  as a stream, and SHA-256", argv: []string{*peer, "-stream", "-sha256", *backup}, says: "100000 tasks"}
		walk    = &program{name: "aurorabot's decoder, decode", argv: []string{*self, "decode", *backup}, says: "100000 tasks"}
		inspect = &program{name: "aurorabot backup inspect (with SHA-256)", argv: []string{*bot, "backup", "inspect", "--json", *backup}, says: `"total": 100000`}
		cat     = &program{name: "cat DIR/* | sha256sum", argv: []string{"sh", "-c", `cat "$0"/* | sha256sum`, *log}, says: "-"}
		level   = &program{name: "goleveldb's iterator, checksums verified", argv: []string{*self, "goleveldb", *log}, says: "200001 records"}
		read    = &program{name: "aurorabot log inspect", argv: []string{*bot, "log", "inspect", "--json", *log}, says: `"transactions": 199999`}
	)
	backups, logs := []*program{walk, inspect}, []*program{cat, level, read}
	if *peer != "" {
		backups = []*program{thrift, stream, hashing, walk, inspect}
	}
	for range *runs {
		for _, p := range slices.Concat(backups, logs) {
			if err := p.run(); err != nil {
				return err
			}
		}
	}
	table("A backup of 100,000 tasks, "+size(*backup), backups)
	if *peer != "" {
		goal("decode, times as fast", ratio(thrift.wall, walk.wall), 10, true)
		figure("  by processor time", ratio(thrift.cpu, walk.cpu))
		figure("  as the stream", ratio(stream.wall, walk.wall))
		goal("whole command, times as fast as the decode alone", ratio(thrift.wall, inspect.wall), 6, true)
		figure("  by processor time", ratio(thrift.cpu, inspect.cpu))
		figure("  as the stream and SHA-256", ratio(hashing.wall, inspect.wall))
	}
	goal("peak memory of the command, MiB", mib(inspect.peak), 32, false)
	fmt.Println()
	table("A log of 200,000 entries, "+size(*log), logs)
	goal("processor time, times that of cat | sha256sum", ratio(read.cpu, cat.cpu), 1.5, false)
	figure("  times that of goleveldb's iterator", ratio(read.cpu, level.cpu))
	goal("peak memory, MiB", mib(read.peak), 64, false)
	return nil
}

func table(title string, programs []*program) {
	fmt.Printf("%s (medians of %d runs; peak of all)\n", title, len(programs[0].wall))
	fmt.Printf("  %-42s %9s %9s %12s\n", "", "wall", "CPU", "peak memory")
	for _, p := range programs {
		fmt.Printf("  %-42s %8.2fs %8.2fs %8.1f MiB\n", p.name, median(p.wall).Seconds(), median(p.cpu).Seconds(), mib(p.peak))
	}
}

func figure(what string, got float64) { fmt.Printf("  %-50s %6.2f\n", what, got) }

// goal prints a figure beside what it should be: at least so much, or at most.
func goal(what string, got, want float64, least bool) {
	bound, met := "at most", got <= want
	if least {
		bound, met = "at least", got >= want
	}
	verdict := "met"
	if !met {
		verdict = "missed"
	}
	fmt.Printf("  %-50s %6.2f   goal %s %g: %s\n", what, got, bound, want, verdict)
}

func ratio(a, b []time.Duration) float64 { return float64(median(a)) / float64(median(b)) }

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// size is that of a file, or of the files in a folder.
func size(path string) string {
	entries, err := os.ReadDir(path)
	total := int64(0)
	if err != nil {
		if info, err := os.Stat(path); err == nil {
			total = info.Size()
		}
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			total += info.Size()
		}
	}
	return fmt.Sprintf("%d MB", total/1e6)
}
