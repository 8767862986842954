package auroraadmin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"aurorabot/lab/tjson"
	"aurorabot/runner/tbinary"
)

// Media types of the two protocols.
const (
	mediaJSON   = "application/vnd.apache.thrift.json"
	mediaBinary = "application/vnd.apache.thrift.binary"
)

// transportError is a call without a usable answer, in the words of the real
// client's HTTP library.
type transportError struct{ what string }

func (e *transportError) Error() string { return e.what }

// authError is an answer with status 401 or 403.
type authError struct{ what string }

func (e *authError) Error() string { return e.what }

// post sends one call to uri and decodes the answer. Redirects are followed,
// with the same method and body.
func (c *client) post(uri string, m tbinary.Message) (*tbinary.Struct, error) {
	body, media := m.Append(nil), mediaBinary
	if c.release.before(0, 13) {
		body, media = tjson.Encode(body), mediaJSON
	}
	req, err := http.NewRequest(http.MethodPost, uri, bytes.NewReader(body))
	if err != nil {
		return nil, &transportError{"Unknown error talking to " + uri + ": " + err.Error()}
	}
	req.Header.Set("Content-Type", media)
	req.Header.Set("Accept", media)
	req.Header.Set("User-Agent", "Aurora Admin;Unknown Version")
	if c.bypass {
		req.Header.Set("Bypass-Leader-Redirect", "true")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &transportError{"Unknown error talking to " + uri + ": " + requestsComplaint(uri, err)}
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, &transportError{"Unknown error talking to " + uri + ": " + requestsComplaint(uri, err)}
	}
	if resp.StatusCode >= 400 {
		who := "Client"
		if resp.StatusCode >= 500 {
			who = "Server"
		}
		_, reason, _ := strings.Cut(resp.Status, " ")
		what := fmt.Sprintf("%d %s Error: %s for url: %s", resp.StatusCode, who, reason, resp.Request.URL)
		if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
			return nil, &authError{what}
		}
		return nil, &transportError{"Unknown error talking to " + uri + ": " + what}
	}
	reply, err := c.decode(answer)
	if err != nil {
		return nil, err
	}
	if reply.Type == tbinary.Exception {
		return nil, errors.New(reply.Body.Str(1))
	}
	return reply.Body.Struct(0), nil
}

func (c *client) decode(b []byte) (tbinary.Message, error) {
	if c.release.before(0, 13) {
		return decodeJSON(b)
	}
	return tbinary.DecodeMessage(b)
}

func decodeJSON(b []byte) (tbinary.Message, error) {
	b, err := tjson.Decode(b)
	if err != nil {
		return tbinary.Message{}, err
	}
	return tbinary.DecodeMessage(b)
}

// requestsComplaint is err as Python's requests library words it.
func requestsComplaint(uri string, err error) string {
	var errno syscall.Errno
	errors.As(err, &errno)
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "dial":
		u, _ := url.Parse(uri)
		port := u.Port()
		if port == "" {
			port = "80"
		}
		cause := fmt.Sprintf("[Errno %d] %s", int(errno), title(errno.Error()))
		var dns *net.DNSError
		if errors.As(err, &dns) {
			cause = "[Errno -2] Name or service not known"
		}
		return fmt.Sprintf("HTTPConnectionPool(host='%s', port=%s): Max retries exceeded with url: %s (Caused by NewConnectionError("+
			"'<urllib3.connection.HTTPConnection object at 0x7f1066b04950>: Failed to establish a new connection: %s',))",
			u.Hostname(), port, u.Path, cause)
	case errno == syscall.ECONNRESET:
		return "('Connection aborted.', error(104, 'Connection reset by peer'))"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "('Connection aborted.', BadStatusLine('No status line received - the server has closed the connection',))"
	}
	return err.Error()
}

func title(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
