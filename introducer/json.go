package introducer

import (
	"bytes"
	"encoding/json"
	"fmt"
)

const (
	maxDepth  = 16   // lists and objects within each other
	maxValues = 4096 // values in all
)

// checkShape refuses a message that takes much more memory than it has bytes, before it is read. It need not know whether
// the message is JSON.
func checkShape(message []byte) error {
	depth, values, quoted := 0, 0, false
	for i := 0; i < len(message); i++ {
		switch c := message[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			values++
		case c == ']' || c == '}':
			depth--
		case c == ',' || c == ':':
			values++
		}
		if depth > maxDepth || values > maxValues {
			return fmt.Errorf("%w: it holds more than %d values, or more than %d lists within each other", ErrMalformed, maxValues, maxDepth)
		}
	}
	return nil
}

// tableOf reads a message that was read before.
func tableOf(message []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(message))
	d.UseNumber()
	var table map[string]any
	_ = d.Decode(&table) // it was decoded before
	return plain(table).(map[string]any)
}

// plain makes numbers of what the decoder left as text.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = plain(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plain(e)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // the nearest, or an infinity
		return f
	}
	return v
}
