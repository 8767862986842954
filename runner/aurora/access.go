package aurora

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
)

// An Access is what a scheduler's HTTP server wants of whoever asks.
type Access struct {
	User         string // For basic authentication (shiro). Empty: none.
	PasswordFile string // Its password is in it, and nothing else.
	CAFile       string // Certificates to trust, where something in front speaks TLS. Empty: the system's.
	ServerName   string // What its certificate names. Empty: the host of its address.

	Password string      // Of User.
	TLS      *tls.Config // Made of the above. Nil: the system's.
}

// An AuthError is the answer 401 of a scheduler.
type AuthError struct {
	Address string
	Scheme  string // As the answer names it, "Basic", "Negotiate"; "" if it does not.
	User    string // As whom it was asked.
}

func (e *AuthError) Error() string {
	switch {
	case strings.EqualFold(e.Scheme, "Negotiate"):
		return e.Address + " wants Kerberos (Negotiate), which the bot does not speak: let the scheduler take BASIC (-http_authentication_mechanism), or remove the flag for the recovery, as Aurora's own page says"
	case e.User == "":
		return e.Address + " wants a user and a password: write api: {user, password_file} in the cluster's section"
	}
	return fmt.Sprintf("%s does not let %s in: see api: {user, password_file} in the cluster's section, and the scheduler's shiro.ini", e.Address, e.User)
}

// unauthorized is the error of an answer that is a 401.
func (c *Client) unauthorized(resp *http.Response) error {
	scheme, _, _ := strings.Cut(resp.Header.Get("WWW-Authenticate"), " ")
	return &AuthError{Address: c.base().Host, Scheme: scheme, User: c.Access.User}
}
