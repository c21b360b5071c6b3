package gridmanager

import (
	"bytes"
	"encoding/json"
	"errors"
)

// An orderedJSON is an object whose members stay in the order of the file.
type orderedJSON []struct {
	name  string
	value json.RawMessage
}

// UnmarshalJSON reads an object. Null is one without members.
func (o *orderedJSON) UnmarshalJSON(b []byte) error {
	*o = nil
	if string(b) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return errors.New("not an object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		*o = append(*o, struct {
			name  string
			value json.RawMessage
		}{name.(string), value}) // the decoder has seen that keys are texts
	}
	return nil
}
