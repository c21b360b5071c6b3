package node_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tahoe/introducer"
	"tahoe/node"
	"tahoe/node/basedir"
	"tahoe/node/config"
)

func read(t *testing.T, names ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(names...))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// onPort are the settings of a node that listens for this machine.
func onPort(t *testing.T, c node.CreateConfig) node.CreateConfig {
	t.Helper()
	port := strconv.Itoa(freePort(t))
	c.Port, c.Location = "tcp:"+port+":interface=127.0.0.1", "tcp:127.0.0.1:"+port
	return c
}

// A summary is what an introducer counts.
type summary struct {
	Subscriptions map[string]int `json:"subscription_summary"`
	Announcements map[string]int `json:"announcement_summary"`
}

func summaryOf(t *testing.T, url string) (s summary) {
	t.Helper()
	status, answer := request(t, http.MethodGet, url+"?t=json", nil)
	if err := json.Unmarshal(answer, &s); err != nil || status != http.StatusOK {
		t.Fatalf("%d, %v: %s", status, err, answer)
	}
	return s
}

// TestNodesFindEachOther: by an introducer; at another address, after a restart; and by the cache, when the introducer is
// away.
func TestNodesFindEachOther(t *testing.T) {
	dir := t.TempDir()
	introDir, storageDir, clientDir := filepath.Join(dir, "i"), filepath.Join(dir, "s"), filepath.Join(dir, "c")
	if _, err := node.CreateIntroducer(introDir, onPort(t, node.CreateConfig{WebPort: "tcp:0:interface=127.0.0.1"}), time.Now()); err != nil {
		t.Fatal(err)
	}
	intro := open(t, introDir)
	stopIntro := start(t, intro)
	furl := read(t, intro.IntroducerFURL())
	c := onPort(t, node.CreateConfig{Storage: true, Reserved: "0", Introducer: furl, Nickname: "keeper"})
	create(t, storageDir, c)
	create(t, clientDir, node.CreateConfig{WebPort: "tcp:0:interface=127.0.0.1", Needed: 1, Happy: 1, Total: 1, Introducer: furl})
	stopStorage, client := start(t, open(t, storageDir)), open(t, clientDir)
	stopClient := start(t, client)
	if err := client.WaitConnected(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	data := randomBytes(100_000)
	capability := put(t, client.WebURL(), data)
	if s := summaryOf(t, intro.WebURL()); s.Announcements["storage"] != 1 || s.Subscriptions["storage"] != 1 {
		t.Errorf("got %+v", s)
	}
	if status, page := request(t, http.MethodGet, client.WebURL(), nil); status != http.StatusOK || !strings.Contains(string(page), "Connected to tcp:127.0.0.1:") {
		t.Errorf("the client's page, %d, does not show the introducer", status)
	}

	stopStorage()
	f, _, err := config.Load(storageDir)
	if err != nil {
		t.Fatal(err)
	}
	c = onPort(t, c)
	if err := errors.Join(f.Set("node", "tub.port", c.Port), f.Set("node", "tub.location", c.Location)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(storageDir, "tahoe.cfg"), string(f.Bytes()))
	start(t, open(t, storageDir))
	waitFor(t, func() bool {
		s, _ := request(t, http.MethodGet, client.WebURL()+"uri/"+capability, nil)
		return s == http.StatusOK
	})
	if got := read(t, storageDir, "announcement-seqnum"); got != "2" {
		t.Errorf("announcement-seqnum holds %s after two starts", got)
	}
	stopClient()
	stopIntro()
	cache := filepath.Join(clientDir, "private", "introducer_default_cache.yaml")
	if all, bad, err := introducer.ReadCache(cache); len(all) != 1 || bad != 0 || err != nil || all[0].Table["nickname"] != "keeper" {
		t.Errorf("the cache holds %v, %d, %v", all, bad, err)
	}

	client = open(t, clientDir)
	start(t, client)
	if err := client.WaitConnected(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	checkGet(t, client.WebURL(), capability, data)
}

// TestIntroducerFURL: a file of long ago is moved, two are refused, and another identity's is refused.
func TestIntroducerFURL(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "i")
	made, err := node.CreateIntroducer(dir, onPort(t, node.CreateConfig{}), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	first := open(t, dir)
	private, old := first.IntroducerFURL(), filepath.Join(dir, "introducer.furl")
	furl := read(t, private)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(private, old); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).Close(); err != nil || read(t, private) != furl || exists(old) {
		t.Errorf("moved: %v", err)
	}
	write(t, old, furl)
	if _, err := node.Open(dir, shared(t)); err == nil || !strings.Contains(err.Error(), "there are both") || strings.Contains(err.Error(), furl) {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(old); err != nil {
		t.Fatal(err)
	}
	write(t, private, "pb://"+strings.Repeat("a", 32)+"@tcp:a:1/secret")
	if _, err := node.Open(dir, shared(t)); err == nil || !strings.Contains(err.Error(), "belongs to another private/node.pem") {
		t.Errorf("got %v", err)
	}
	if _, kind, err := basedir.Open(string(made)); kind != basedir.Introducer || err != nil {
		t.Errorf("got %v, %v", kind, err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestIntroducersOfANode(t *testing.T) {
	furl := "pb://" + strings.Repeat("a", 32) + "@tcp:127.0.0.1:1/secret"
	for _, c := range []struct {
		name, yaml, cfg string
		want            string
	}{
		{"a default one twice", "introducers: {default: {furl: '" + furl + "'}}", furl, "take the line out of tahoe.cfg"},
		{"a name with a slash", "introducers: {../x: {furl: '" + furl + "'}}", "", "cannot be part of a file's name"},
		{"no FURL", "introducers: {a: {furl: secret}}", "", "is not a FURL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "n")
			create(t, dir, node.CreateConfig{WebPort: "tcp:0:interface=127.0.0.1"})
			write(t, filepath.Join(dir, "private", "introducers.yaml"), c.yaml)
			f, _, err := config.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Set("client", "introducer.furl", c.cfg); c.cfg != "" && err != nil {
				t.Fatal(err)
			}
			if c.cfg != "" {
				write(t, filepath.Join(dir, "tahoe.cfg"), string(f.Bytes()))
			}
			_, err = node.Open(dir, shared(t))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q and no secret", err, c.want)
			}
		})
	}
}
