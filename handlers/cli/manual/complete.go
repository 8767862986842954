package manual

import (
	"fmt"
	"strings"
)

// Shells are those that [Completion] knows.
var Shells = []string{"bash", "zsh", "fish"}

// Completion is the script that makes a shell complete the commands; "" for a
// shell that is not known.
func Completion(shell string, commands []Command) string {
	switch shell {
	case "bash":
		return bash(commands)
	case "zsh":
		// zsh reads bash's own words for it.
		return "#compdef aurorabot\nautoload -U +X bashcompinit && bashcompinit\n" + bash(commands)
	case "fish":
		return fish(commands)
	}
	return ""
}

// bash needs nothing but bash: the package bash-completion is not everywhere.
func bash(commands []Command) string {
	var b strings.Builder
	b.WriteString(`_aurorabot() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words= files=
  COMPREPLY=()
  if [ "$prev" = --config ]; then
    COMPREPLY=($(compgen -f -- "$cur"))
    return
  fi
  if [ "$COMP_CWORD" -eq 1 ]; then
`)
	fmt.Fprintf(&b, "    COMPREPLY=($(compgen -W %s -- \"$cur\"))\n    return\n  fi\n", quote(strings.Join(first(commands), " ")))
	b.WriteString("  case \"$command\" in\n")
	for _, word := range first(commands) {
		if more := second(commands, word); len(more) > 0 {
			fmt.Fprintf(&b, "  %s)\n    if [ \"$COMP_CWORD\" -eq 2 ]; then\n      COMPREPLY=($(compgen -W %s -- \"$cur\"))\n      return\n    fi\n    command=\"$command ${COMP_WORDS[2]}\" ;;\n",
				word, quote(strings.Join(more, " ")))
		}
	}
	b.WriteString("  esac\n  case \"$command $prev\" in\n")
	for _, c := range commands {
		for _, o := range c.Options() {
			switch {
			case len(o.Values) > 0:
				fmt.Fprintf(&b, "  %s) words=%s ;;\n", quote(c.Name+" "+o.Name), quote(strings.Join(o.Values, " ")))
			case o.Value == "FILE" || o.Value == "DIR":
				fmt.Fprintf(&b, "  %s) files=yes ;;\n", quote(c.Name+" "+o.Name))
			case o.Value != "":
				fmt.Fprintf(&b, "  %s) return ;;\n", quote(c.Name+" "+o.Name))
			}
		}
	}
	b.WriteString("  *)\n    case \"$command\" in\n")
	for _, c := range commands {
		names := []string{"--config"}
		for _, o := range c.Options() {
			names = append(names, o.Name)
		}
		files := ""
		if c.Files() {
			files = " files=yes"
		}
		fmt.Fprintf(&b, "    %s) words=%s%s ;;\n", quote(c.Name), quote(strings.Join(names, " ")), files)
	}
	b.WriteString(`    esac
    case "$cur" in
    -*) files= ;;
    *) words= ;;
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [ -n "$files" ]; then
    COMPREPLY+=($(compgen -f -- "$cur"))
  fi
}
complete -o filenames -F _aurorabot aurorabot
`)
	return b.String()
}

func fish(commands []Command) string {
	var b strings.Builder
	b.WriteString("complete -c aurorabot -f\n")
	fmt.Fprintf(&b, "complete -c aurorabot -l config -r -F -d 'the configuration'\n")
	for _, word := range first(commands) {
		about := ""
		for _, c := range commands {
			if a, _, _ := strings.Cut(c.Name, " "); a == word {
				about = summary(c.Help)
				break
			}
		}
		fmt.Fprintf(&b, "complete -c aurorabot -n __fish_use_subcommand -a %s -d %s\n", word, quote(about))
	}
	for _, c := range commands {
		a, two, more := strings.Cut(c.Name, " ")
		when := "__fish_seen_subcommand_from " + a
		if more {
			fmt.Fprintf(&b, "complete -c aurorabot -n %s -a %s -d %s\n",
				quote(when+"; and not __fish_seen_subcommand_from "+strings.Join(second(commands, a), " ")), two, quote(summary(c.Help)))
			when += "; and __fish_seen_subcommand_from " + two
		}
		for _, o := range c.Options() {
			flag := "-l " + strings.TrimLeft(o.Name, "-")
			if !strings.HasPrefix(o.Name, "--") {
				flag = "-s " + strings.TrimLeft(o.Name, "-")
			}
			switch {
			case len(o.Values) > 0:
				flag += " -x -a " + quote(strings.Join(o.Values, " "))
			case o.Value == "FILE" || o.Value == "DIR":
				flag += " -r -F"
			case o.Value != "":
				flag += " -x"
			}
			fmt.Fprintf(&b, "complete -c aurorabot -n %s %s\n", quote(when), flag)
		}
		if c.Files() {
			fmt.Fprintf(&b, "complete -c aurorabot -n %s -F\n", quote(when))
		}
	}
	return b.String()
}

// quote is a word for a shell, of all three.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
