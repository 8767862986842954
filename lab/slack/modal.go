package slack

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Submit submits a modal. Values are by action_id or by block_id: what was
// typed, or the value of the option chosen; several choices are separated by
// newlines. What is not in values keeps its initial value.
//
// The modal's own rules (required, lengths) are checked first, as Slack's
// client does: Incomplete. Then the app decides: Outcome.Errors is what it
// objects; else the modal is updated, covered or closed as it answers.
func (s *Server) Submit(user, viewID string, values map[string]string) Outcome {
	s.mu.Lock()
	u, v := s.user(user), s.view(viewID)
	if u == nil || u.Deleted || v == nil || v.User != user || v.Type != onModal {
		s.mu.Unlock()
		return refused("view_not_found")
	}
	if body := must(decode(v.Body)); field(body, "submit") == nil {
		s.mu.Unlock()
		return refused("the modal has no submit button")
	}
	state, wrong := s.fillIn(v, values)
	if len(wrong) > 0 {
		s.mu.Unlock()
		return Outcome{Result: Incomplete, Errors: wrong}
	}
	p := s.common("view_submission", u)
	p["trigger_id"], p["view"], p["response_urls"] = s.trigger(user), s.wireView(v, state), []any{}
	s.mu.Unlock()

	out := s.interact(p, true)
	if out.Result != Acked {
		return out
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.changed()
	if err := s.obey(v, &out); err != nil {
		out.Result, out.Why = BadResponse, explain(err)
	}
	return out
}

// fillIn gives the state of a modal with values, and what its client refuses,
// by block_id. The caller holds s.mu.
func (s *Server) fillIn(v *View, values map[string]string) (state map[string]any, wrong map[string]string) {
	state, wrong = map[string]any{}, map[string]string{}
	body := must(decode(v.Body))
	optional := map[string]bool{}
	blocks, _ := field(body, "blocks").([]any)
	for _, b := range blocks {
		if text(b, "type") != "input" || field(b, "optional") == true {
			optional[text(b, "block_id")] = true
		}
	}
	for _, at := range placements(raw(blocks)) {
		kind, action := text(at.element, "type"), text(at.element, "action_id")
		if kind == "button" || kind == "image" || kind == "overflow" || kind == "workflow_button" {
			continue
		}
		var chosen []string
		given, there := values[action]
		if !there {
			given, there = values[at.block]
		}
		if there {
			chosen = []string{}
			if given != "" {
				chosen = []string{given}
				if strings.HasPrefix(kind, "multi_") || kind == "checkboxes" {
					chosen = strings.Split(given, "\n")
				}
			}
		}
		st := inputState(at.element, chosen)
		if why := objection(at.element, st, optional[at.block]); why != "" {
			wrong[at.block] = why
		}
		inBlock := object(state[at.block])
		if inBlock == nil {
			inBlock = map[string]any{}
			state[at.block] = inBlock
		}
		inBlock[action] = st
	}
	return state, wrong
}

// objection is what Slack's client says at an input that cannot be submitted.
func objection(e, state map[string]any, optional bool) string {
	empty := true
	for key, v := range state {
		if key == "type" {
			continue
		}
		switch v := v.(type) {
		case nil:
		case string:
			empty = empty && v == ""
		case []any:
			empty = empty && len(v) == 0
		case []string:
			empty = empty && len(v) == 0
		default:
			empty = false
		}
	}
	if empty {
		if optional {
			return ""
		}
		return "Please complete this required field."
	}
	typed, ok := state["value"].(string)
	if !ok || text(e, "type") != "plain_text_input" {
		return ""
	}
	n, most := utf8.RuneCountInString(typed), float64(maxInput)
	if v, ok := e["max_length"].(float64); ok {
		most = v
	}
	if least, ok := e["min_length"].(float64); ok && float64(n) < least {
		return fmt.Sprintf("Enter at least %v characters.", least)
	}
	if float64(n) > most {
		return fmt.Sprintf("Enter no more than %v characters.", most)
	}
	return ""
}

// obey does what the acknowledgement of a submission asks. The caller holds s.mu.
func (s *Server) obey(v *View, out *Outcome) error {
	if out.Payload == nil {
		s.drop(v)
		return nil
	}
	answer, err := decode(out.Payload)
	if err != nil {
		return fmt.Errorf("response_action: %w", err)
	}
	switch act := text(answer, "response_action"); act {
	case "":
		s.drop(v)
	case "clear":
		delete(s.views, v.User)
	case "errors":
		return s.object(v, object(field(answer, "errors")), out)
	case "update", "push":
		m, err := s.viewBody(raw(field(answer, "view")), onModal)
		if err != nil {
			return err
		}
		if act == "update" {
			s.fill(v, m)
			return nil
		}
		if len(s.views[v.User]) >= maxStack {
			return refuse("push_limit_reached")
		}
		s.views[v.User] = append(s.views[v.User], s.newView(v.User, m))
	default:
		return fmt.Errorf("response_action %q: not one of errors, update, push, clear", act)
	}
	return nil
}

// object shows the app's objections at the inputs. Each must name an input
// block, else Slack shows none of them.
func (s *Server) object(v *View, errs map[string]any, out *Outcome) error {
	inputs := map[string]bool{}
	blocks, _ := field(must(decode(v.Body)), "blocks").([]any)
	for _, b := range blocks {
		if text(b, "type") == "input" {
			inputs[text(b, "block_id")] = true
		}
	}
	if len(errs) == 0 {
		return fmt.Errorf("response_action errors: no errors")
	}
	out.Errors = map[string]string{}
	for block, why := range errs {
		if !inputs[block] {
			out.Errors = nil
			return fmt.Errorf("response_action errors: no input block %q", block)
		}
		out.Errors[block], _ = why.(string)
	}
	return nil
}

// CloseView closes a modal by its close button, or with all the whole stack.
// The app hears of it if the modal asked for that; else the outcome is an
// acknowledgement without an envelope.
func (s *Server) CloseView(user, viewID string, all bool) Outcome {
	s.mu.Lock()
	u, v := s.user(user), s.view(viewID)
	if u == nil || v == nil || v.User != user || v.Type != onModal {
		s.mu.Unlock()
		return refused("view_not_found")
	}
	p := s.common("view_closed", u)
	p["view"], p["is_cleared"] = s.wireView(v, nil), all
	notify := field(must(decode(v.Body)), "notify_on_close") == true
	if all {
		delete(s.views, user)
	} else {
		s.drop(v)
	}
	s.changed()
	s.mu.Unlock()
	if !notify {
		return Outcome{Result: Acked}
	}
	return s.interact(p, false)
}

// Suggest types into an external select of a modal. The options that the app
// offers are in the payload.
func (s *Server) Suggest(user, viewID, actionID, typed string) Outcome {
	s.mu.Lock()
	u, v := s.user(user), s.view(viewID)
	if u == nil || v == nil || v.User != user {
		s.mu.Unlock()
		return refused("view_not_found")
	}
	for _, at := range placements(raw(field(must(decode(v.Body)), "blocks"))) {
		if text(at.element, "action_id") != actionID {
			continue
		}
		p := s.common("block_suggestion", u)
		p["action_id"], p["block_id"], p["value"] = actionID, at.block, typed
		p["container"], p["view"] = map[string]any{"type": "view", "view_id": v.ID}, s.wireView(v, nil)
		s.mu.Unlock()
		return s.interact(p, true)
	}
	s.mu.Unlock()
	return refused("no_such_action")
}
