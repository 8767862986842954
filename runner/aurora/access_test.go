package aurora

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func direct(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

// Whoever is not let in is told what is asked for, by its name.
func TestWhoAsks(t *testing.T) {
	for _, tt := range []struct{ scheme, user, want string }{
		{`BASIC realm="Apache Aurora Scheduler"`, "", "wants a user and a password"},
		{`BASIC realm="Apache Aurora Scheduler"`, "eve", "does not let eve in"},
		{"Negotiate", "", "wants Kerberos"},
		{"Negotiate", "eve", "wants Kerberos"},
		{"", "", "wants a user and a password"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if tt.scheme != "" {
				w.Header().Set("WWW-Authenticate", tt.scheme)
			}
			w.WriteHeader(http.StatusUnauthorized)
		}))
		c := Client{Address: strings.TrimPrefix(server.URL, "http://"), Dial: direct, Access: Access{User: tt.user, Password: "hidden"}}
		_, err := c.Staged(t.Context())
		var auth *AuthError
		if !errors.As(err, &auth) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%+v: %v", tt, err)
		}
		server.Close()
	}
}

// The user goes with every call; leaderhealth is asked of the scheduler itself, for
// what stands in front of it says 503 of a scheduler that is down.
func TestFront(t *testing.T) {
	front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "bob" || password != "p:w" {
			t.Errorf("%s came as %q, %q", r.URL, user, password)
		}
		if r.URL.Path == "/leaderhealth" {
			t.Error("the front was asked for the leader's health")
		}
		_, _ = w.Write([]byte("jvm_uptime_secs 7\n"))
	}))
	defer front.Close()
	scheduler := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer scheduler.Close()
	c := Client{
		Address: strings.TrimPrefix(scheduler.URL, "http://"), Front: strings.TrimPrefix(front.URL, "https://"), Dial: direct,
		Access: Access{User: "bob", Password: "p:w", TLS: front.Client().Transport.(*http.Transport).TLSClientConfig},
	}
	v, err := c.Vars(t.Context())
	if err != nil || v["jvm_uptime_secs"] != "7" {
		t.Errorf("%v, %v", v, err)
	}
	if status, err := c.LeaderHealth(t.Context()); err != nil || status != http.StatusBadGateway {
		t.Errorf("%d, %v", status, err)
	}
	c.Access.TLS = nil // Its certificate is nobody's whom this machine trusts.
	if _, err := c.Vars(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody's: %v", err)
	}
}
