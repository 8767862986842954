package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"aurorabot/lab/auroraadmin"
	"aurorabot/lab/host"
	"aurorabot/lab/tools"
	"aurorabot/lab/zookeeper"
)

// A ground is what the cluster stands on: embedded hosts, or real ones.
type ground interface {
	// start brings ZooKeeper up, at port 2181 of servers.
	start(ctx context.Context, c *Cluster) error
	servers() string // IP address of ZooKeeper and the Mesos master.
	// host makes the n-th host, s1, s2, …
	host(ctx context.Context, c *Cluster, n int) (host.Machine, error)
	ip(h host.Machine) string
	// boot starts the scheduler, which is enabled.
	boot(h host.Machine) error
	// exec runs a command as root, behind the back of the host's SSH server.
	exec(h host.Machine, argv ...string) (string, error)
	// own gives a path of the host to the scheduler's user.
	own(h host.Machine, path string) error
	// http asks a host's scheduler as the host itself does.
	http(h host.Machine, method, url string) (string, error)
	// admin runs aurora_admin on a host, with the clusters.json in a folder there.
	admin(h host.Machine, config string, args []string) (string, error)
	// expire ends a ZooKeeper session; false if it cannot.
	expire(session int64) bool
	close()
}

// embedded hosts have addresses 127.0.X.*: several labs can run at once, since
// each takes another X.
type embedded struct {
	net string // "127.0.142".
	zk  *zookeeper.Server
}

func (e *embedded) start(ctx context.Context, _ *Cluster) error {
	var first error
	for try := range 60 {
		e.net = fmt.Sprintf("127.0.%d", 101+(os.Getpid()+try)%100)
		zk, err := zookeeper.Start(ctx, e.servers()+":2181", zookeeper.Options{TickTime: 500 * time.Millisecond, MaxTimeout: time.Minute})
		if err == nil {
			e.zk = zk
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return fmt.Errorf("no network 127.0.X is free: %w", first)
}

func (e *embedded) servers() string { return e.net + ".9" }

func (e *embedded) host(ctx context.Context, c *Cluster, n int) (host.Machine, error) {
	name := fmt.Sprintf("s%d", n)
	root := filepath.Join(c.dir, name)
	env := append([]string{"AURORA_CONFIG_ROOT=" + filepath.Join(root, "etc/aurora"), "TZ=UTC"}, c.environment()...)
	return host.Start(ctx, host.Options{
		Name: name, IP: fmt.Sprintf("%s.%d", e.net, n), Root: root, Bin: c.opt.Bin, Links: Programs(),
		Users: []string{User}, Accounts: []string{SchedulerUser}, AuthorizedKeys: []ssh.PublicKey{c.key},
		Env: env, Log: c.opt.Log,
	})
}

// ends reports whether each leader's process ends with its application.
func ends(kind string) bool { return kind == Flapping || kind == FlappingZooKeeper }

// noLinger makes a scheduler's process end with its application. It is set
// where leaders end one after the other: only a supervisor that starts it again and
// again makes it flap, as recorded.
const noLinger = "AURORA_LAB_LINGER=no"

func (e *embedded) ip(h host.Machine) string { return e.net + "." + strings.TrimPrefix(h.Name(), "s") }

func (e *embedded) boot(h host.Machine) error { return h.Boot() }

func (e *embedded) exec(h host.Machine, argv ...string) (string, error) {
	var out, errs bytes.Buffer
	status := tools.All[argv[0]](argv[1:], nil, &out, &errs, []string{tools.RootVariable + "=" + h.Path("/"), "USER=root"})
	if status != 0 {
		return out.String(), fmt.Errorf("host %s: %s: exit status %d: %s", h.Name(), strings.Join(argv, " "), status, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

func (e *embedded) http(_ host.Machine, method, url string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return "", err
	}
	body, err := do(req)
	return string(body), err
}

func (e *embedded) admin(h host.Machine, config string, args []string) (string, error) {
	var out bytes.Buffer
	status := auroraadmin.Main(append([]string{"aurora_admin"}, args...), nil, &out, &out, []string{"AURORA_CONFIG_ROOT=" + h.Path(config), "HOME=" + h.Path("/root")})
	if status != 0 {
		return out.String(), fmt.Errorf("host %s: aurora_admin %s: exit status %d: %s", h.Name(), strings.Join(args, " "), status, strings.TrimSpace(out.String()))
	}
	return out.String(), nil
}

func (e *embedded) expire(session int64) bool { return e.zk.ExpireSession(session) }

// own does nothing: all accounts of an embedded host are one.
func (e *embedded) own(host.Machine, string) error { return nil }

func (e *embedded) close() {
	if e.zk != nil {
		e.zk.Close()
	}
}
