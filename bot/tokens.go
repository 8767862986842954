package bot

import (
	"errors"
	"fmt"
	"strings"

	"aurorabot/bot/web"
)

// A token is one of the bot's two, as people know it.
type token struct {
	name string // With what it begins with.
	from string // A file, or "$" and a variable. Empty: not known.
	make string // What to do to have a new one.
}

func (c *Config) botToken() token {
	return token{"bot token (xoxb-)", c.BotFrom, "install the app to the workspace again, with the scopes of `aurorabot slack manifest`, and take the Bot User OAuth Token under OAuth & Permissions"}
}

func (c *Config) appToken() token {
	return token{"app-level token (xapp-)", c.AppFrom, fmt.Sprintf("make a new one with the scope %s under Basic Information, App-Level Tokens", AppScope.Name)}
}

// meanings say what Slack's words mean for a token.
var meanings = map[string]string{
	"missing_scope":          "it lacks the scope that this needs",
	"not_allowed_token_type": "it is a token of another kind",
	"invalid_auth":           "Slack does not know it",
	"not_authed":             "Slack does not know it",
	"token_revoked":          "it was revoked",
	"token_expired":          "it has expired",
	"account_inactive":       "it was revoked, or the app was removed from the workspace",
	"app_not_installed":      "the app is not installed in the workspace",
	"org_login_required":     "the workspace is being moved into an organisation",
}

// A denied says which token Slack refuses, where it comes from, and what to do.
type denied struct {
	token
	err error // Slack's.
}

// denied explains err, an answer of Slack's about the token. Of one that is none it
// returns err.
func (t token) denied(err error) error {
	if err == nil || web.Code(err) == "" {
		return err
	}
	if _, told := errors.AsType[*denied](err); told {
		return err
	}
	return &denied{t, err}
}

func (d *denied) Unwrap() error { return d.err }

// Error names the variable last: what follows the name of a token looks like its value,
// and would be taken out.
func (d *denied) Error() string {
	var b strings.Builder
	code := web.Code(d.err)
	fmt.Fprintf(&b, "Slack refuses the %s: %s", d.name, code)
	if meaning := meanings[code]; meaning != "" {
		fmt.Fprintf(&b, ", %s", meaning)
	}
	fmt.Fprintf(&b, ". On Slack's page of the app, %s", d.make)
	switch variable, isVariable := strings.CutPrefix(d.from, "$"); {
	case isVariable:
		fmt.Fprintf(&b, "; then put it where this one comes from, the environment variable %s, and restart the bot (an open run then waits for `resume`)", variable)
	case d.from != "":
		fmt.Fprintf(&b, "; then write it where this one comes from, the file %s (mode 0600), and type `systemctl kill -s HUP aurorabot`", d.from)
	}
	return b.String()
}
