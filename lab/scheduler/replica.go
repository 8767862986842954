package scheduler

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aurorabot/lab/mesoslog"
)

// A nativeReplica is the replica in this process.
type nativeReplica struct {
	log    *mesoslog.Log
	writer *mesoslog.Writer
}

// openReplica opens the folder and joins the group. The address that libprocess
// listens on comes from the environment, as in the real start scripts.
func openReplica(ctx context.Context, set *settings, k *knobs, log *logger, environ []string) (*nativeReplica, error) {
	if err := os.MkdirAll(filepath.Dir(set.logPath), 0o755); err != nil {
		return nil, err
	}
	ip, port := getenv(environ, "LIBPROCESS_IP"), getenv(environ, "LIBPROCESS_PORT")
	if ip == "" {
		ip = set.bind()
	}
	if port == "" {
		port = "0"
	}
	o := mesoslog.Options{
		Path: set.logPath, Quorum: set.quorum, Listen: net.JoinHostPort(ip, port),
		ZKTimeout: set.zkSession, WriteTimeout: set.writeTimeout, Log: log,
		Alone: func() bool { return k.get("LOG_ALONE") != "" },
	}
	if getenv(environ, "GLOG_v") != "" && getenv(environ, "GLOG_v") != "0" {
		o.Verbosity = 1
	}
	if set.logGroup != "" {
		o.ZK, o.ZNode = set.zk, set.logGroup
	}
	l, err := mesoslog.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return &nativeReplica{l, l.Writer()}, nil
}

func getenv(environ []string, name string) string {
	value := ""
	for _, e := range environ {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			value = v
		}
	}
	return value
}

var errElection = errors.New("the election was lost")

// Elect tries until it is elected or ctx ends: a lost election can be tried
// again.
func (n *nativeReplica) Elect(ctx context.Context) error {
	for {
		_, ok, err := n.writer.Start(ctx)
		if err != nil {
			return err
		}
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return errElection
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// deadline tells a timeout as the storage wants to hear it.
func deadline(err error) error {
	if errors.Is(err, mesoslog.ErrTimeout) {
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return err
}

func (n *nativeReplica) Append(ctx context.Context, entry []byte) (uint64, error) {
	at, err := n.writer.Append(ctx, entry)
	return at, deadline(err)
}

func (n *nativeReplica) Truncate(ctx context.Context, to uint64) error {
	_, err := n.writer.Truncate(ctx, to)
	return deadline(err)
}

// Read returns what the replica has learned; what else stands there (NOPs,
// truncations) is skipped.
func (n *nativeReplica) Read(ctx context.Context) (entries [][]byte, skipped int, err error) {
	r := n.log.Reader()
	from, err := r.Beginning(ctx)
	if err != nil {
		return nil, 0, err
	}
	to, err := r.Ending(ctx)
	if err != nil {
		return nil, 0, err
	}
	found, err := r.Read(ctx, from, to)
	if err != nil {
		return nil, 0, err
	}
	for _, e := range found {
		entries = append(entries, e.Data)
	}
	return entries, int(to-from) + 1 - len(found), nil
}

func (n *nativeReplica) Close() error { return n.log.Close() }
