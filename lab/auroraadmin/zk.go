package auroraadmin

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// endpoint is the announcement of a leading scheduler in ZooKeeper.
type endpoint struct {
	Additional map[string]struct {
		Host string `json:"host"`
		Port int    `json:"port"`
	} `json:"additionalEndpoints"`
	Service struct {
		Host string `json:"host"`
		Port int    `json:"port"`
	} `json:"serviceEndpoint"`
}

// resolve asks ZooKeeper once for the leading scheduler: the member_ node under
// the cluster's path. It waits a while for one to appear.
func (c *client) resolve() (string, error) {
	var servers []string
	for host := range strings.SplitSeq(c.cluster.ZK, ",") {
		servers = append(servers, fmt.Sprintf("%s:%d", host, c.cluster.ZKPort))
	}
	conn, events, err := zk.Connect(servers, 10*time.Second, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	whole := c.pace.lookUp
	begin := time.Now()
	limit := time.NewTimer(time.Duration(float64(whole) * c.clock.scale))
	defer limit.Stop()
	for {
		select {
		case e, open := <-events:
			if !open {
				return "", errors.New("connection closed")
			}
			if e.State == zk.StateHasSession {
				uri, err := c.member(conn, events, limit.C)
				if err != nil {
					c.clock.saved += whole - time.Since(begin)
				}
				return uri, err
			}
		case <-limit.C:
			// The real one waits for a member and then for the answer.
			c.clock.saved += whole - time.Since(begin)
			c.clock.sleep(whole)
			return "", fmt.Errorf("Failed to connect to Zookeeper within %d seconds.", int(realPace.lookUp.Seconds())) // the recorded text
		}
	}
}

// member reads the first member's endpoint once there is one.
func (c *client) member(conn *zk.Conn, events <-chan zk.Event, limit <-chan time.Time) (string, error) {
	for {
		names, _, changed, err := conn.ChildrenW(c.cluster.SchedulerZKPath)
		if errors.Is(err, zk.ErrNoNode) {
			_, _, changed, err = conn.ExistsW(c.cluster.SchedulerZKPath)
		}
		if err != nil {
			return "", err
		}
		names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, "member_") })
		slices.Sort(names)
		for _, name := range names {
			data, _, err := conn.Get(path.Join(c.cluster.SchedulerZKPath, name))
			if err != nil {
				continue
			}
			var e endpoint
			if err := json.Unmarshal(data, &e); err != nil {
				continue
			}
			for _, scheme := range []string{"https", "http"} {
				if a, ok := e.Additional[scheme]; ok {
					return fmt.Sprintf("%s://%s:%d", scheme, a.Host, a.Port), nil
				}
			}
		}
		for waiting := true; waiting; {
			select {
			case <-changed:
				waiting = false
			case <-events:
			case <-limit:
				return "", fmt.Errorf("No schedulers detected in %s!", c.cluster.Name) // the recorded text
			}
		}
	}
}
