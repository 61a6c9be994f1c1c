package workflow

import (
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"dhmem"
)

const help = "`dhmem run --print-env TASK FILE` shows the variables that a task needs"

const nameRule = "1 to 48 of A-Z a-z 0-9 _ -"

var (
	taskName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,48}$`)
	ends     = regexp.MustCompile(`^\s*([^=]*?)\s*=\s*([^.>]*)\.([^.>]*)>([^.>]*)\.([^.>]*?)\s*$`)
	octal    = regexp.MustCompile(`^0?[0-7]{3}$`)
	sizes    = regexp.MustCompile(`^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$`)
)

// link is a connection from a port of one task to a port of another.
type link struct {
	local    string
	from, to [2]string
	options  []dhmem.QueueOption
	// As it is given; "" if it is not.
	transport string
}

// name is that of its queue.
func (l link) name() string { return strings.Join(l.from[:], ".") + ">" + strings.Join(l.to[:], ".") }

// environment is what the environment says about a task.
type environment struct {
	region, directory, task string
	links                   []link
	runner, trust           string
	permissions             fs.FileMode
	size                    uint64
}

func bad(what, value, wanted string) error {
	return &dhmem.Error{Code: dhmem.ErrBadArgument.Code, Message: fmt.Sprintf("%s is %q; it must be %s", what, value, wanted)}
}

func readEnvironment(lookUp func(name string) (string, bool)) (e environment, err error) {
	variable := func(name string) string {
		value, _ := lookUp(name)
		return value
	}
	missing := func(name, what string) error {
		return &dhmem.Error{Code: dhmem.ErrNotFound.Code, Message: fmt.Sprintf("This task's environment has no %s (%s). Start "+
			"the task with `dhmem run`, or set the variable; %s", name, what, help)}
	}
	e.task, e.region = variable("DHMEM_TASK"), variable("DHMEM_REGION")
	e.directory, e.runner, e.trust = variable("DHMEM_DIR"), variable("DHMEM_RUNNER"), variable("DHMEM_TRUST")
	switch {
	case e.task == "":
		return e, missing("DHMEM_TASK", "the task's name")
	case !taskName.MatchString(e.task):
		return e, bad("DHMEM_TASK", e.task, nameRule)
	case e.region == "":
		return e, missing("DHMEM_REGION", "the region's name")
	}
	// A task may have no links, so an empty value is accepted.
	if _, ok := lookUp("DHMEM_LINKS"); !ok {
		return e, missing("DHMEM_LINKS", "the task's links")
	}
	if e.links, err = parseLinks(variable("DHMEM_LINKS")); err != nil {
		return e, err
	}
	transport := variable("DHMEM_TRANSPORT")
	if transport == "" {
		transport = "shm"
	}
	for _, each := range e.links {
		if err := each.check(e.task, transport); err != nil {
			return e, err
		}
	}
	permissions := variable("DHMEM_PERMISSIONS")
	if permissions == "" {
		permissions = "0600"
	}
	if !octal.MatchString(permissions) {
		return e, bad("DHMEM_PERMISSIONS", permissions, "an octal file mode, such as 0660")
	}
	mode, _ := strconv.ParseUint(permissions, 8, 32)
	e.permissions = fs.FileMode(mode)
	if size := variable("DHMEM_SIZE"); size != "" {
		e.size, err = parseSize("DHMEM_SIZE", size)
	}
	return e, err
}

func parseSize(what, text string) (uint64, error) {
	units := map[string]float64{
		"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}
	if parts := sizes.FindStringSubmatch(text); parts != nil {
		number, _ := strconv.ParseFloat(parts[1], 64)
		if size := number * units[strings.ToLower(parts[2])]; size >= 1 {
			return uint64(size), nil
		}
	}
	return 0, bad(what, text, `a positive number of bytes, or a string such as "64MiB" or "1.5 GB"`)
}

// parseLinks parses DHMEM_LINKS: `values=evaluate.values>steer.values;policy=latest,…`.
func parseLinks(text string) (links []link, err error) {
	seen := map[string]bool{}
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		each, err := parseLink(part)
		if err != nil {
			return nil, err
		}
		if seen[each.name()] {
			return nil, bad("DHMEM_LINKS: A link", each.name(), "listed only once; "+help)
		}
		seen[each.name()] = true
		links = append(links, each)
	}
	return links, nil
}

func parseLink(text string) (l link, err error) {
	parts := strings.Split(text, ";")
	names := ends.FindStringSubmatch(parts[0])
	for i := 1; names != nil && i < len(names); i++ {
		if !taskName.MatchString(names[i]) {
			names = nil
		}
	}
	if names == nil {
		return l, bad("DHMEM_LINKS: A link", text, "of the form values=evaluate.values>steer.values, with names of "+nameRule+"; "+help)
	}
	l.local, l.from, l.to = names[1], [2]string{names[2], names[3]}, [2]string{names[4], names[5]}
	given := map[string]string{}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		key = strings.TrimSpace(key)
		if _, twice := given[key]; twice {
			return l, bad("DHMEM_LINKS: A link", text, "without an option that is given twice; "+help)
		}
		given[key] = strings.TrimSpace(value)
	}
	return l, l.set(text, given)
}

func (l *link) set(text string, given map[string]string) error {
	for key := range given {
		if !strings.Contains(" policy capacity keep transport ", " "+key+" ") {
			return bad("DHMEM_LINKS: A link's option", key, "policy, capacity, keep or transport")
		}
	}
	policy, capacity, keep := given["policy"], given["capacity"], given["keep"]
	if policy == "" {
		policy = "block"
	}
	l.transport = given["transport"]
	if keep != "" && policy != "drop-oldest" || capacity != "" && policy != "block" {
		return bad("DHMEM_LINKS: A link", text,
			"without that option: capacity is for policy block, and keep for policy drop-oldest; "+help)
	}
	switch policy {
	case "block":
		if capacity == "" {
			return nil
		}
		size, err := parseSize("DHMEM_LINKS: A link's capacity", capacity)
		l.options = append(l.options, dhmem.Capacity(size))
		return err
	case "latest":
		l.options = append(l.options, dhmem.Latest())
		return nil
	case "drop-oldest":
		count := 0
		if keep != "" {
			var err error
			if count, err = strconv.Atoi(keep); err != nil || count < 1 {
				return bad("DHMEM_LINKS: A link's keep", keep, "a number of messages")
			}
		}
		l.options = append(l.options, dhmem.DropOldest(count))
		return nil
	}
	return bad("DHMEM_LINKS: A link's policy", policy, "one of block, drop-oldest, latest")
}

func (l *link) check(task, transport string) error {
	if (l.from[0] == task) == (l.to[0] == task) {
		return &dhmem.Error{Code: dhmem.ErrBadArgument.Code, Message: fmt.Sprintf(
			"DHMEM_LINKS has a link from %s to %s, but DHMEM_TASK is %s; it must be one of the two; %s", l.from[0], l.to[0], task, help)}
	}
	if l.transport != "" {
		transport = l.transport
	}
	if transport != "shm" && transport != "memory" {
		return &dhmem.Error{Code: dhmem.ErrUnsupported.Code, Message: fmt.Sprintf("%s communicates by %s, which is not available "+
			"in Go yet; give it the transport shm, or run this task in TypeScript", l.name(), transport)}
	}
	return nil
}
