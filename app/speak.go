package app

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"aurorabot/bot"
	"aurorabot/config"
	"aurorabot/handlers"
	"aurorabot/handlers/view"
)

// poster posts by the bot as it is now. Without Slack the log is the only place.
type poster struct{ a *app }

// Post is part of cron's poster.
func (p poster) Post(ctx context.Context, channel string, m view.Message) error {
	if b := p.a.bot.Load(); b != nil {
		return b.Post(ctx, channel, m)
	}
	p.a.log.WarnContext(ctx, m.Head, "lines", strings.Join(m.Lines, "; "))
	return nil
}

func (a *app) slack() (*bot.Bot, error) {
	b, err := bot.New(bot.Config{
		Overview: (&handlers.Overviews{Service: a.service}).Of, Approvers: a.service.Approvers, Direct: a.cfg.Slack.DirectMessages,
		APIURL: a.cfg.Slack.APIURL, BotToken: a.cfg.Slack.BotToken, AppToken: a.cfg.Slack.AppToken, Links: a.cfg.Slack.Links,
		BotFrom: a.cfg.Slack.BotFrom, AppFrom: a.cfg.Slack.AppFrom,
		StateFile: filepath.Join(a.cfg.StateDir, "slack.json"), Log: a.log, Now: a.w.Now, Secrets: a.secrets,
		Channel: a.cfg.Slack.Announce, Groups: a.groupIDs(), Runs: a.runs, Changed: a.people.changed,
	})
	if err != nil {
		return nil, err
	}
	a.people.use(b.Directory())
	return b, nil
}

// connect makes the Slack side of the bot with the tokens of the configuration.
func (a *app) connect() error {
	if a.cfg.Slack.Off {
		return nil
	}
	b, err := a.slack()
	if err != nil {
		return err
	}
	a.bot.Store(b)
	return nil
}

// speak serves Slack until ctx ends. After a SIGHUP it goes on with the tokens
// that the configuration names now: what is in hand is finished first, and no
// recovery notices. Nothing else is read anew: policy and clusters change by a
// restart, which everybody sees. SSH keys are read for each connection anyway.
func (a *app) speak(ctx context.Context, file string) error {
	if a.cfg.Slack.Off {
		<-ctx.Done()
		return nil
	}
	var hup <-chan os.Signal
	if a.w.Hup != nil {
		hup = a.w.Hup()
	}
	met := false // Slack has let the bot in, with these tokens or with those before.
	for {
		talk, hangUp := context.WithCancel(ctx)
		listening := make(chan struct{})
		go func() {
			defer close(listening)
			for {
				select {
				case <-talk.Done():
					return
				case <-hup:
					if _, others := a.reload(file); others {
						hangUp()
						return
					}
				}
			}
		}()
		err := a.bot.Load().Run(talk, a.service)
		exchanged := talk.Err() != nil
		met = met || a.bot.Load().Met()
		hangUp()
		<-listening
		switch {
		case ctx.Err() != nil, err == nil && !exchanged:
			return err
		case exchanged:
			if err != nil {
				a.log.WarnContext(ctx, "slack: ending with the tokens of before", "err", a.secrets.Error(err))
			}
		case !met && !a.inHand():
			return err
		default:
			a.log.ErrorContext(ctx, "slack does not let the bot in: it continues without Slack. Runs, the command line, health and metrics work; reports are in this log", "err", a.secrets.Error(err))
			if a.hungUp(ctx, hup, file) != nil {
				return nil //nolint:nilerr // ctx ended: that is no failure.
			}
		}
		if err := a.connect(); err != nil {
			return err
		}
		a.log.InfoContext(ctx, "slack: connected with the new tokens")
	}
}

// inHand reports whether a run is open, as far as is known. Without one, a bot that Slack
// never let in ends: the tokens of a new installation are wrong, which whoever starts the
// bot sees best so.
func (a *app) inHand() bool {
	open, err := a.service.Unclosed()
	return err != nil || len(open) > 0
}

// hungUp waits for a hang-up after which the tokens can be read. The same ones are
// tried again, too: Slack may have been asked to let them in. An error is that ctx ended.
func (a *app) hungUp(ctx context.Context, hup <-chan os.Signal, file string) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-hup:
			if read, _ := a.reload(file); read {
				return nil
			}
		}
	}
}

// reload reads the tokens again. It reports whether they could be read, and whether
// they are others.
func (a *app) reload(file string) (read, others bool) {
	now, err := config.Load(file, a.w.Env)
	switch {
	case err != nil:
		a.log.Error("reload: the tokens stay as they are", "err", err)
		return false, false
	case now.Slack.BotToken == "" || now.Slack.AppToken == "":
		a.log.Error("reload: a token is missing; the tokens stay as they are")
		return false, false
	}
	if now.PolicyDigest != a.cfg.PolicyDigest {
		a.log.Warn("reload: the policy in the file is another one; it takes effect after a restart only")
	}
	was := a.cfg.Slack
	if now.Slack.BotToken == was.BotToken && now.Slack.AppToken == was.AppToken {
		a.log.Info("reload: the tokens are the same")
		return true, false
	}
	a.secrets.Know(now.Slack.BotToken, now.Slack.AppToken)
	a.cfg.Slack.BotToken, a.cfg.Slack.AppToken = now.Slack.BotToken, now.Slack.AppToken
	a.cfg.Slack.BotFrom, a.cfg.Slack.AppFrom = now.Slack.BotFrom, now.Slack.AppFrom
	return true, true
}
