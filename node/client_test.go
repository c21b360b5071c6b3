package node_test

import (
	"strings"
	"testing"

	"tahoe/node"
)

func TestMergeNURLs(t *testing.T) {
	key, other := strings.Repeat("A", 43), "E"+strings.Repeat("A", 42)
	tests := []struct {
		name  string
		nurls []string
		want  string // the merged one, or a part of the error
	}{
		{"one", []string{"pb://" + key + "@b:1/s#v=1"}, "pb://" + key + "@b:1/s#v=1"},
		{"several places", []string{"pb://" + key + "@b:1/s#v=1", "pb://" + key + "@a:1/s#v=1", "pb://" + key + "@b:1/s#v=1"}, "pb://" + key + "@a:1,b:1/s#v=1"},
		{"another key is left out", []string{"pb://" + key + "@b:1/s#v=1", "pb://" + other + "@a:1/s#v=1"}, "pb://" + key + "@b:1/s#v=1"},
		{"another swissnum is left out", []string{"pb://" + key + "@b:1/s#v=1", "pb://" + key + "@a:1/z#v=1"}, "pb://" + key + "@b:1/s#v=1"},
		{"a broken one is left out", []string{"pb://x", "pb://" + key + "@b:1/s#v=1"}, "pb://" + key + "@b:1/s#v=1"},
		{"Tor is left out", []string{"pb+tor://" + key + "@x.onion:1/s#v=1", "pb://" + key + "@b:1/s#v=1"}, "pb://" + key + "@b:1/s#v=1"},
		{"none", nil, "announced without a NURL"},
		{"Tor alone", []string{"pb+tor://" + key + "@x.onion:1/s#v=1"}, "through Tor, which is not supported yet"},
		{"broken", []string{"pb://swissnum"}, "malformed NURL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := node.MergeNURLs(tt.nurls)
			if err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "swissnum")) {
				t.Errorf("got error %q, want %q", err, tt.want)
			}
			if err == nil && got.Encode() != tt.want {
				t.Errorf("got %s, want %s", got.Encode(), tt.want)
			}
		})
	}
}
