package aurora

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Dialer opens a TCP connection to a scheduler's HTTP address, for example
// through an SSH forward.
type Dialer func(ctx context.Context, address string) (net.Conn, error)

// maxHeader bounds the header of an answer, in bytes.
const maxHeader = 64 << 10

// A Client asks one scheduler over HTTP. It never follows a redirect: the
// answer of another scheduler would be taken for this one's.
type Client struct {
	Address string // "127.0.0.1:8081", as the dialer understands it.
	Front   string // What speaks TLS in front of it. Empty: nothing, or it is not asked.
	Access  Access
	Dial    Dialer
	Limit   time.Duration // For one call. Zero: 30 seconds.
}

// base is where looks and calls go.
func (c *Client) base() *url.URL {
	if c.Front != "" {
		return &url.URL{Scheme: "https", Host: c.Front}
	}
	return &url.URL{Scheme: "http", Host: c.Address}
}

func (c *Client) request(method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequest(method, c.base().JoinPath(path).String(), body)
	if err == nil && c.Access.User != "" {
		req.SetBasicAuth(c.Access.User, c.Access.Password)
	}
	return req, err
}

func (c *Client) do(ctx context.Context, req *http.Request) (*http.Response, func(), error) {
	limit := c.Limit
	if limit == 0 {
		limit = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	tr := &http.Transport{
		DialContext:       func(ctx context.Context, _, address string) (net.Conn, error) { return c.Dial(ctx, address) },
		TLSClientConfig:   c.Access.TLS,
		DisableKeepAlives: true, ForceAttemptHTTP2: false, MaxResponseHeaderBytes: maxHeader,
	}
	client := &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	done := func() { cancel(); tr.CloseIdleConnections() }
	resp, err := client.Do(req.WithContext(ctx))
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("%s %s at %s: %w", req.Method, req.URL.Path, c.Address, err)
	}
	return resp, func() { resp.Body.Close(); done() }, nil
}

// Vars asks for /vars.
func (c *Client) Vars(ctx context.Context) (Vars, error) {
	req, err := c.request(http.MethodGet, "/vars", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("/vars of %s: %w", c.Address, err)
	}
	resp, done, err := c.do(ctx, req) //nolint:bodyclose // done closes it.
	if err != nil {
		return nil, err
	}
	defer done()
	if resp.StatusCode == http.StatusUnauthorized {
		return nil, fmt.Errorf("/vars: %w", c.unauthorized(resp))
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/vars of %s: HTTP status %d", c.Address, resp.StatusCode)
	}
	return ParseVars(resp.Body)
}

// LeaderHealth asks for /leaderhealth: 200 leads (or a stale node says so), 503
// another one does, 502 nobody does. The scheduler itself is asked: what stands in front
// of it has the same words for something else.
func (c *Client) LeaderHealth(ctx context.Context) (int, error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+c.Address+"/leaderhealth", http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("/leaderhealth of %s: %w", c.Address, err)
	}
	resp, done, err := c.do(ctx, req) //nolint:bodyclose // done closes it.
	if err != nil {
		return 0, err
	}
	done()
	return resp.StatusCode, nil
}

// A Task is what the API says of one task, as far as it is compared.
type Task struct {
	ID     string `json:"id"`
	Status int    `json:"status"` // ScheduleStatus
	Role   string `json:"role"`
	Env    string `json:"env"`
	Job    string `json:"job"`
}

// Active reports whether the status is one of Aurora's ACTIVE_STATES.
func (t Task) Active() bool {
	switch t.Status {
	case 0, 1, 2, 6, 9, 12, 13, 16, 17, 18:
		return true
	}
	return false
}

// A Reply is the head of an API answer.
type Reply struct {
	Code     int      // ResponseCode: 1 OK, 0 INVALID_REQUEST, 2 ERROR, 3 WARNING, 4 AUTH_FAILED, 6 ERROR_TRANSIENT.
	Messages []string // Details.
	Tasks    []Task
	Names    []string // Of listBackups.
}

