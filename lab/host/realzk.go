package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// zooKeeperPackages bring Debian's ZooKeeper and a Java to run it.
var zooKeeperPackages = []string{"libzookeeper-java", "default-jre-headless"}

// zooKeeperArchives are ZooKeeper and what its server needs, in /usr/share/java.
var zooKeeperArchives = []string{
	"zookeeper", "zookeeper-jute", "slf4j-api", "slf4j-simple", "snappy-java", "metrics-core", "commons-cli",
}

// ZooKeeper starts Debian's real ZooKeeper on the lab's address on the bridge,
// installing it if it is missing, and returns "ip:port". It ends with the lab.
func (l *RealLab) ZooKeeper(ctx context.Context) (string, error) {
	if err := Prepare(ctx, zooKeeperPackages...); err != nil {
		return "", fmt.Errorf("zookeeper: %w", err)
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return "", fmt.Errorf("zookeeper: %w", err)
	}
	dir := filepath.Join(l.dir, "zookeeper")
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		return "", err
	}
	const port = "2181"
	config := fmt.Sprintf(`tickTime=2000
dataDir=%s/data
clientPort=%s
clientPortAddress=%s
admin.enableServer=false
4lw.commands.whitelist=*
maxClientCnxns=0
`, dir, port, l.Gateway())
	if err := os.WriteFile(filepath.Join(dir, "zoo.cfg"), []byte(config), 0o644); err != nil {
		return "", err
	}
	var archives []string
	for _, name := range zooKeeperArchives {
		archives = append(archives, "/usr/share/java/"+name+".jar")
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	cgroup := filepath.Join(l.cgroup, "zookeeper")
	if err := os.MkdirAll(cgroup, 0o755); err != nil {
		return "", err
	}
	group, err := os.Open(cgroup)
	if err != nil {
		return "", err
	}
	defer group.Close()
	cmd := exec.Command(java, "-Xmx128m", "-cp", strings.Join(archives, ":"),
		"org.apache.zookeeper.server.quorum.QuorumPeerMain", filepath.Join(dir, "zoo.cfg"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, UseCgroupFD: true, CgroupFD: int(group.Fd())}
	over, err := startKilled(cmd)
	if err != nil {
		return "", fmt.Errorf("zookeeper: %w", err)
	}
	l.mu.Lock()
	l.stop = append(l.stop, func() {
		_ = cmd.Process.Kill() // Gone already: that is what is wanted.
		<-over
	})
	l.mu.Unlock()
	address := net.JoinHostPort(l.Gateway(), port)
	for range 600 {
		if serves(address) {
			return address, nil
		}
		select {
		case <-over:
			text, _ := os.ReadFile(log.Name())
			return "", fmt.Errorf("zookeeper: it ended: %s", lastLine(text))
		case <-ctx.Done():
			return "", fmt.Errorf("zookeeper: %w", context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
	return "", errors.New("zookeeper: it does not answer within a minute")
}

// serves asks ZooKeeper whether it serves clients; "ruok" is answered earlier.
func serves(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	if c.SetDeadline(time.Now().Add(time.Second)) != nil {
		return false
	}
	if _, err := c.Write([]byte("srvr")); err != nil {
		return false
	}
	answer, err := io.ReadAll(c)
	return err == nil && strings.Contains(string(answer), "Mode: ")
}
