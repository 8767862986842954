package bot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"aurorabot/bot/web"

	"github.com/slack-go/slack"
)

// A Checked is one thing that was asked of Slack.
type Checked struct {
	What   string `json:"what"`
	Answer string `json:"answer"` // In words; no token is in it.
	OK     bool   `json:"ok"`
}

// Check asks Slack whether the tokens and user groups of c are good, and
// whether the bot's workspace is one of teams. It connects nothing and posts
// nothing; a ticket for a connection that is not used ends by itself.
func Check(ctx context.Context, c Config, teams []string) []Checked {
	secrets := web.NewRedactor(c.Secrets, c.BotToken, c.AppToken)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	options := []slack.Option{slack.OptionAppLevelToken(c.AppToken), slack.OptionHTTPClient(&http.Client{Timeout: 20 * time.Second, Transport: web.Short{RoundTripper: c.Transport}})}
	if c.APIURL != "" {
		options = append(options, slack.OptionAPIURL(c.APIURL))
	}
	api := slack.New(c.BotToken, options...)
	var list []Checked
	add := func(what, answer string, err error) {
		if err != nil {
			answer = secrets.Err(err).Error()
		}
		list = append(list, Checked{what, answer, err == nil})
	}
	who, err := api.AuthTestContext(ctx)
	answer := ""
	if err == nil {
		answer = fmt.Sprintf("%s in %s (%s)", who.User, who.Team, who.TeamID)
		if !slices.Contains(teams, who.TeamID) {
			err = fmt.Errorf("the bot is in workspace %s, which policy.teams does not name: nobody there could ask for anything", who.TeamID)
		}
	}
	add("the bot's token", answer, c.botToken().denied(err))
	if err == nil {
		answer, err = scopes(who.Header)
		add("the bot's scopes", answer, err)
	}
	_, _, err = api.StartSocketModeContext(ctx)
	add("the app's token (Socket Mode)", "a connection is granted", c.appToken().denied(err))
	for _, g := range c.Groups {
		members, err := api.GetUserGroupMembersContext(ctx, g)
		switch {
		case err != nil && web.Code(err) == "plan_upgrade_required":
			err = errors.New("user groups need a paid plan: name people by ID in the policy instead")
		case err == nil && len(members) == 0:
			err = errors.New("nobody is in it")
		}
		add("user group "+g, fmt.Sprintf("%d people", len(members)), err)
	}
	return list
}

// scopes says what the token may not do that the manifest asks for, by the header that
// Slack sends along (https://docs.slack.dev/authentication/tokens, read 2026-12-01).
func scopes(h http.Header) (string, error) {
	granted := strings.FieldsFunc(h.Get("X-OAuth-Scopes"), func(r rune) bool { return r == ',' || r == ' ' })
	if len(granted) == 0 {
		return "Slack does not say which the token has", nil
	}
	var lacks, spared []string
	for _, s := range Scopes {
		if slices.Contains(granted, s.Name) {
			continue
		}
		if i := slices.IndexFunc(Spared, func(n Need) bool { return n.Name == s.Name }); i >= 0 {
			spared = append(spared, fmt.Sprintf("%s (without it: %s)", s.Name, Spared[i].Why))
			continue
		}
		lacks = append(lacks, fmt.Sprintf("%s (to %s)", s.Name, s.Why))
	}
	const how = "; `aurorabot slack manifest` has all: put it under App Manifest and reinstall the app"
	switch {
	case len(lacks) > 0:
		return "", fmt.Errorf("the app lacks %s%s", strings.Join(append(lacks, spared...), ", "), how)
	case len(spared) > 0:
		return "an older manifest: it works without " + strings.Join(spared, ", ") + how, nil
	}
	return fmt.Sprintf("all %d", len(Scopes)), nil
}
