package aliasfile_test

import (
	"maps"
	"strings"
	"testing"

	"tahoe/internal/aliasfile"
)

func TestRead(t *testing.T) {
	got := map[string]string{}
	err := aliasfile.Read([]byte("# mine\n\nhome: URI:DIR2:a:b\n  odd:URI:x  \n"), func(name, capability string) { got[name] = capability })
	want := map[string]string{"home": "URI:DIR2:a:b", "odd": "URI:x"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	err = aliasfile.Read([]byte("home: URI:DIR2:a:b\nsecret\n"), func(string, string) {})
	if err == nil || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}
