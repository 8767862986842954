package cli

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// callsSocket names the socket that the test binary calls, where it plays a client; with
// a second word its login is that uid first.
const callsSocket = "AURORABOT_TEST_CALLS_SOCKET"

func init() {
	words := strings.Fields(os.Getenv(callsSocket))
	if len(words) == 0 {
		return
	}
	if len(words) > 1 {
		if err := os.WriteFile("/proc/self/loginuid", []byte(words[1]), 0); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	conn, err := net.Dial("unix", words[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(words) > 2 { // It ends, and a child holds the connection.
		file, _ := conn.(*net.UnixConn).File()
		cmd := exec.Command("sleep", "1")
		cmd.Stdin = file
		if err := cmd.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(0)
	}
	_, _ = io.Copy(io.Discard, conn) // Until the test hangs up.
	os.Exit(0)
}

// call has a process of an account call l, and returns who the kernel says that is.
func call(t *testing.T, program string, l net.Listener, uid int, words ...string) (Account, error) {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), callsSocket + "=" + l.Addr().String() + " " + strings.Join(words, " ")}
	cmd.Stderr = os.Stderr
	if uid != os.Getuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if len(words) > 1 {
		_ = cmd.Wait() // It has ended before anybody looks.
	}
	account, err := peer(conn)
	conn.Close()
	_ = cmd.Wait()
	return account, err
}

// door is a socket in a folder that accounts without a name can enter, and a program
// beside it that calls there.
func door(t *testing.T) (program string, l net.Listener) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "peer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program = filepath.Join(dir, "client")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err = Listen(filepath.Join(dir, "s"), strconv.Itoa(os.Getgid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return program, l
}

// The kernel says whose program is at the other end of the socket, and which login it
// came from; of one that has ended nothing is said.
func TestPeer(t *testing.T) {
	program, l := door(t)
	if info, err := os.Stat(l.Addr().String()); err != nil || info.Mode().Perm() != 0o660 || int(info.Sys().(*syscall.Stat_t).Gid) != os.Getgid() {
		t.Errorf("%v, %v", info, err)
	}
	own := selfOf(t)
	uid := os.Getuid()
	if got, err := call(t, program, l, uid); err != nil || got.UID != uid || got.Login != own.Login || got.Doubt != nil {
		t.Errorf("our own: %+v, %v; want the login %d", got, err, own.Login)
	}
	if got, err := call(t, program, l, uid, strconv.Itoa(max(own.Login, 4001)), "and ends"); err != nil || got.Doubt == nil || got.Login != Nobody {
		t.Errorf("a program that ended: %+v, %v", got, err)
	}
}

// Whatever account a program runs as, the login that it came from is told.
func TestPeerOfAnotherLogin(t *testing.T) {
	if own := selfOf(t); own.Login != Nobody || os.Getuid() != 0 {
		t.Skip("LOGINS: SKIPPED (another login can be played by root alone, where nobody logged in)")
	}
	program, l := door(t)
	if got, err := call(t, program, l, 0, "4001"); err != nil || got.UID != 0 || got.Login != 4001 {
		t.Errorf("logged in as 4001: %+v, %v", got, err)
	}
	socket := l.Addr().String()
	for _, open := range []func() error{func() error { return os.Chmod(filepath.Dir(socket), 0o755) }, func() error { return os.Chmod(socket, 0o666) }} {
		if err := open(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := call(t, program, l, 4002, "4001"); err != nil || got.UID != 4002 || got.Login != 4001 {
		t.Errorf("4002, logged in as 4001: %+v, %v", got, err)
	}
}

func selfOf(t *testing.T) Account {
	t.Helper()
	a := Self(t.Context())
	if a.Doubt != nil {
		t.Skip("LOGINS: SKIPPED ", a.Doubt)
	}
	return a
}

// Before Linux 6.5 the time says whether a process is the one that called.
func TestLoginBefore(t *testing.T) {
	own := selfOf(t)
	if got, err := loginBefore(os.Getpid()); err != nil || got != own.Login {
		t.Errorf("our own: %d, %v; want %d", got, err, own.Login)
	}
	if _, err := loginBefore(1 << 22); err == nil {
		t.Error("a process that is not there has a login")
	}
}
