package mesoslog

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	logLine = regexp.MustCompile(`(?m)^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ (\w+\.[ch]pp:\d+\] .*)$`)
	pidSet  = regexp.MustCompile(`\{ .* \}`)
	member  = regexp.MustCompile(`'/[^']*/\d{10}'`)
	znode   = regexp.MustCompile(`'/[^']*'`)
	message = regexp.MustCompile(`'mesos\.internal\.log\.\w+'`)
	figures = regexp.MustCompile(`\d+(\.\d+)*`)
	// A replica that may not vote yet turns requests away in any of these.
	joining = regexp.MustCompile(`as it is in (EMPTY|STARTING|RECOVERING) status`)
)

// documented are lines that the source prints in states that no recording
// was in at the time.
var documented = []string{
	"I group.cpp:341] Group process (zookeeper-group(N)@N:N) reconnected to ZooKeeper",
	"I log.cpp:566] Could not start the writer, but can be retried",
	"I replica.cpp:502] Replica denying promise request with proposal N",
	"I consensus.cpp:363] Aborting implicit promise request because N ignores received",
}

// shape leaves of a log line what does not differ from run to run.
func shape(line []string) string {
	source, text, _ := strings.Cut(line[2], "] ")
	text = pidSet.ReplaceAllString(text, "{ PIDS }")
	text = member.ReplaceAllString(text, "'MEMBER'")
	text = znode.ReplaceAllString(text, "'ZNODE'")
	text = message.ReplaceAllString(text, "MESSAGE")
	text = joining.ReplaceAllString(text, "as it is in STATUS status")
	return line[1] + " " + source + "] " + figures.ReplaceAllString(text, "N")
}

// Every line that replicas log through a life with joins, elections, losses
// and catch-ups has the level, source and text of a recorded one.
func TestLinesAreRecorded(t *testing.T) {
	b, err := os.ReadFile("testdata/lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	recorded := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		line = message.ReplaceAllString(strings.TrimSuffix(line, "\n"), "MESSAGE")
		recorded[joining.ReplaceAllString(line, "as it is in STATUS status")] = true
	}
	for _, line := range documented {
		recorded[line] = true
	}
	c := newCluster(t)
	c.initialize(1, 2)
	verbose := func(o *Options) { o.Verbosity = 1 }
	for n := 1; n <= 3; n++ {
		c.start(n, verbose)
	}
	w := c.writer(1)
	c.append(w, "a")
	<-c.logs[3].Recovered()
	c.writer(2)
	_, _ = w.Append(t.Context(), []byte("b"))
	c.server.Disconnect()
	c.says(1, `Lost connection to ZooKeeper`)
	for _, id := range c.server.Sessions() {
		c.server.ExpireSession(id)
	}
	c.says(1, `Renewing`)
	c.together(1, 2, 3)
	members := c.logs[1].net.pids()
	c.stop(3)
	for range 100 {
		c.logs[1].net.setMembers(members)
		time.Sleep(time.Millisecond)
	}
	w = c.writer(1)
	c.append(w, "c")
	seen := map[string]bool{}
	for n := 1; n <= 3; n++ {
		for _, line := range logLine.FindAllStringSubmatch(c.text[n].String(), -1) {
			if s := shape(line); !recorded[s] && !seen[s] {
				seen[s] = true
				t.Errorf("no recorded line is like %s", s)
			}
		}
	}
}
