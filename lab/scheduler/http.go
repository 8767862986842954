package scheduler

import (
	"aurorabot/lab/tjson"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// noLeader is the page of a cluster in which nobody is advertised, as recorded.
//
//go:embed noleader.html
var noLeader string

func portText(p int) string { return strconv.Itoa(p) }

// listen opens the HTTP port and serves.
func (s *scheduler) listen() error {
	l, err := net.Listen("tcp", net.JoinHostPort(s.set.bind(), portText(s.set.httpPort)))
	if err != nil {
		return err
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	s.server = &http.Server{Handler: s.handler(), ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return s.ctx }}
	go func() { _ = s.server.Serve(l) }() // ends when the server is closed
	return nil
}

// handler routes: what says something of this process is never redirected, the
// rest belongs to the leader.
func (s *scheduler) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { text(w, "OK\n") })
	mux.HandleFunc("/vars", s.serveVars)
	mux.HandleFunc("/vars.json", s.serveVarsJSON)
	if s.version.knowsLeaderHealth() {
		mux.HandleFunc("/leaderhealth", s.serveLeaderHealth)
	}
	mux.HandleFunc("/api", s.redirected(s.serveAPI))
	mux.HandleFunc("/apibeta", s.redirected(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+r.Host+"/apihelp/index.html")
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusSeeOther)
	}))
	mux.HandleFunc("/apibeta/{method}", s.redirected(s.serveBeta))
	mux.HandleFunc("/apibeta/{$}", s.redirected(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+r.Host+"/apihelp/index.html")
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusSeeOther)
	}))
	mux.HandleFunc("/quotas", s.redirected(s.serveQuotas))
	mux.HandleFunc("/maintenance", s.redirected(s.serveMaintenance))
	for _, p := range []string{"/agents", "/state", "/offers", "/pendingtasks", "/scheduler", "/scheduler/"} {
		mux.HandleFunc(p, s.redirected(http.NotFound))
	}
	s.serveLab(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "Jetty(9.3.11.v20160721)")
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		mux.ServeHTTP(seen, r)
		s.log.info("qtp", "RequestLog", `%s - - [%s] "%s //%s%s %s" %d %d `, host(r.RemoteAddr),
			s.clock().In(s.log.zone).Format("02/Jan/2006:15:04:05 -0700"), r.Method, r.Host, r.URL.Path, r.Proto, seen.status, seen.n)
	})
}

func host(addr string) string {
	h, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return h
}

// A statusWriter remembers what the request log wants to know.
type statusWriter struct {
	http.ResponseWriter
	status, n int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.n += n
	return n, err
}

// Unwrap lets a ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func vary(w http.ResponseWriter) { w.Header().Set("Vary", "Accept-Encoding, User-Agent") }

func text(w http.ResponseWriter, body string) {
	vary(w)
	w.Header().Set("Content-Type", "text/plain;charset=utf-8")
	_, _ = io.WriteString(w, body) // the client has gone
}

func jsonText(w http.ResponseWriter, body []byte) {
	vary(w)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client has gone
}

// chunked writes a body without announcing its length.
func chunked(w http.ResponseWriter, contentType string, body []byte) {
	vary(w)
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // with this there is no length
	_, _ = w.Write(body)                      // the client has gone
}

// leaderStatus is 200, 503 or 502 as /leaderhealth says it. It believes the
// advertised member, not itself: after a SIGKILL the old node names us.
func (s *scheduler) leaderStatus() (int, endpoint) {
	e, ok := s.candidate.leader()
	switch {
	case !ok:
		return http.StatusBadGateway, e
	case e.Host == s.set.hostname && e.Port == s.port:
		return http.StatusOK, e
	}
	return http.StatusServiceUnavailable, e
}

