package auroraadmin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"aurorabot/runner/tbinary"
)

// pace holds the real client's waits.
type pace struct {
	retry      time.Duration // Between two attempts of a call.
	giveUp     time.Duration // When no further attempt of a call is made.
	lookUp     time.Duration // For ZooKeeper to name a scheduler.
	connecting time.Duration // When no further look-up is made.
}

// realPace are the values of all releases.
var realPace = pace{retry: 5 * time.Second, giveUp: 10 * time.Minute, lookUp: 10 * time.Second, connecting: time.Minute}

// clock is a clock on which waiting takes scale times as long as it says. What
// is not waiting takes its time.
type clock struct {
	scale float64
	saved time.Duration // What was waited less than it counts.
}

func (c *clock) now() time.Time { return time.Now().Add(c.saved) }

// short is how long a wait of d really is. The rest counts as waited.
func (c *clock) short(d time.Duration) time.Duration {
	real := time.Duration(float64(d) * c.scale)
	c.saved += d - real
	return real
}

func (c *clock) sleep(d time.Duration) { time.Sleep(c.short(d)) }

// client speaks to the scheduler of one cluster.
type client struct {
	cluster cluster
	bypass  bool
	release release
	pace    pace
	clock   *clock
	http    *http.Client
	log     func(level, format string, args ...any)

	uri string // The scheduler's, once it is known.
}

func newHTTPClient() *http.Client {
	// One connection per call: the real one has no more to say on it either,
	// and a kept one would outlive the command.
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
}

// errTransient wraps what a scheduler says that is not ready.
var errTransient = errors.New("transient")

// pythonError is an error that ends the real client with a traceback.
type pythonError struct {
	class  string // With its module.
	text   string
	frames []frame // Below the client's API, innermost last.
}

func (e *pythonError) Error() string { return e.class + ": " + e.text }

const schedulerClient = "apache.aurora.client.api.scheduler_client."

// find learns the scheduler's URI, from the configuration or from ZooKeeper,
// where it looks again until it gives up.
func (c *client) find() error {
	if c.uri != "" {
		return nil
	}
	if c.cluster.ZK == "" {
		c.uri = c.cluster.SchedulerURI
		return nil
	}
	for start := c.clock.now(); c.clock.now().Sub(start) < c.pace.connecting; {
		uri, err := c.resolve()
		if err == nil {
			c.uri = uri
			return nil
		}
		c.log("WARN", "Could not connect to scheduler: %v", err)
	}
	return &pythonError{
		class: schedulerClient + "TimeoutError", text: "Timed out trying to connect to scheduler at " + c.cluster.Name,
		frames: []frame{
			{schedulerFile, 254, "_wrapper", "self._construct_scheduler()"},
			{schedulerFile, 297, "_construct_scheduler", "raise self.TimeoutError('Timed out trying to connect to scheduler at %s' % self.cluster.name)"},
		},
	}
}

// call makes one call. It is repeated while the scheduler says that it is not
// ready, and, if it may be, when no answer came.
func (c *client) call(name string, repeatable bool, args ...tbinary.Field) (*tbinary.Struct, error) {
	m := tbinary.Message{Name: name, Type: tbinary.Call, Body: &tbinary.Struct{Fields: args}}
	for start := c.clock.now(); c.clock.now().Sub(start) < c.pace.giveUp; {
		resp, err := c.attempt(m)
		if err == nil {
			return resp, nil
		}
		var transport *transportError
		var timeout *pythonError
		var auth *authError
		switch {
		case errors.As(err, &transport) && !repeatable && !c.release.before(0, 18):
			return nil, &pythonError{
				class: schedulerClient + "NotRetriableError",
				text:  "Transport error communicating with scheduler during non-idempotent operation: " + transport.what + ", not retrying",
				frames: []frame{
					{schedulerFile, 335, "method_wrapper", "'non-idempotent operation: %s, not retrying' % e)"},
				},
			}
		case errors.As(err, &auth):
			c.log("ERROR", "Not authorized. Please log in.")
			return nil, &pythonError{class: schedulerClient + "AuthError", text: auth.what,
				frames: []frame{{schedulerFile, 327, "method_wrapper", "raise self.AuthError(e)"}}}
		case errors.As(err, &timeout):
			c.reconnect(timeout.text)
		case transport != nil:
			c.reconnect(transport.what)
		case errors.Is(err, errTransient):
			c.reconnect(strings.TrimPrefix(err.Error(), errTransient.Error()+": "))
		default:
			return nil, &pythonError{class: schedulerClient + "ThriftInternalError",
				text:   fmt.Sprintf("Error during thrift call %s to %s: %v", name, c.cluster.Name, err),
				frames: []frame{{schedulerFile, 345, "method_wrapper", "(method_name, self.cluster.name, e))"}}}
		}
	}
	return nil, &pythonError{class: schedulerClient + "TimeoutError",
		text:   fmt.Sprintf("Timed out attempting to issue %s to %s", name, c.cluster.Name),
		frames: []frame{{schedulerFile, 348, "method_wrapper", "method_name, self.cluster.name))"}}}
}

func (c *client) reconnect(why string) {
	c.log("WARN", "Connection error with scheduler: %s, reconnecting...", why)
	c.uri = ""
	c.clock.sleep(c.pace.retry)
}

func (c *client) attempt(m tbinary.Message) (*tbinary.Struct, error) {
	if err := c.find(); err != nil {
		return nil, err
	}
	base, err := url.Parse(c.uri)
	if err != nil {
		return nil, &transportError{err.Error()}
	}
	resp, err := c.post(base.ResolveReference(&url.URL{Path: "api"}).String(), m)
	if err != nil {
		return nil, err
	}
	if resp.I32(1) == codeTransient {
		return nil, fmt.Errorf("%w: %s", errTransient, messages(resp))
	}
	return resp, nil
}
