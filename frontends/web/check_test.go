package web_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tahoe/caps"
	"tahoe/frontends/web"
	"tahoe/frontends/web/wapi"
	"tahoe/reactor/reactortest"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// A damagedWorld is a world whose shares can be damaged.
type damagedWorld struct {
	*world
	mems []*storagetest.Mem
}

func newDamagedWorld(t *testing.T) *damagedWorld {
	t.Helper()
	client, mems := newClientOn(t)
	s := web.New(client, gridOf{servers: 10, connected: 10}, web.Config{Clock: reactortest.NewClock(epoch), TempDir: t.TempDir()})
	t.Cleanup(s.Close)
	w := &damagedWorld{&world{rig: &rig{Server: s}, caps: map[string]string{}}, mems}
	w.grow(t)
	w.run(t, []step{
		{request: "PUT /uri?format=SDMF", body: long, save: "SDMF"},
		{request: "PUT /uri?format=MDMF", body: long, save: "MDMF"},
	})
	return w
}

func (w *damagedWorld) index(t *testing.T, name string) storage.Index {
	t.Helper()
	c, err := caps.Parse(w.caps[name])
	if err != nil {
		t.Fatal(err)
	}
	v, ok := caps.VerifyOnly(c)
	if !ok {
		t.Fatalf("%s has no shares", name)
	}
	return v.Index()
}

// lose removes shares, each where it is.
func (w *damagedWorld) lose(t *testing.T, name string, shares ...storage.ShareNum) {
	t.Helper()
	for _, m := range w.mems {
		for _, n := range shares {
			m.Remove(w.index(t, name), n)
		}
	}
}

func (w *damagedWorld) corrupt(t *testing.T, name string, n storage.ShareNum, offset int64) (server string) {
	t.Helper()
	for i, m := range w.mems {
		if m.FlipBit(w.index(t, name), n, offset) {
			return fmt.Sprintf("server%d", i)
		}
	}
	t.Fatalf("nobody has share %d of %s", n, name)
	return ""
}

func (w *damagedWorld) post(t *testing.T, target string, status int) string {
	t.Helper()
	resp := w.do(t, "POST", w.fill(target, plainly), nil)
	text := readAll(t, resp)
	if resp.StatusCode != status {
		t.Fatalf("%s: got %d %q, want %d", target, resp.StatusCode, text, status)
	}
	return text
}

func postInto[T any](t *testing.T, w *damagedWorld, target string) (v T) {
	t.Helper()
	text := w.post(t, target, 200)
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v in %s", target, err, text)
	}
	return v
}

