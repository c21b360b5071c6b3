package web_test

import (
	"strings"
	"testing"
	"time"

	"tahoe/frontends/web"
	"tahoe/introducer"
)

// introducing is an introducer that stands still.
type introducing introducer.ServerStatus

func (i introducing) Status() introducer.ServerStatus { return introducer.ServerStatus(i) }

func someStatus() introducing {
	return introducing{
		Announcements: []introducer.AnnouncementStatus{
			{Service: "storage", Key: "v0-a", Nickname: "<b>a", Version: "tahoe/2", Since: time.Unix(1, 0), Here: true, Hints: []string{"tcp:a:1"}},
			{Service: "storage", Key: "v0-b"},
		},
		Subscribers: []introducer.SubscriberStatus{{Service: "storage", TubID: "tub", Address: "127.0.0.1:1", Info: introducer.Info{Nickname: "c"}}},
	}
}

func TestIntroducerJSON(t *testing.T) {
	r := &rig{Server: web.NewIntroducer(someStatus(), web.Config{})}
	const want = "{\n \"subscription_summary\": {\n  \"storage\": 1\n },\n \"announcement_summary\": {\n  \"storage\": 2\n }\n}\n"
	if got := readAll(t, r.do(t, "GET", "/?t=json", nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	r = &rig{Server: web.NewIntroducer(introducing{}, web.Config{})}
	const none = "{\n \"subscription_summary\": {},\n \"announcement_summary\": {}\n}\n"
	if got := readAll(t, r.do(t, "GET", "/?t=json", nil)); got != none {
		t.Errorf("got %s, want %s", got, none)
	}
}

func TestIntroducerPage(t *testing.T) {
	r := &rig{Server: web.NewIntroducer(someStatus(), web.Config{Nickname: "intro", NodeID: "v0-me", Version: "v"})}
	page := readAll(t, r.do(t, "GET", "/", nil))
	for _, want := range []string{"intro", "v0-me", "&lt;b&gt;a", "v0-b", "(no nickname)", "tcp:a:1", "not connected", "127.0.0.1:1"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	many := introducing{Announcements: make([]introducer.AnnouncementStatus, 3000)}
	page = readAll(t, (&rig{Server: web.NewIntroducer(many, web.Config{})}).do(t, "GET", "/", nil))
	if n := strings.Count(page, "<tr>"); n > 1010 || !strings.Contains(page, "And 2000 more.") {
		t.Errorf("the page has %d rows", n)
	}
}

// TestIntroducerHasNoFiles: what is about files is answered by a sentence.
func TestIntroducerHasNoFiles(t *testing.T) {
	r := &rig{Server: web.NewIntroducer(someStatus(), web.Config{})}
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"PUT", "/uri", 404}, {"GET", "/uri/URI:LIT:mfrgg", 404}, {"GET", "/file/URI:LIT:mfrgg/@@named=/a", 404}, {"GET", "/nothing", 404},
		{"GET", "/?t=info", 400}, {"POST", "/", 405}, {"GET", "/healthz", 200}, {"GET", "/tahoe.css", 200},
	} {
		resp := r.do(t, c.method, c.path, nil)
		if text := readAll(t, resp); resp.StatusCode != c.want {
			t.Errorf("%s %s: got %d %s, want %d", c.method, c.path, resp.StatusCode, text, c.want)
		}
	}
}

func TestIntroducersOnTheWelcomePage(t *testing.T) {
	all := func() []introducer.LinkStatus {
		return []introducer.LinkStatus{
			{Name: "default", Connected: true, Text: "Connected to tcp:a:1 via tcp", Since: time.Unix(0, 0)},
			{Name: "other", Text: "Trying to connect", LastErr: "refused <it>"},
		}
	}
	r := &rig{Server: web.New(&shelf{}, gridOf{}, web.Config{Introducers: all})}
	answer := readAll(t, r.do(t, "GET", "/?t=json", nil))
	if want := "\"statuses\": [\n   \"Connected to tcp:a:1 via tcp\",\n   \"Trying to connect\"\n  ]"; !strings.Contains(answer, want) {
		t.Errorf("got %s, want %s in it", answer, want)
	}
	page := readAll(t, r.do(t, "GET", "/", nil))
	for _, want := range []string{"default", "Connected to tcp:a:1 via tcp", "other", "refused &lt;it&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
}
