package master

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

// Find waits until a master is published at an address, zk://…/path or
// host:port, and returns its host:port. An address that nobody ever answers at
// ends with ctx.
func Find(ctx context.Context, address string) (string, error) {
	if !strings.HasPrefix(address, "zk://") {
		return address, nil
	}
	servers, path, err := ParseZK(address)
	if err != nil {
		return "", err
	}
	conn, _, err := zk.Connect(servers, 10*time.Second, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, conn.Close)
	defer stop()
	for ctx.Err() == nil {
		children, _, err := conn.Children(path)
		if err == nil {
			slices.Sort(children)
			for _, c := range children {
				if !strings.HasPrefix(c, "json.info_") {
					continue
				}
				data, _, err := conn.Get(path + "/" + c)
				var info Info
				if err == nil && json.Unmarshal(data, &info) == nil && info.Port != 0 {
					return fmt.Sprintf("%s:%d", info.Address.IP, info.Port), nil
				}
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return "", ctx.Err()
}

// Subscribe registers a framework with the master at host:port and passes its
// events to handle until the stream or ctx ends. It returns why it ended.
func Subscribe(ctx context.Context, at string, s Subscription, handle func(Event)) error {
	resp, err := send(ctx, "http://"+at+"/lab/subscribe", s)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	d := json.NewDecoder(resp.Body)
	for {
		var e Event
		if err := d.Decode(&e); err != nil {
			return fmt.Errorf("stream of %s: %w", at, err)
		}
		if e.Kind != Heartbeat {
			handle(e)
		}
	}
}

// Send does one call at the master at host:port.
func Send(ctx context.Context, at string, call Call) error {
	return post(ctx, "http://"+at+"/lab/call", call)
}

// Seed puts tasks on the agents of the master at host:port, as [Cluster.Add]
// does.
func Seed(ctx context.Context, at string, tasks []Task) error {
	return post(ctx, "http://"+at+"/lab/tasks", tasks)
}

func post(ctx context.Context, url string, v any) error {
	resp, err := send(ctx, url, v)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// send posts v. The answer has the status 200, and its body is to be closed.
func send(ctx context.Context, url string, v any) (*http.Response, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
		return nil, fmt.Errorf("%s: %s: %s", url, resp.Status, bytes.TrimSpace(text))
	}
	return resp, nil
}
