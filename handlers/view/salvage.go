package view

import (
	"fmt"

	"aurorabot/runner"
)

// offered is what people may choose at a gate in the place of the backup: the log
// that reaches furthest, where less is lost by it. Nil: there is nothing to choose.
func (o *opening) offered() *salvagedFact {
	l, ok := fact[lossFact](o.state, stepLoss)
	if o.gate != "assess" || !ok || l.Salvaged == nil || l.Salvaged.NotOffered != "" || o.state.Source != nil {
		return nil
	}
	return l.Salvaged
}

// salvageFacts say what the log itself would give back, and what choosing it means.
func (s gateWords) salvageFacts(o *opening) []Field {
	if from := o.state.Source; from != nil {
		return []Field{{"Restored is", fmt.Sprintf("the log of %s, not the backup. To return to the backup: `salvage %s --off`", quote(from.Host), s.name())}}
	}
	v := o.offered()
	if v == nil {
		return nil
	}
	words := killed(&v.Total, 6)
	if sure := knows(v.Total.Sources); sure != "" {
		words += "; " + sure
	}
	words += fmt.Sprintf(". To restore the log of %s (%s) instead of the backup, press its button or type `salvage %s`. The gate then opens again, and the person who chose becomes a requester: their own approval does not count",
		quote(v.Host), upTo(&v.Source), s.name())
	return []Field{{"With the log instead", words + without(&v.Source)}}
}

// without says what a log has and the backup made of it has not.
func without(from *runner.Source) string {
	words := ""
	for _, d := range from.Dropped {
		words += ". Not in it: " + quote(cut(d, 300))
	}
	return words
}

// upTo says how far a salvaged log goes.
func upTo(from *runner.Source) string {
	return fmt.Sprintf("up to position %s, %s", digits(int64(from.Position)), when(from.Time))
}
