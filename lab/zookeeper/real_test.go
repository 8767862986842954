package zookeeper

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// javaArchives are the parts of Debian's libzookeeper-java that a server needs.
var javaArchives = []string{"zookeeper.jar", "zookeeper-jute.jar", "slf4j-api.jar", "slf4j-simple.jar", "snappy-java.jar", "metrics-core.jar"}

// startReal runs Debian's ZooKeeper on a port of its own for one test, or
// skips the test where there is none. With AURORABOT_REAL=1 none is a failure.
func startReal(t *testing.T) string {
	t.Helper()
	skip := func(why string) {
		fmt.Printf("REAL ZOOKEEPER: SKIPPED (%s)\n", why)
		if os.Getenv("AURORABOT_REAL") == "1" {
			t.Fatalf("real ZooKeeper asked for by AURORABOT_REAL=1: %s", why)
		}
		t.Skip(why)
	}
	java, err := exec.LookPath("java")
	if err != nil {
		skip("no java")
	}
	var paths []string
	for _, name := range javaArchives {
		paths = append(paths, filepath.Join("/usr/share/java", name))
	}
	if _, err := os.Stat(paths[0]); err != nil {
		skip("no /usr/share/java/zookeeper.jar; it comes with apt-get install libzookeeper-java")
	}
	fmt.Println("REAL ZOOKEEPER: RUN")

	dir, port := t.TempDir(), freePort(t)
	config := fmt.Sprintf("tickTime=%d\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n"+
		"4lw.commands.whitelist=ruok,srvr,mntr\n", contractTick.Milliseconds(), filepath.Join(dir, "data"), port)
	if err := os.WriteFile(filepath.Join(dir, "zoo.cfg"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, java, "-Xmx256m", "-cp", strings.Join(paths, ":"),
		"org.apache.zookeeper.server.quorum.QuorumPeerMain", filepath.Join(dir, "zoo.cfg"))
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("log of the real ZooKeeper:\n%s", log.String())
		}
	})
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	for deadline := time.Now().Add(60 * time.Second); ; {
		if healthy(addr) {
			return addr
		}
		select {
		case <-ended:
			t.Fatalf("real ZooKeeper ended at its start:\n%s", log.String())
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("real ZooKeeper does not answer within 60s")
		}
	}
}

func healthy(addr string) bool {
	nc, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(time.Second))
	_, _ = nc.Write([]byte("ruok"))
	answer := make([]byte, 4)
	n, _ := nc.Read(answer)
	return string(answer[:n]) == "imok"
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
