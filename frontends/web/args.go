package web

import (
	"net/url"
	"strings"
)

// args are the arguments of a request: those of the query first, then the fields of a form.
type args struct {
	query url.Values
	form  map[string]string
}

func (a args) get(name string) string {
	if v, ok := a.query[name]; ok {
		return v[0]
	}
	return a.form[name]
}

// operation is the t= argument.
func (a args) operation() string { return strings.TrimSpace(a.get("t")) }

// boolean reads an argument that is false when it is missing.
func (a args) boolean(name string) (bool, error) {
	v := a.get(name)
	switch strings.ToLower(v) {
	case "true", "t", "1", "on":
		return true, nil
	case "", "false", "f", "0", "off":
		return false, nil
	}
	return false, badRequest("invalid boolean argument: %s='%s' is neither true nor false", name, short(v))
}

// immutable refuses formats of new files that are not made here.
func (a args) immutable() error {
	switch format := a.get("format"); strings.ToUpper(format) {
	case "CHK":
		return nil
	case "SDMF", "MDMF":
		return notYet("mutable files are")
	case "":
	default:
		return badRequest("Unknown format: %s, I know CHK, SDMF, MDMF", short(format))
	}
	if mutable, err := a.boolean("mutable"); err != nil {
		return err
	} else if mutable {
		return notYet("mutable files are")
	}
	return nil
}
