package basedir_test

import (
	"os"
	"strings"
	"testing"

	"tahoe/caps"
	"tahoe/node/basedir"
)

const someCap = "URI:CHK:aaaaaaaaaaaaaaaaaaaaaaaaaa:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:3:10:1000"

func TestKeeperList(t *testing.T) {
	dir := basedir.Dir(t.TempDir())
	list, err := dir.ReadKeeper()
	if err != nil {
		t.Fatal(err)
	}
	c, err := caps.Parse(someCap)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []basedir.KeeperLine{{Kind: "aliases"}, {Kind: "alias", Name: "home"}, {Kind: "cap", Name: "photos", Cap: c}, {Kind: "retire", Name: "v0-x"}} {
		if !list.Add(l) || list.Add(l) {
			t.Errorf("%v: it is not added, or twice", l)
		}
		if strings.Contains(l.String(), "URI") {
			t.Errorf("%v shows its capability", l)
		}
	}
	if err := dir.WriteKeeper(list); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir.Private(basedir.KeeperFile)); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("others can read it: %v, %v", info.Mode(), err)
	}
	list, err = dir.ReadKeeper()
	if err != nil {
		t.Fatal(err)
	}
	all, err := list.All()
	if err != nil || len(all) != 4 || all[2].Cap.Encode() != someCap {
		t.Errorf("got %v, %v", all, err)
	}
	if !list.Remove(basedir.KeeperLine{Kind: "cap", Name: "photos"}) || list.Remove(basedir.KeeperLine{Kind: "cap", Name: "photos"}) {
		t.Error("it is not removed, or twice")
	}
}

func TestKeeperFileErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"# a comment\n\naliases\n", ""},
		{"everything", "line 1 of private/keeper begins with none of"},
		{"aliases\nalias", "line 2 of private/keeper has 1 words, where 2 belong"},
		{"cap x " + someCap + "x:y", "line 1 of private/keeper holds no capability"},
		{"cap x", "has 2 words, where 3 belong"},
	} {
		dir := basedir.Dir(t.TempDir())
		if err := os.MkdirAll(dir.Private(""), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir.Private(basedir.KeeperFile), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := dir.ReadKeeper()
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q: got %v, want %q", c.text, err, c.want)
		case err != nil && strings.Contains(err.Error(), "aaaaaa"):
			t.Errorf("%q: the error holds the capability: %v", c.text, err)
		}
	}
}
