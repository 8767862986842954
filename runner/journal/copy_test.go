package journal

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
)

// Every event stands a second time in the file, and in the syslog with its hash;
// the file is what `audit verify --against` reads.
func TestCopies(t *testing.T) {
	syslogd, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer syslogd.Close()
	file := filepath.Join(t.TempDir(), "copy.jsonl")
	c, err := NewCopier(file, "udp://"+syslogd.LocalAddr().String(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	d := open(t, dir)
	d.Copy = c.Keep
	fill(t, d, 3)
	chains, err := d.Verify()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := d.Against(bytes.NewReader(text)); n != 3 || err != nil || c.Missed() != 0 {
		t.Errorf("against the copy: %d, %v; %d missed", n, err, c.Missed())
	}
	last := ""
	packet := make([]byte, 2048)
	for range 3 {
		if err := syslogd.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, _, err := syslogd.ReadFrom(packet)
		if err != nil {
			t.Fatal(err)
		}
		last = string(packet[:n])
	}
	if !strings.Contains(last, "run=dev-1 seq=3") || !strings.Contains(last, chains[0].Head) {
		t.Errorf("syslog says %q, without the chain's end %s", last, chains[0].Head)
	}
}

// A copy that takes nothing holds nothing up, and is counted.
func TestACopyThatIsGoneHoldsNothingUp(t *testing.T) {
	var said bytes.Buffer
	c, err := NewCopier("/dev/full", "", slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Skip(err)
	}
	d := open(t, t.TempDir())
	d.Copy = c.Keep
	fill(t, d, 5)
	c.Keep(runner.Event{}, []byte("x"), "")
	_ = c.Close() // The file takes nothing: closing it may say so again.
	if c.Missed() != 6 || !strings.Contains(said.String(), "no space left") {
		t.Errorf("%d missed; the log says %s", c.Missed(), &said)
	}
	c.Keep(runner.Event{}, nil, "") // After the end: nothing happens.
	if _, err := NewCopier("", "smtp://x", nil); err == nil {
		t.Error("an address that is none: no error")
	}
}