func (s *scheduler) serveLeaderHealth(w http.ResponseWriter, _ *http.Request) {
	status, _ := s.leaderStatus()
	sentence := map[int]string{
		http.StatusOK:                 "This is the leading scheduler.",
		http.StatusServiceUnavailable: "Another instance is the leading scheduler.",
		http.StatusBadGateway:         "There is no leading scheduler or the leader is unknown.",
	}[status]
	if status == http.StatusBadGateway {
		s.log.warn("qtp", "LeaderRedirect", "No serviceGroupMonitor in host set, will not redirect despite not being leader.")
	}
	body := "Current status: " + sentence + `

This endpoint can indicate to a load balancer which among a group of schedulers is leading.

The response codes are:
200: This is the leading scheduler.
503: Another instance is the leading scheduler.
502: There is no leading scheduler or the leader is unknown.`
	w.Header().Set("Content-Type", "text/plain;charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if status == http.StatusOK {
		vary(w)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client has gone
}

// redirected sends the request to the advertised leader unless that is us. The
// header Bypass-Leader-Redirect goes round it where the release knows it; before
// that a request passed if nobody was advertised.
func (s *scheduler) redirected(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.version.knowsBypass() && r.Header.Get("Bypass-Leader-Redirect") != "" {
			s.log.info("qtp", "LeaderRedirectFilter", "Bypass-Leader-Redirect header was present on the request, bypassing leader redirection.")
			next(w, r)
			return
		}
		status, leader := s.leaderStatus()
		switch {
		case status == http.StatusOK:
			next(w, r)
		case status == http.StatusServiceUnavailable:
			w.Header().Set("Location", fmt.Sprintf("http://%s%s", net.JoinHostPort(leader.Host, portText(leader.Port)), r.URL.RequestURI()))
			w.Header().Set("Content-Length", "0")
			w.WriteHeader(s.version.redirect())
		default:
			s.log.warn("qtp", "LeaderRedirect", "No serviceGroupMonitor in host set, will not redirect despite not being leader.")
			if !s.version.knowsBypass() {
				next(w, r)
				return
			}
			w.Header()["Content-Type"] = nil // Jetty sends none
			w.Header().Set("Content-Length", strconv.Itoa(len(noLeader)))
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, noLeader) // the client has gone
		}
	}
}

// serverError writes Jetty's page of an exception and closes the connection.
func serverError(w http.ResponseWriter, path string, err error) {
	body := fmt.Sprintf(`<html>
<head>
<meta http-equiv="Content-Type" content="text/html;charset=ISO-8859-1"/>
<title>Error 500 </title>
</head>
<body>
<h2>HTTP ERROR: 500</h2>
<p>Problem accessing %s. Reason:
<pre>    %s</pre></p>
<hr /><a href="http://eclipse.org/jetty">Powered by Jetty:// 9.3.11.v20160721</a><hr/>
</body>
</html>
`, path, err)
	head := w.Header()
	head.Set("Cache-Control", "must-revalidate,no-cache,no-store")
	head.Set("Content-Type", "text/html;charset=iso-8859-1")
	head.Set("Content-Length", strconv.Itoa(len(body)))
	head.Set("Connection", "close")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = io.WriteString(w, body) // the client has gone
}

func (s *scheduler) serveQuotas(w http.ResponseWriter, _ *http.Request) {
	st, err := s.storage.read()
	if err != nil {
		serverError(w, "/quotas", fmt.Errorf("org.jboss.resteasy.spi.UnhandledException: org.apache.aurora.scheduler.storage.Storage$TransientStorageException: %w", err))
		return
	}
	var roles []string
	for _, role := range nameOrder(st.quotas) {
		cpu, ram, disk := resources(mustOpen(st.quotas[role]).elements(4))
		name, _ := json.Marshal(role)
		roles = append(roles, fmt.Sprintf(`%s:{"cpu_cores":%s,"ram_mb":%d,"disk_mb":%d}`, name, tjson.JavaDouble(cpu), ram, disk))
	}
	jsonText(w, []byte("{"+strings.Join(roles, ",")+"}"))
}

// resources adds up a set of resources.
func resources(set [][]byte) (cpu float64, ram, disk int64) {
	for _, e := range set {
		r := mustOpen(e)
		if raw := r.raw(1, tjson.Double); raw != nil {
			d := reader{b: raw}
			cpu += d.double()
		}
		ram += r.i64(2)
		disk += r.i64(3)
	}
	return cpu, ram, disk
}

func (s *scheduler) serveMaintenance(w http.ResponseWriter, _ *http.Request) {
	st, err := s.storage.read()
	if err != nil {
		serverError(w, "/maintenance", fmt.Errorf("org.jboss.resteasy.spi.UnhandledException: org.apache.aurora.scheduler.storage.Storage$TransientStorageException: %w", err))
		return
	}
	hosts := map[int32][]string{}
	draining := map[string][]string{}
	for _, name := range nameOrder(st.hosts) {
		mode := mustOpen(st.hosts[name]).i32(3)
		hosts[mode] = append(hosts[mode], name)
		if mode == 3 {
			draining[name] = []string{}
			for _, t := range st.sortedTasks(taskQuery{}) {
				if t.host == name && t.status.active() {
					draining[name] = append(draining[name], t.id)
				}
			}
		}
	}
	list := func(names []string) string {
		b, _ := json.Marshal(append([]string{}, names...))
		return string(b)
	}
	b, _ := json.Marshal(draining)
	jsonText(w, fmt.Appendf(nil, `{"DRAINED":%s,"SCHEDULED":%s,"DRAINING":%s}`, list(hosts[4]), list(hosts[2]), b))
}
