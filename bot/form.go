package bot

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/slack-go/slack"

	"aurorabot/bot/blocks"
	"aurorabot/handlers"
	"aurorabot/handlers/view"
)

// formID is the callback_id of the form for a recovery.
const formID = "recover"

// The callback_ids of the app's shortcuts and the button on App Home: ways in
// where no command is typed.
const (
	AlertShortcut  = "recover_from_alert"
	GlobalShortcut = "open_recovery"
	homeRecover    = "home_recover"
)

// A form is what is known of a recovery that somebody is about to ask for.
type form struct {
	Command string   `json:"command"` // "recover" or "plan".
	Options []string `json:"options,omitempty"`
	Cluster string   `json:"cluster,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Channel string   `json:"channel,omitempty"`
	Thread  string   `json:"thread,omitempty"`

	text string // What the cluster may be named in.
	view string // The modal that shows the form; empty: it is to be opened.
}

// formOf is the form that completes words, or nil if nothing is missing that
// a form asks for.
func formOf(words []string) *form {
	if len(words) == 0 || words[0] != "recover" && words[0] != "plan" {
		return nil
	}
	args, options, err := handlers.Read(words)
	if err != nil || len(args) > 1 {
		return nil // The service says what is wrong, or what the command is for.
	}
	f := &form{Command: words[0], Options: options}
	if len(args) == 1 {
		f.Cluster = args[0]
	}
	return f
}

// isReason reports whether an option gives the reason already. Forms that were
// opened by an earlier version have the value behind it.
func isReason(option string) bool {
	return option == "--reason" || strings.HasPrefix(option, "--reason=")
}

// alert is the form for a message that tells of something.
func alert(c slack.InteractionCallback) *ask {
	a := &ask{team: teamOf(c), user: c.User.ID, channel: c.Channel.ID, thread: c.Message.ThreadTimestamp, trigger: c.TriggerID, responseURL: c.ResponseURL}
	first, _, _ := strings.Cut(strings.TrimSpace(c.Message.Text), "\n")
	if r := []rune(first); len(r) > 200 {
		first = string(r[:200]) + "…"
	}
	a.form = &form{Command: "recover", Channel: a.channel, Thread: a.thread, text: c.Message.Text}
	if first != "" {
		a.form.Reason = "alert: " + first
	}
	return a
}

// choose makes a of what somebody chose in the form: another cluster.
func (f *form) choose(a *ask) {
	f.view = a.view.ID
	if a.chosen.ActionID == blocks.Cluster {
		f.Cluster = a.chosen.SelectedOption.Value
	}
	a.channel, a.thread, a.form = f.Channel, f.Thread, f
}

// complete makes a the command that the form was filled in for.
func (f *form) complete(a *ask) {
	a.channel, a.thread, a.errors = f.Channel, f.Thread, map[string]string{}
	var in map[string]map[string]slack.BlockAction
	if a.view.State != nil {
		in = a.view.State.Values
	}
	cluster := in[blocks.Cluster][blocks.Cluster].SelectedOption.Value
	block := blocks.Backup + ":" + cluster
	backup := in[block][blocks.Backup].SelectedOption.Value
	if where := in[blocks.Channel][blocks.Channel].SelectedConversation; where != "" {
		a.channel = where
	}
	switch {
	case cluster == "":
		a.errors[blocks.Cluster] = "Choose a cluster."
	case backup == "":
		// The backups of the cluster chosen before still stood there.
		a.errors[blocks.Cluster] = "Wait for this cluster's backups, and choose one."
	}
	a.words = append([]string{f.Command, cluster, backup}, f.Options...)
	if why := strings.TrimSpace(in[blocks.Reason][blocks.Reason].Value); why != "" && !slices.ContainsFunc(f.Options, isReason) {
		a.words = append(a.words, "--reason", why)
	}
}

// forms show the form for a recovery, and what there is to choose in it.
type forms struct {
	*app
	ledger *ledger
	views  *views
}

// fill shows the form, and what there is to choose as soon as it is known. The
// modal is opened at once, for a trigger lasts three seconds.
func (fs *forms) fill(a *ask) {
	ctx := fs.working
	defer fs.ledger.survive(ctx, a)
	f := a.form
	show := blocks.Form{Title: strings.ToUpper(f.Command[:1]) + f.Command[1:], Busy: true}
	if f.view == "" {
		id, err := fs.views.open(ctx, a, show.View(formID), shown{Form: f})
		if err != nil {
			fs.Log.WarnContext(ctx, "slack: opening the form", "err", fs.secrets.Err(err))
			fs.whisper(ctx, a, view.Message{Tone: view.Warn, Head: "The form could not be shown. Nothing was done.",
				Lines: []string{fmt.Sprintf("Type `%s %s CLUSTER BACKUP`, or try again.", fs.Command, f.Command)}})
			return
		}
		f.view = id
	}
	// Looking takes its time, and another modal may have to be opened meanwhile.
	if fs.work.put(a.who(), "form/"+a.who(), func() { fs.offer(a, show) }) != nil {
		show.Busy, show.Note = false, "Busy. Nothing was done; try again in a minute."
		fs.redraw(ctx, f, show)
	}
}

// offer redraws the form with what there is to choose.
func (fs *forms) offer(a *ask, show blocks.Form) {
	ctx := fs.working
	defer fs.ledger.survive(ctx, a)
	f := a.form
	show.Busy, show.Reason, show.Channel = false, f.Reason, f.Channel == ""
	who, err := fs.people.Person(ctx, a.team, a.user, handlers.Looking)
	if err != nil {
		show.Note = "Slack does not say who you are: " + fs.secrets.Err(err).Error()
		fs.redraw(ctx, f, show)
		return
	}
	seen, err := fs.Overview(ctx, who)
	var names []string
	for _, c := range seen.Clusters {
		if c.Recover || f.Command == "plan" {
			names = append(names, c.Name)
			show.Clusters = append(show.Clusters, blocks.Option{Value: c.Name, Text: c.Name})
		}
	}
	why := outsider(who)
	switch {
	case err != nil:
		why = "The clusters could not be listed: " + fs.secrets.Err(err).Error()
	case why == "" && len(names) == 0:
		why = cmp.Or(unsure(who), "Policy lets you ask for this in no cluster.")
	}
	if why != "" {
		show.Clusters, show.Note = nil, why
		fs.redraw(ctx, f, show)
		return
	}
	if f.Cluster == "" {
		f.Cluster = only(names, f.text)
	}
	if !slices.Contains(names, f.Cluster) {
		if f.Cluster != "" {
			show.Note = fmt.Sprintf("There is no cluster %.60q for you; choose one of these.", f.Cluster)
		}
		f.Cluster = ""
		fs.redraw(ctx, f, show)
		return
	}
	show.Cluster, show.Busy = f.Cluster, true
	fs.redraw(ctx, f, show)
	show.Busy = false
	show.Backups, show.Note = fs.choices(ctx, handlers.Request{
		Actor: who, Channel: room(f.Channel), Words: []string{"backups", f.Cluster}, At: fs.Now(),
	})
	fs.redraw(ctx, f, show)
}

func (fs *forms) redraw(ctx context.Context, f *form, show blocks.Form) {
	if err := fs.views.redraw(ctx, f.view, show.View(formID), *f); err != nil {
		// Closed by the person, most often.
		fs.Log.InfoContext(ctx, "slack: redrawing the form", "err", fs.secrets.Err(err))
	}
}

// only is the one cluster that there is, or the one that text names as a word.
func only(names []string, text string) string {
	if len(names) == 1 {
		return names[0]
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	var found []string
	for _, n := range names {
		if slices.Contains(words, n) {
			found = append(found, n)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return ""
}

// backupRow is one backup of what the command backups gives to programs; without
// a Name, a host that holds none or could not be asked, and Why.
type backupRow struct {
	Host, Name string
	Why        string
	Timestamp  time.Time
	Tasks      int
	Valid      bool
}

// age is how old a backup of a time is, in words.
func (fs *forms) age(t time.Time) string {
	if t.Year() < 2000 {
		return "of no known age"
	}
	return view.Age(fs.Now().Sub(t).Round(time.Minute)) + " old"
}

// choices are a cluster's backups that decode, newest first, and what there is
// to know of the rest. They are asked for as the person would: policy counts.
func (fs *forms) choices(ctx context.Context, r handlers.Request) ([]blocks.Option, string) {
	answer := fs.service.Handle(ctx, r)
	js, err := json.Marshal(answer.Data)
	var rows []backupRow
	if answer.Data == nil || err != nil || json.Unmarshal(js, &rows) != nil {
		return nil, answer.Message.Head
	}
	if !slices.ContainsFunc(rows, func(r backupRow) bool { return r.Name != "" }) {
		// None was seen: what the service says of that is all there is to know.
		return nil, answer.Message.Head + " " + strings.Join(answer.Message.Lines, " ")
	}
	hosts, bad, silent := map[string][]string{}, 0, []string{}
	slices.SortStableFunc(rows, func(a, c backupRow) int { return c.Timestamp.Compare(a.Timestamp) })
	var list []blocks.Option
	for _, row := range rows {
		switch {
		case row.Name == "":
			silent = append(silent, row.Host+": "+row.Why)
		case !row.Valid:
			bad++
		case hosts[row.Name] == nil:
			list = append(list, blocks.Option{Value: row.Name, Text: fmt.Sprintf("%s, %s, %d tasks", row.Name, fs.age(row.Timestamp), row.Tasks)})
			fallthrough
		default:
			hosts[row.Name] = append(hosts[row.Name], row.Host)
		}
	}
	note := fmt.Sprintf("Only the plan is made now, read-only; people approve before anything changes. %d of %d files are backups that decode.", len(rows)-len(silent)-bad, len(rows)-len(silent))
	if len(silent) > 0 {
		note += " Not looked through: " + strings.Join(silent, "; ") + "."
	}
	if bad > 0 {
		note += fmt.Sprintf(" `%s backups` says what is wrong with the rest.", fs.Command)
	}
	return list, note
}
