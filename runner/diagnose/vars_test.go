package diagnose

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/health"
)

// dialing is a host from where everything is at one address.
type dialing struct {
	runner.Host
	to string
}

func (d dialing) Dial(ctx context.Context, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", d.to)
}

// Half answers and values of unexpected types are findings of their own: a
// scheduler that runs is never fine because it said something odd.
func TestOddVars(t *testing.T) {
	const well = "build.version 0.22.0\nscheduler_lifecycle_ACTIVE 1\nframework_registered 1\n"
	none := `[1,"queryRecovery",2,1,{"0":{"rec":{"1":{"i32":0}}}}]`
	for name, tt := range map[string]struct {
		vars, api string
		cut       bool
		want      string // In the evidence of a cannot-tell; "" for none.
	}{
		"well":                     {vars: well, api: none},
		"cut in the middle":        {vars: well, api: none, cut: true, want: "its /vars"},
		"empty":                    {vars: "", api: none, want: "its /vars"},
		"a web page":               {vars: "<html>\n<body>Not Aurora</body>\n", api: none, want: "its state"},
		"two states":               {vars: well + "scheduler_lifecycle_IDLE 1\n", api: none, want: "two states"},
		"a state that is no 1":     {vars: "scheduler_lifecycle_ACTIVE true\nframework_registered 1\n", api: none, want: "its state"},
		"registered is a word":     {vars: strings.Replace(well, "registered 1", "registered yes", 1), api: none, want: "framework_registered"},
		"registered is missing":    {vars: strings.Replace(well, "framework_registered 1\n", "", 1), api: none, want: "framework_registered"},
		"a counter is no number":   {vars: well + "scheduler_log_native_append_timeouts [1, 2]\n", api: none, want: "append_timeouts"},
		"the version is no number": {vars: strings.Replace(well, "0.22.0", "trunk-SNAPSHOT", 1), api: none, want: "its version"},
		"no API":                   {vars: well, api: "", want: "whether something is staged"},
		"half an API":              {vars: well, api: none[:20], want: "whether something is staged"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				body := tt.vars
				if req.URL.Path == "/api" {
					body = tt.api
				} else if tt.cut {
					w.Header().Set("Content-Length", fmt.Sprint(len(body)+500))
				}
				fmt.Fprint(w, body)
			}))
			defer s.Close()
			sc := whole(t)
			sc.r.Hosts["s1"] = dialing{sc.r.Hosts["s1"], s.Listener.Addr().String()}
			f := sc.facts[0]
			f.vars, f.lifecycle, f.registered = nil, "", false
			sc.r.askScheduler(t.Context(), f)
			var odd []string
			for _, x := range sc.r.judgeHost(f, sc.ask, "") {
				if x.ID == "cannot-tell" && x.Severity == health.Warning {
					odd = append(odd, x.Evidence)
				}
			}
			if tt.want == "" && len(odd) > 0 || tt.want != "" && !slices.ContainsFunc(odd, func(s string) bool { return strings.Contains(s, tt.want) }) {
				t.Errorf("cannot tell %q, want %q", odd, tt.want)
			}
		})
	}
}

// A scheduler that takes the connection and says nothing does not hold up the
// others for ever.
func TestMuteScheduler(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sc := whole(t)
	sc.r.Hosts["s1"] = dialing{sc.r.Hosts["s1"], l.Addr().String()}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	f := sc.facts[0]
	f.vars, f.lifecycle = nil, ""
	sc.r.askScheduler(ctx, f)
	if found := sc.r.judgeHost(f, sc.ask, ""); !health.Has(found, "cannot-tell") {
		t.Errorf("%+v", found)
	}
}
