package master

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

// Run is the program mesos-master of the lab. It serves until ctx ends, as the
// real one does until SIGTERM, and then returns 143. It leaves args[0], its
// name, alone.
func Run(ctx context.Context, args []string, _, stderr io.Writer, _ []string) int {
	f := flag.NewFlagSet("mesos-master", flag.ContinueOnError)
	f.SetOutput(stderr)
	ip := f.String("ip", "127.0.0.1", "address to listen on")
	port := f.Int("port", 5050, "port to listen on")
	hostname := f.String("hostname", "", "name to publish; the address if empty")
	zookeeper := f.String("zk", "", "where to publish, zk://host:port/path; nowhere if empty")
	workDir := f.String("work_dir", "", "folder in which the running tasks outlive the master; none if empty")
	agents := f.Int("lab_agents", 6, "number of agents")
	if err := f.Parse(args[1:]); err != nil {
		return 1
	}
	file := ""
	if *workDir != "" {
		file = filepath.Join(*workDir, "tasks.json")
	}
	cluster, err := NewCluster(uuid(), *agents, file, time.Now)
	if err != nil {
		fmt.Fprintf(stderr, "mesos-master: %v\n", err)
		return 1
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(*ip, fmt.Sprint(*port)))
	if err != nil {
		fmt.Fprintf(stderr, "mesos-master: %v\n", err)
		return 1
	}
	at := listener.Addr().(*net.TCPAddr)
	if *hostname == "" {
		*hostname = *ip
	}
	info := infoOf(at, *hostname)
	server := &http.Server{Handler: cluster.Handler(info), ReadHeaderTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(stderr, "Master %s started on %s\n", info.ID, at)
	if *zookeeper != "" {
		conn, err := publish(ctx, *zookeeper, info)
		if err != nil {
			fmt.Fprintf(stderr, "mesos-master: %v\n", err)
			_ = server.Close()
			return 1
		}
		defer conn.Close()
	}
	select {
	case <-ctx.Done():
		_ = server.Close()
		return 143
	case err := <-failed:
		fmt.Fprintf(stderr, "mesos-master: %v\n", err)
		return 1
	}
}

func uuid() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // crypto/rand does not fail
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func infoOf(at *net.TCPAddr, hostname string) Info {
	ip := at.IP.String()
	i := Info{
		Address: Address{hostname, ip, at.Port}, Hostname: hostname, ID: "lab-master",
		PID: fmt.Sprintf("master@%s", at), Port: at.Port, Version: "1.6.1",
	}
	if a, err := netip.ParseAddr(ip); err == nil && a.Unmap().Is4() {
		b := a.Unmap().As4()
		i.IP = binary.LittleEndian.Uint32(b[:])
	}
	return i
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// publish writes the master's node as a session's own, so that it goes with the
// master, and writes it again when a session was lost.
func publish(ctx context.Context, address string, info Info) (*zk.Conn, error) {
	servers, path, err := ParseZK(address)
	if err != nil {
		return nil, err
	}
	conn, events, err := zk.Connect(servers, 10*time.Second, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, conn.Close)
	node, err := createNode(conn, path, info)
	if err != nil {
		stop()
		conn.Close()
		return nil, err
	}
	go func() {
		defer stop()
		for e := range events { // ends when the connection is closed
			if e.Type != zk.EventSession || e.State != zk.StateHasSession {
				continue
			}
			if there, _, err := conn.Exists(node); err != nil || there {
				continue
			}
			if again, err := createNode(conn, path, info); err == nil {
				node = again
			}
		}
	}()
	return conn, nil
}

// createNode makes the path and, in it, the master's node.
func createNode(conn *zk.Conn, path string, info Info) (string, error) {
	at := ""
	for _, part := range strings.Split(strings.Trim(path, "/"), "/") {
		at += "/" + part
		if _, err := conn.Create(at, nil, 0, zk.WorldACL(zk.PermAll)); err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return "", fmt.Errorf("publish in %s: %w", at, err)
		}
	}
	data, err := json.Marshal(info)
	if err != nil {
		return "", err
	}
	node, err := conn.Create(path+"/json.info_", data, zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll))
	if err != nil {
		return "", fmt.Errorf("publish in %s: %w", path, err)
	}
	return node, nil
}

// ParseZK splits zk://[user:password@]host:port,host:port/path.
func ParseZK(address string) (servers []string, path string, err error) {
	rest, ok := strings.CutPrefix(address, "zk://")
	if !ok {
		return nil, "", fmt.Errorf("ZooKeeper address %q: no zk://", address)
	}
	hosts, path, ok := strings.Cut(rest, "/")
	if !ok || path == "" {
		return nil, "", fmt.Errorf("ZooKeeper address %q: no path", address)
	}
	if i := strings.LastIndex(hosts, "@"); i >= 0 {
		hosts = hosts[i+1:]
	}
	for _, h := range strings.Split(hosts, ",") {
		if _, _, err := net.SplitHostPort(h); err != nil {
			h = net.JoinHostPort(h, "2181")
		}
		servers = append(servers, h)
	}
	return servers, "/" + path, nil
}
