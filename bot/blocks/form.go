package blocks

import (
	"fmt"
	"unicode/utf8"

	"github.com/slack-go/slack"
)

// The block_id and action_id of a form's inputs; that of the backups has the
// cluster behind it: what was chosen of one cluster is nothing in another.
const (
	Cluster = "cluster"
	Backup  = "backup"
	Channel = "channel"
)

const (
	maxOptions     = 100
	maxOptionText  = 75
	maxOptionValue = 150
)

// An Option is something to choose.
type Option struct{ Value, Text string }

// A Form asks for what a recovery needs to be asked for.
type Form struct {
	Title    string
	Note     string // What there is to know before one chooses. Empty: nothing.
	Clusters []Option
	Cluster  string   // The chosen one. Empty: none yet.
	Backups  []Option // Of the chosen cluster.
	Backup   string   // The chosen one. Empty: none yet.
	Reason   string   // What stands there already.
	Channel  bool     // Asks where the run is shown, too.
	Busy     bool     // Backups are being looked for.
}

// View lays the form out as a modal.
func (f Form) View(callback string) slack.ModalViewRequest {
	v := slack.ModalViewRequest{
		Type: slack.VTModal, Title: plain(cutEscaped(line(f.Title), maxTitle)), Close: plain("Cancel"),
		CallbackID: callback,
	}
	b := &builder{room: 2000}
	if clusters, chosen := options(f.Clusters, f.Cluster); len(clusters) > 0 {
		in := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plain("Choose a cluster"), Cluster, clusters...)
		in.InitialOption = chosen
		block := slack.NewInputBlock(Cluster, plain("Cluster"), nil, in)
		block.DispatchAction = true
		b.add(block)
		v.Submit = plain("Make the plan") // Slack takes no input without it.
	}
	if f.Busy {
		b.add(rich(section(raw("Looking for backups on the cluster's hosts …", nil))))
	}
	if backups, chosen := options(f.Backups, f.Backup); len(backups) > 0 {
		in := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plain("Choose a backup"), Backup, backups...)
		in.InitialOption = chosen
		b.add(slack.NewInputBlock(cut(Backup+":"+f.Cluster, maxID), plain("Backup, newest first"), nil, in))
		why := slack.NewPlainTextInputBlockElement(nil, Reason)
		why.Multiline, why.MaxLength, why.InitialValue = true, maxInput, cut(clean(f.Reason), maxInput)
		hint := plain("Without one, a recovery that the logs do not need is not begun.")
		b.add(slack.NewInputBlock(Reason, plain("Why is the backup wanted?"), hint, why).WithOptional(true))
		if f.Channel {
			where := slack.NewOptionsSelectBlockElement(slack.OptTypeConversations, plain("Choose a channel"), Channel)
			b.add(slack.NewInputBlock(Channel, plain("Where it is shown and decided"), nil, where))
		}
	}
	if f.Note != "" {
		b.add(slack.NewContextBlock("", plain(cutEscaped(line(f.Note), maxContext))))
	}
	if len(b.blocks) == 0 {
		b.add(rich(section(raw("Nothing to choose from.", nil))))
	}
	v.Blocks = slack.Blocks{BlockSet: b.blocks}
	return v
}

// options are at most as many as Slack takes, and the one whose value is chosen.
// One whose value Slack would refuse is left out: a value must never be cut.
func options(all []Option, chosen string) (list []*slack.OptionBlockObject, initial *slack.OptionBlockObject) {
	for _, o := range all {
		if len(list) == maxOptions {
			break
		}
		if o.Value == "" || utf8.RuneCountInString(o.Value) > maxOptionValue || clean(o.Value) != o.Value {
			continue
		}
		e := slack.NewOptionBlockObject(o.Value, plain(cutEscaped(line(o.Text), maxOptionText)), nil)
		list = append(list, e)
		if o.Value == chosen {
			initial = e
		}
	}
	return list, initial
}

// A Page is what somebody's App Home says.
type Page struct {
	Note     string // Instead of all else, or above it.
	Clusters []Row
	Runs     []Row
	Foot     string
}

// A Row is a cluster or a run on a [Page].
type Row struct {
	Name, Line string
	Mine       bool   // The person's approval is waited for.
	URL        string // Where it is decided. Empty: it is not known.
	Action     string // A button's ID, as [ActionID] gives it back. Empty: there is none.
	Label      string
	Value      string
}

// shownHome is how many rows of a kind a page has: Slack takes 100 blocks.
const shownHome = 30

// View lays the page out.
func (p Page) View() slack.HomeTabViewRequest {
	b := &builder{room: 9000}
	if p.Note != "" {
		b.add(rich(section(raw(cut(clean(p.Note), maxSection), nil))))
	}
	b.rows("Open runs", p.Runs, p.Note == "", "No run is open.")
	b.rows("Clusters", p.Clusters, p.Note == "", "There is no cluster that you may look at.")
	if p.Foot != "" {
		b.add(slack.NewContextBlock("", plain(cutEscaped(line(p.Foot), maxContext))))
	}
	return slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: b.blocks}}
}

func (b *builder) rows(title string, rows []Row, always bool, none string) {
	if len(rows) == 0 && !always {
		return
	}
	b.add(slack.NewHeaderBlock(plain(title)))
	if len(rows) == 0 {
		b.add(rich(section(raw(none, nil))))
	}
	for i, r := range rows {
		if i == shownHome {
			b.add(rich(section(raw(fmt.Sprintf("… %d more", len(rows)-i), nil))))
			return
		}
		e := []slack.RichTextSectionElement{raw(cut(line(r.Name), 200), bold), raw("  ", nil)}
		e = append(e, prose(cut(line(r.Line), 400))...)
		if r.Mine {
			e = append(e, raw("\nYour approval is waited for. ", bold))
		}
		if web(r.URL) {
			e = append(e, raw(" ", nil), slack.NewRichTextSectionLinkElement(r.URL, "Open it in its channel", nil))
		}
		b.add(rich(section(e...)))
		if r.Action != "" && len(r.Value) <= maxValue {
			b.add(slack.NewActionBlock(cut(fmt.Sprintf("%s/%d", r.Action, i), maxID),
				slack.NewButtonBlockElement(numbered(r.Action, i), r.Value, plain(cutEscaped(line(r.Label), maxLabel)))))
		}
	}
}
