package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"time"

	"golang.org/x/crypto/ssh"

	"aurorabot/lab/host"
)

// realGround are hosts with systemd and sshd in namespaces of their own, on a
// bridge, and Debian's ZooKeeper on the bridge's own address.
type realGround struct {
	lab *host.RealLab

	bastion    string // Its address, the only one that hosts let in. Empty: there is none.
	supervised supervisor
	env        []string // For the start of the schedulers, where systemd does not give it.

	zk   *exec.Cmd
	over chan struct{} // Closed when ZooKeeper has ended.
	log  bytes.Buffer
}

// archives are the parts of Debian's packages that ZooKeeper needs.
var archives = []string{"zookeeper.jar", "zookeeper-jute.jar", "slf4j-api.jar", "slf4j-simple.jar", "snappy-java.jar", "metrics-core.jar", "commons-cli.jar"}

const archiveDir = "/usr/share/java"

func (r *realGround) start(ctx context.Context, c *Cluster) error {
	if err := host.Supported(); err != nil {
		return err
	}
	if err := host.Prepare(ctx, append(supervisors[c.opt.Supervisor].packages, "default-jre-headless", "libzookeeper-java", "libslf4j-java", "libsnappy-java", "libdropwizard-metrics-java", "libcommons-cli-java")...); err != nil {
		return err
	}
	lab, err := host.StartReal(ctx)
	if err != nil {
		return err
	}
	r.lab = lab
	return r.zooKeeper(ctx, c.dir)
}

// zooKeeper starts Debian's ZooKeeper with the lab's own configuration.
func (r *realGround) zooKeeper(ctx context.Context, dir string) error {
	var path []string
	for _, a := range archives {
		file := filepath.Join(archiveDir, a)
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("real ZooKeeper: %w", err)
		}
		path = append(path, file)
	}
	config := filepath.Join(dir, "zoo.cfg")
	text := fmt.Sprintf("tickTime=500\nminSessionTimeout=1000\nmaxSessionTimeout=60000\ndataDir=%s\nclientPort=2181\nclientPortAddress=%s\nadmin.enableServer=false\n4lw.commands.whitelist=srvr\n",
		filepath.Join(dir, "zookeeper"), r.servers())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	r.zk = exec.Command("java", "-Xmx256m", "-cp", strings.Join(path, ":"), "org.apache.zookeeper.server.quorum.QuorumPeerMain", config)
	r.zk.Stdout, r.zk.Stderr = &r.log, &r.log
	if err := r.zk.Start(); err != nil {
		return fmt.Errorf("real ZooKeeper: %w", err)
	}
	r.over = make(chan struct{})
	go func() {
		_ = r.zk.Wait() // It is killed.
		close(r.over)
	}()
	err := until(ctx, time.Minute, "ZooKeeper to serve", func() bool { return r.ended() || serves(r.servers()+":2181") })
	if err == nil && r.ended() {
		return fmt.Errorf("real ZooKeeper ended at its start: %s", strings.TrimSpace(r.log.String()))
	}
	return err
}

func (r *realGround) ended() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

// serves asks for srvr: a server says imok to ruok before it serves anybody.
func serves(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write([]byte("srvr"))
	answer, _ := io.ReadAll(conn)
	return strings.Contains(string(answer), "Mode: ")
}

func (r *realGround) servers() string { return r.lab.Gateway() }

// fewSessions is below what sshd allows without it, 10.
const fewSessions = "MaxSessions 2\n"

// before makes a bastion: a host that runs nothing for those who log in.
func (r *realGround) before(ctx context.Context, c *Cluster) (host.Machine, error) {
	b, err := r.lab.Host(ctx, host.RealOptions{
		Name: "bastion", Users: []string{User}, AuthorizedKeys: []ssh.PublicKey{c.key}, SSHD: fewSessions + "ForceCommand /bin/false\n",
	})
	if err != nil {
		return nil, err
	}
	r.bastion = b.IP()
	return b, nil
}

func (r *realGround) host(ctx context.Context, c *Cluster, n int) (host.Machine, error) {
	sshd := ""
	if r.bastion != "" {
		sshd = fewSessions + "AllowUsers " + User + "@" + r.bastion + "\n"
	}
	h, err := r.lab.Host(ctx, host.RealOptions{
		Name: fmt.Sprintf("s%d", n), Users: []string{User}, Accounts: []string{SchedulerUser}, AuthorizedKeys: []ssh.PublicKey{c.key},
		Bin: c.opt.Bin, Links: Programs(), SSHD: sshd,
	})
	if err != nil {
		return nil, err
	}
	if init, err := r.exec(h, "cat", "/proc/1/comm"); err != nil || init != "systemd\n" {
		return nil, fmt.Errorf("host %s: PID 1 is %q, not systemd: %w", h.Name(), init, err)
	}
	env := c.environment()
	if r.supervised = supervisors[c.opt.Supervisor]; r.supervised.packages != nil {
		r.env = env
		return h, nil
	}
	if len(env) == 0 {
		return h, nil
	}
	dir := h.Path("/etc/systemd/system/" + host.Unit + ".d")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return h, os.WriteFile(filepath.Join(dir, "lab.conf"), []byte("[Service]\nEnvironment="+strings.Join(env, " ")+"\n"), 0o644)
}

func (r *realGround) ip(h host.Machine) string { return h.(*host.Real).IP() }

// boot starts the scheduler: the host itself has booted.
func (r *realGround) boot(h host.Machine) error {
	if r.supervised.packages != nil {
		return r.supervise(h)
	}
	_, err := r.exec(h, "systemctl", "start", host.Unit)
	return err
}

func (r *realGround) exec(h host.Machine, argv ...string) (string, error) {
	out, err := h.(*host.Real).Exec(argv...)
	return string(out), err
}

func (r *realGround) http(h host.Machine, method, url string) (string, error) {
	return r.exec(h, "curl", "-sS", "-f", "-m", "5", "-X", method, url)
}

func (r *realGround) admin(h host.Machine, config string, args []string) (string, error) {
	return r.exec(h, append([]string{"env", "AURORA_CONFIG_ROOT=" + config, "aurora_admin"}, args...)...)
}

// expire cannot: ZooKeeper ends sessions by itself only.
func (r *realGround) expire(int64) bool { return false }

func (r *realGround) own(h host.Machine, path string) error {
	_, err := r.exec(h, "chown", "-R", SchedulerUser+":"+SchedulerUser, path)
	return err
}

func (r *realGround) close() {
	if r.zk != nil && r.zk.Process != nil && r.over != nil {
		_ = r.zk.Process.Kill() // It may have ended.
		<-r.over
	}
	if r.lab != nil {
		_ = r.lab.Close() // What is left is cleared up by the next start.
	}
}
