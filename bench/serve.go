package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

// serveIdle measures how fast the bot is up, and what it takes when nothing
// happens. Slack is a server of this process that lets it connect and says nothing.
func serveIdle(args []string) error {
	f := flag.NewFlagSet("serve", flag.ContinueOnError)
	bot := f.String("aurorabot", "", "our `program`")
	runs := f.Int("runs", 5, "runs")
	idle := f.Duration("idle", 10*time.Second, "how long the last one is watched")
	if err := f.Parse(args); err != nil {
		return err
	}
	silent := httptest.NewServer(http.HandlerFunc(silentSlack))
	defer silent.Close()
	dir, err := os.MkdirTemp("", "aurorabot-serve-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var up, ready []time.Duration
	var peak, rss int64
	var cpu time.Duration
	for i := range *runs {
		watch := time.Duration(0)
		if i == *runs-1 {
			watch = *idle
		}
		s, err := serveOnce(*bot, filepath.Join(dir, strconv.Itoa(i)), silent.URL, watch)
		if err != nil {
			return err
		}
		up, ready = append(up, s.up), append(ready, s.ready)
		peak, rss, cpu = max(peak, s.peak), s.rss, s.cpu
	}
	fmt.Printf("`serve` with one cluster (medians of %d starts)\n", *runs)
	goal("start until the health address answers, ms", float64(median(up).Microseconds())/1000, 50, false)
	figure("  until both links to Slack are up (/ready), ms", float64(median(ready).Microseconds())/1000)
	goal(fmt.Sprintf("resident memory after %s idle, MiB", *idle), mib(rss), 40, false)
	figure("  peak, MiB", mib(peak))
	figure("  processor time while idle, ms per second", float64(cpu.Microseconds())/1000/max(idle.Seconds(), 1))
	fmt.Println()
	return nil
}

// silentSlack answers what a bot asks when it starts.
func silentSlack(w http.ResponseWriter, r *http.Request) {
	answer := map[string]any{"ok": true}
	switch {
	case r.URL.Path == "/link":
		link, err := (&websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer link.Close()
		if link.WriteJSON(map[string]any{"type": "hello", "num_connections": 1}) != nil {
			return
		}
		for {
			if _, _, err := link.ReadMessage(); err != nil {
				return
			}
		}
	case strings.HasSuffix(r.URL.Path, "auth.test"):
		answer["team_id"], answer["user_id"], answer["bot_id"] = "T00000000", "U00000BOT", "B00000BOT"
	case strings.HasSuffix(r.URL.Path, "apps.connections.open"):
		answer["url"] = "ws://" + r.Host + "/link"
	}
	_ = json.NewEncoder(w).Encode(answer) // A client that is gone needs no answer.
}

type served struct {
	up, ready, cpu time.Duration
	rss, peak      int64
}

func serveOnce(bot, dir, slack string, idle time.Duration) (served, error) {
	var s served
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return s, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return s, err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return s, err
	}
	for _, name := range []string{"id", "known"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			return s, fmt.Errorf("make a key: %w: %s", err, out)
		}
	}
	public, err := os.ReadFile(filepath.Join(dir, "known.pub"))
	if err != nil {
		return s, err
	}
	config := fmt.Sprintf(`
state_dir: state
listen: %q
slack: {api_url: %q}
ssh: {key_files: [id], known_hosts: [hosts]}
clusters:
  west:
    version: 0.22.0
    schedulers: [{name: s1, address: "192.0.2.1:22"}]
policy:
  teams: [T00000000]
  lists: {sre: [U0000ANN, U0000BOB]}
  access: [{name: all, who: [sre], channels: ["*"], clusters: ["*"], may: [admin]}]
  gates: {commit: {factors: [{count: 2, of: [sre]}]}}
`, address, slack+"/api/")
	for name, text := range map[string]string{"c.yaml": config, "hosts": "192.0.2.1 " + string(public)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return s, err
		}
	}
	cmd := exec.Command(bot, "serve", "--config", filepath.Join(dir, "c.yaml"))
	cmd.Env = append(os.Environ(), "SLACK_BOT_TOKEN=xoxb-1-bench", "SLACK_APP_TOKEN=xapp-1-bench")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return s, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // Ended by us: not as others are.
	}()
	for _, stage := range []struct {
		path string
		took *time.Duration
	}{{"/healthz", &s.up}, {"/ready", &s.ready}} {
		if err := answers("http://"+address+stage.path, 20*time.Second); err != nil {
			return s, fmt.Errorf("%w: %s", err, errs.String())
		}
		*stage.took = time.Since(begun)
	}
	before, err := processCPU(cmd.Process.Pid)
	if err != nil {
		return s, err
	}
	time.Sleep(idle)
	after, err := processCPU(cmd.Process.Pid)
	if err != nil {
		return s, err
	}
	s.cpu = after - before
	s.rss, s.peak, err = memory(cmd.Process.Pid)
	return s, err
}

func answers(url string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for ctx.Err() == nil {
		r, err := http.Get(url) //nolint:noctx // It is of this machine, and answers or does not.
		if err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("%s does not say 200 within %s", url, within)
}

// memory are a process's resident bytes, now and at most.
func memory(pid int) (now, peak int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64) // Lines that are no number are not looked at.
		switch f[0] {
		case "VmRSS:":
			now = n << 10
		case "VmHWM:":
			peak = n << 10
		}
	}
	if now == 0 {
		return 0, 0, fmt.Errorf("/proc/%d/status has no VmRSS", pid)
	}
	return now, peak, nil
}