// OK reports whether the scheduler did what was asked.
func (r Reply) OK() bool { return r.Code == 1 }

func (r Reply) String() string {
	name, ok := map[int]string{0: "INVALID_REQUEST", 1: "OK", 2: "ERROR", 3: "WARNING", 4: "AUTH_FAILED", 6: "ERROR_TRANSIENT"}[r.Code]
	if !ok {
		name = fmt.Sprintf("code %d", r.Code)
	}
	if len(r.Messages) == 0 {
		return name
	}
	return name + ": " + strings.Join(r.Messages, ", ")
}

// Staged asks which tasks are staged, in all states.
func (c *Client) Staged(ctx context.Context) (Reply, error) {
	return c.call(ctx, "queryRecovery", `{"1":{"rec":{}}}`)
}

// Tasks asks which tasks the leader's storage holds, in all states.
func (c *Client) Tasks(ctx context.Context) (Reply, error) {
	return c.call(ctx, "getTasksWithoutConfigs", `{"1":{"rec":{}}}`)
}

// Stage loads a backup of the host's backup folder into memory.
func (c *Client) Stage(ctx context.Context, backup string) (Reply, error) {
	name, err := json.Marshal(backup)
	if err != nil {
		return Reply{}, fmt.Errorf("stage %q: %w", backup, err)
	}
	return c.call(ctx, "stageRecovery", `{"1":{"str":`+string(name)+`}}`)
}

// Unload forgets what is staged. Nothing staged is no error.
func (c *Client) Unload(ctx context.Context) (Reply, error) {
	return c.call(ctx, "unloadRecovery", `{}`)
}

// Delete takes tasks out of what is staged. Unknown ids are no error.
func (c *Client) Delete(ctx context.Context, ids []string) (Reply, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return Reply{}, fmt.Errorf("delete of %d staged tasks: %w", len(ids), err)
	}
	body := fmt.Sprintf(`{"1":{"rec":{"4":{"set":["str",%d,%s]}}}}`, len(ids), bytes.Trim(list, "[]"))
	return c.call(ctx, "deleteRecoveryTasks", body)
}

// Commit overwrites the log with what is staged. An error, or a Reply that is
// not OK, says nothing about whether it took effect.
func (c *Client) Commit(ctx context.Context) (Reply, error) {
	return c.call(ctx, "commitRecovery", `{}`)
}

// Snapshot makes the leader write a snapshot into its log.
func (c *Client) Snapshot(ctx context.Context) (Reply, error) { return c.call(ctx, "snapshot", `{}`) }

func (c *Client) call(ctx context.Context, method, args string) (Reply, error) {
	body := fmt.Sprintf(`[1,%q,1,1,%s]`, method, args)
	req, err := c.request(http.MethodPost, "/api", strings.NewReader(body))
	if err != nil {
		return Reply{}, fmt.Errorf("%s at %s: %w", method, c.Address, err)
	}
	// With a charset behind it the scheduler answers 415 (recorded).
	req.Header.Set("Content-Type", "application/vnd.apache.thrift.json")
	req.Header.Set("Accept", "application/vnd.apache.thrift.json")
	req.Header.Set("Bypass-Leader-Redirect", "true")
	resp, done, err := c.do(ctx, req) //nolint:bodyclose // done closes it.
	if err != nil {
		return Reply{}, err
	}
	defer done()
	if resp.StatusCode == http.StatusUnauthorized {
		return Reply{}, fmt.Errorf("%s: %w", method, c.unauthorized(resp))
	}
	if resp.StatusCode != http.StatusOK {
		return Reply{}, fmt.Errorf("%s at %s: HTTP status %d", method, c.Address, resp.StatusCode)
	}
	r, err := parseReply(resp.Body, method)
	if err != nil {
		return Reply{}, fmt.Errorf("%s at %s: %w", method, c.Address, err)
	}
	return r, nil
}
