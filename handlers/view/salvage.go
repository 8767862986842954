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
		return []Field{{"Restored is", fmt.Sprintf("the log of %s, not the backup. To go back to it: `salvage %s --off`", quote(from.Host), s.Run)}}
	}
	v := o.offered()
	if v == nil {
		return nil
	}
	words := fmt.Sprintf("%s. To restore the log of %s (%s) instead of the backup, press its button or type `salvage %s`. The gate then opens anew, and whoever chose counts as one who asked: their own approval does not count",
		killed(&v.Total), quote(v.Host), upTo(&v.Source), s.Run)
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