// TestCheckJSON: the answers, to the byte, for what is on servers in an order of our own.
func TestCheckJSON(t *testing.T) {
	w := newDamagedWorld(t)
	w.lose(t, "CHK", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	index := w.index(t, "CHK").String()
	w.run(t, []step{
		{request: "POST /uri/{LIT}?t=check&output=json", want: "{\n \"storage-index\": \"\",\n \"results\": {\n  \"healthy\": true\n }\n}\n", header: "Content-Type: text/plain"},
		{request: "POST /uri/{LIT}?t=check&repair=true&output=JSON", want: "{\n \"storage-index\": \"\",\n \"repair-attempted\": false\n}\n"},
		{request: "POST /uri/{CHK}?t=check&output=json", want: "{\n \"storage-index\": \"" + index + "\",\n" +
			" \"summary\": \"Not Healthy: 0 shares (enc 3-of-10)\",\n \"results\": {\n  \"count-happiness\": 0,\n  \"count-shares-good\": 0,\n" +
			"  \"count-shares-needed\": 3,\n  \"count-shares-expected\": 10,\n  \"count-good-share-hosts\": 0,\n  \"count-corrupt-shares\": 0,\n" +
			"  \"list-corrupt-shares\": [],\n  \"servers-responding\": [\n   \"server0\",\n   \"server1\",\n   \"server2\",\n   \"server3\",\n   \"server4\",\n" +
			"   \"server5\",\n   \"server6\",\n   \"server7\",\n   \"server8\",\n   \"server9\"\n  ],\n  \"sharemap\": {},\n  \"count-wrong-shares\": 0,\n" +
			"  \"count-recoverable-versions\": 0,\n  \"count-unrecoverable-versions\": 1,\n  \"healthy\": false,\n  \"recoverable\": false\n }\n}\n"},
		{request: "POST /uri/{CHK}?t=check&verify=perhaps", status: 400},
		{request: "POST /uri/{CHK}?t=check&output=xml", status: 400, want: "Unknown output value: 'xml'"},
		{request: "POST /uri/{D}/nothing?t=check", status: 404},
		{request: "POST /uri/{D}/lit?t=check&when_done=/uri", status: 302, header: "Location: /uri"},
		{request: "POST /uri/{CHK}?t=check", want: "~Cannot be read", header: "Content-Type: text/html; charset=utf-8"},
		{request: "POST /uri/{LIT}?t=check", want: "~There are no shares."},
	})
}

// TestCheckAndRepair: each kind, damaged, checked and repaired by path, by capability, and by the capability to verify.
func TestCheckAndRepair(t *testing.T) {
	for _, c := range []struct{ name, target string }{
		{"CHK", "/uri/{CHK}"}, {"CHK", "/uri/{D}/sub/chk"}, {"CHK", "/uri/{V}"},
		{"SDMF", "/uri/{SDMF}"}, {"MDMF", "/uri/{MDMF}"}, {"D", "/uri/{D}"}, {"D", "/uri/{D}/sub/up"},
	} {
		t.Run(c.target, func(t *testing.T) {
			w := newDamagedWorld(t)
			if c.target == "/uri/{V}" {
				k, _ := caps.Parse(w.caps["CHK"])
				v, _ := caps.VerifyOnly(k)
				w.caps["V"] = v.Encode()
			}
			if r := postInto[wapi.CheckResult](t, w, c.target+"?t=check&output=json&verify=true"); !r.Results.Healthy || r.Summary != "Healthy" || *r.Results.Happiness != 10 {
				t.Fatalf("got %+v", r)
			}
			w.lose(t, c.name, 2)
			server := w.corrupt(t, c.name, 5, 60)
			r := postInto[wapi.CheckResult](t, w, c.target+"?t=check&output=json&verify=true")
			want := wapi.CorruptShare{Server: server, StorageIndex: w.index(t, c.name).String(), Share: 5}
			if r.Results.Healthy || *r.Results.SharesGood != 8 || len(r.Results.ListCorruptShares) != 1 || r.Results.ListCorruptShares[0] != want {
				t.Errorf("got %+v", r)
			}
			if page := w.post(t, c.target+"?t=check&verify=true", 200); !strings.Contains(page, "Not healthy") || !strings.Contains(page, "Corrupt shares") || strings.Contains(page, "<script>") {
				t.Errorf("got %s", page)
			}
			rep := postInto[wapi.RepairResult](t, w, c.target+"?t=check&output=json&verify=true&repair=true")
			if !rep.Attempted || !*rep.Successful || *rep.Before.Results.SharesGood != 8 || *rep.After.Results.SharesGood != 10 || !rep.After.Results.Healthy || rep.Reason != "" {
				t.Errorf("got %+v", rep)
			}
			rep = postInto[wapi.RepairResult](t, w, c.target+"?t=check&output=json&repair=true")
			if rep.Attempted || *rep.Successful || !rep.After.Results.Healthy {
				t.Errorf("got %+v", rep)
			}
			if page := w.post(t, c.target+"?t=check&repair=true", 200); !strings.Contains(page, "There was nothing to repair.") {
				t.Errorf("got %s", page)
			}
		})
	}
}

// TestRepairFails: that is an answer, and says why.
func TestRepairFails(t *testing.T) {
	w := newDamagedWorld(t)
	for _, name := range []string{"CHK", "SDMF", "MDMF"} {
		w.lose(t, name, 0, 1, 2, 3, 4, 5, 6, 7)
		rep := postInto[wapi.RepairResult](t, w, "/uri/{"+name+"}?t=check&output=json&repair=true")
		if !rep.Attempted || *rep.Successful || rep.Reason == "" || *rep.After.Results.SharesGood != 2 || *rep.After.Results.Recoverable {
			t.Errorf("%s: got %+v", name, rep)
		}
	}
	w.lose(t, "D", 0)
	w.run(t, []step{{request: "GET /uri/{D}?t=readonly-uri", save: "RO"}})
	rep := postInto[wapi.RepairResult](t, w, "/uri/{RO}?t=check&output=json&repair=true")
	if rep.Attempted || *rep.Successful || !strings.Contains(rep.Reason, "capability to write") {
		t.Errorf("got %+v", rep)
	}
}

func (w *damagedWorld) stream(t *testing.T, target string) (units []wapi.Unit) {
	t.Helper()
	for line := range strings.Lines(w.post(t, target, 200)) {
		var u wapi.Unit
		if err := json.Unmarshal([]byte(line), &u); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		units = append(units, u)
	}
	return units
}

// TestStreamDeepCheck: a line for each, also where a directory is lost; then statistics.
func TestStreamDeepCheck(t *testing.T) {
	w := newDamagedWorld(t)
	w.lose(t, "CHK", 0)
	w.lose(t, "SUB", 0, 1, 2, 3, 4, 5, 6, 7)
	for _, repair := range []bool{false, true} {
		units := w.stream(t, fmt.Sprintf("/uri/{D}?t=stream-deep-check&verify=true&repair=%v", repair))
		want := []struct {
			path                 string
			healthy, recoverable bool
		}{{"", true, true}, {"again", false, true}, {"lit", true, true}, {"sub", false, false}, {"", true, true}}
		if len(units) != len(want) || units[4].Type != wapi.UnitStats || units[4].Stats.CountDirectories != 2 {
			t.Fatalf("got %+v", units)
		}
		for i, u := range units[:4] {
			before := u.Check
			if repair && u.Repair != nil {
				before = u.Repair.Before
			}
			if (u.Repair != nil) != repair || (u.Check != nil) == repair || strings.Join(u.Path, "/") != want[i].path {
				t.Fatalf("line %d: got %+v", i, u)
			}
			if before != nil && (before.Results.Healthy != want[i].healthy || before.Results.Recoverable != nil && *before.Results.Recoverable != want[i].recoverable) {
				t.Errorf("line %d: got %+v", i, before)
			}
			if repair && want[i].path == "again" && !*u.Repair.Successful {
				t.Errorf("line %d: got %+v", i, u.Repair)
			}
		}
	}
}

// TestDeepCheckOperation: counts, the list of what is not healthy, and details of each.
func TestDeepCheckOperation(t *testing.T) {
	w := newDamagedWorld(t)
	w.lose(t, "CHK", 0)
	w.corrupt(t, "CHK", 3, 60)
	index := w.index(t, "CHK").String()
	type answer struct {
		Finished  bool              `json:"finished"`
		Root      string            `json:"root-storage-index"`
		Checked   int               `json:"count-objects-checked"`
		Healthy   int               `json:"count-objects-healthy"`
		Unhealthy int               `json:"count-objects-unhealthy"`
		Corrupt   int               `json:"count-corrupt-shares"`
		After     int               `json:"count-objects-healthy-post-repair"`
		Repairs   int               `json:"count-repairs-successful"`
		Left      int               `json:"count-corrupt-shares-post-repair"`
		Shares    []json.RawMessage `json:"list-corrupt-shares"`
		Files     [][]any           `json:"list-unhealthy-files"`
		Stats     wapi.DeepStats    `json:"stats"`
	}
	w.run(t, []step{{request: "POST /uri/{D}?t=start-deep-check&ophandle=a&verify=true", status: 302, header: "Location: /operations/a"}})
	got := w.wait(t, "a")
	var a answer
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatal(err)
	}
	if a.Root != w.index(t, "D").String() || a.Checked != 3 || a.Healthy != 2 || a.Unhealthy != 1 || a.Corrupt != 1 || len(a.Shares) != 1 || len(a.Files) != 1 || a.Stats.CountLiteralFiles != 1 {
		t.Errorf("got %s", got)
	}
	w.run(t, []step{
		{request: "GET /operations/a?output=html", want: "~Some are not healthy"},
		{request: "GET /operations/a/" + index + "?output=json", want: "~Not Healthy: 8 shares (enc 3-of-10)"},
		{request: "GET /operations/a/" + index, want: "~Not healthy"},
		{request: "GET /operations/a/" + strings.Repeat("a", 26), status: 404, want: "~No detailed results for SI"},
		{request: "GET /operations/a/x", status: 404},
		{request: "POST /uri/{D}?t=start-deep-check&ophandle=b&verify=true&repair=true", status: 302},
	})
	got = w.wait(t, "b")
	a = answer{}
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatal(err)
	}
	if a.Checked != 3 || a.After != 3 || a.Repairs != 1 || a.Left != 1 || len(a.Files) != 1 { // the server keeps what is corrupt
		t.Errorf("got %s", got)
	}
	w.run(t, []step{{request: "GET /operations/b/" + index + "?output=json", want: `~"repair-successful": true`}})
}

// wait waits for the end of an operation.
func (w *damagedWorld) wait(t *testing.T, handle string) string {
	t.Helper()
	for {
		text := readAll(t, w.do(t, "GET", "/operations/"+handle+"?output=json", nil))
		if strings.Contains(text, `"finished": true`) {
			return text
		}
	}
}
