package crawlerstate

import (
	"fmt"
	"math/big"
	"strconv"

	"tahoe/internal/pickle"
	"tahoe/internal/pyjson"
)

// The limits of what is written. A pickle can refer to one value many times, and to a value from within itself.
const (
	maxText  = 64 << 20 // bytes, about
	maxDepth = 20
)

// A converter makes values that pyjson writes. It does so for a limited number of them.
type converter struct{ left int }

// count takes what a value costs, which is more than the bytes that are written of it itself.
func (c *converter) count(v any, depth int) error {
	cost := 8
	switch v := v.(type) {
	case string:
		cost += 6 * len(v)
	case *big.Int:
		cost += v.BitLen()
	}
	c.left -= cost
	if c.left < 0 || depth > maxDepth {
		return fmt.Errorf("it has too many values, or values within each other: %w", ErrState)
	}
	return nil
}

// object converts the values of a dictionary by value, and its keys to texts.
func (c *converter) object(d *pickle.Dict, value func(key string, v any) (any, error)) (pyjson.Object, error) {
	object := make(pyjson.Object, len(d.Keys))
	for i, k := range d.Keys {
		key, err := keyText(k)
		if err == nil {
			err = c.count(k, 0)
		}
		if err != nil {
			return nil, err
		}
		v, err := value(key, d.Values[i])
		if err != nil {
			return nil, err
		}
		object[i] = pyjson.Member{Key: key, Value: v}
	}
	return object, nil
}

// keyText is a key as json.dumps writes it.
func keyText(k any) (string, error) {
	switch k := k.(type) {
	case string:
		return k, nil
	case *big.Int:
		return k.String(), nil
	case float64:
		return pyjson.Float(k), nil
	case bool:
		return strconv.FormatBool(k), nil
	case nil:
		return "null", nil
	}
	return "", fmt.Errorf("a key is neither a text nor a number: %w", ErrState)
}

// plain converts a value as it is. Tuples become lists.
func (c *converter) plain(v any, depth int) (any, error) {
	if err := c.count(v, depth); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case *pickle.List:
		return c.list(v.Items, depth)
	case pickle.Tuple:
		return c.list(v, depth)
	case *pickle.Dict:
		return c.object(v, func(_ string, value any) (any, error) { return c.plain(value, depth+1) })
	}
	return v, nil
}

func (c *converter) list(items []any, depth int) (any, error) {
	list := make([]any, len(items))
	for i, item := range items {
		v, err := c.plain(item, depth+1)
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}

// cycle converts what is known of a cycle. The keys of its histogram of ages are pairs, which become one text.
func (c *converter) cycle(v any) (any, error) {
	d, ok := v.(*pickle.Dict)
	if !ok {
		return nil, fmt.Errorf("a cycle is no dictionary: %w", ErrState)
	}
	return c.object(d, func(key string, value any) (any, error) {
		if ages, ok := value.(*pickle.Dict); ok && key == "lease-age-histogram" {
			return c.ages(ages)
		}
		return c.plain(value, 1)
	})
}

func (c *converter) ages(d *pickle.Dict) (any, error) {
	joined := &pickle.Dict{Values: d.Values}
	for _, k := range d.Keys {
		pair, ok := k.(pickle.Tuple)
		if !ok || len(pair) != 2 {
			return nil, fmt.Errorf("a key of lease-age-histogram is no pair: %w", ErrState)
		}
		from, errFrom := keyText(pair[0])
		to, errTo := keyText(pair[1])
		if errFrom != nil || errTo != nil {
			return nil, fmt.Errorf("a key of lease-age-histogram is no pair of numbers: %w", ErrState)
		}
		joined.Keys = append(joined.Keys, from+","+to)
	}
	return c.object(joined, func(_ string, value any) (any, error) { return c.plain(value, 1) })
}
