// Package zktest runs Debian's ZooKeeper, server and command line, for tests
// that compare the embedded server and our client with the real ones.
//
// Both come with apt-get install libzookeeper-java. Where they are missing a
// test is skipped, and says so; with AURORABOT_REAL=1 it fails.
package zktest

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
	"testing"
	"time"
)

// archives are the parts of Debian's packages that both programs need.
var archives = []string{"zookeeper.jar", "zookeeper-jute.jar", "slf4j-api.jar", "slf4j-simple.jar", "snappy-java.jar", "metrics-core.jar", "commons-cli.jar"}

const archiveDir = "/usr/share/java"

// java returns the program and its class path, or ends the test without them.
func java(t testing.TB) (program, classPath string) {
	t.Helper()
	missing := func(why string) {
		fmt.Printf("REAL ZOOKEEPER: SKIPPED (%s)\n", why)
		if os.Getenv("AURORABOT_REAL") == "1" {
			t.Fatalf("real ZooKeeper asked for by AURORABOT_REAL=1: %s", why)
		}
		t.Skip(why)
	}
	program, err := exec.LookPath("java")
	if err != nil {
		missing("no java")
	}
	var paths []string
	for _, name := range archives {
		path := filepath.Join(archiveDir, name)
		if _, err := os.Stat(path); err != nil {
			missing("no " + path + "; it comes with apt-get install libzookeeper-java")
		}
		paths = append(paths, path)
	}
	return program, strings.Join(paths, ":")
}

// Client runs ZooKeeper's own command line against the server at addr, gives
// it the commands, one a line, and returns what it prints.
func Client(t testing.TB, addr, commands string) string {
	t.Helper()
	program, classPath := java(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-Xmx128m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", classPath,
		"org.apache.zookeeper.ZooKeeperMain", "-server", addr)
	cmd.Stdin = strings.NewReader(commands)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("zkCli on %s: %v\n%s", addr, err, out)
	}
	return string(out)
}

// Server runs a real ZooKeeper with the tick given, on a loopback port of its
// own, until the test ends, and returns its address.
func Server(t testing.TB, tick time.Duration) string {
	t.Helper()
	program, classPath := java(t)
	fmt.Println("REAL ZOOKEEPER: RUN")

	dir, port := t.TempDir(), freePort(t)
	config := fmt.Sprintf("tickTime=%d\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n"+
		"4lw.commands.whitelist=ruok,srvr,mntr\n", tick.Milliseconds(), filepath.Join(dir, "data"), port)
	if err := os.WriteFile(filepath.Join(dir, "zoo.cfg"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "-Xmx256m", "-cp", classPath,
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

// healthy asks for srvr: to ruok a server says imok before it serves anybody.
func healthy(addr string) bool {
	nc, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(time.Second))
	_, _ = nc.Write([]byte("srvr"))
	answer, _ := io.ReadAll(nc)
	return strings.Contains(string(answer), "Mode: ")
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
