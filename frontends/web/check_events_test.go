package web_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tahoe/caps"
	"tahoe/frontends/web"
	"tahoe/frontends/web/wapi"
	"tahoe/lafs"
	"tahoe/lafs/health"
)

// A heldCheck is a store whose repairs are half done until they are released.
type heldCheck struct {
	web.Store
	release chan struct{}
}

func (h heldCheck) Repair(_ context.Context, _ caps.Cap, o lafs.CheckOptions) (*lafs.RepairResult, error) {
	o.Meter.Note(func(p *health.Progress) {
		*p = health.Progress{Asked: 10, Answered: 10, Shares: 8, Verified: 800, ToVerify: 800, Pushed: 50, ToPush: 200}
	})
	<-h.release
	r := &health.Result{Summary: "healthy", Good: 10, Needed: 3, Expected: 10, Healthy: true, Recoverable: true}
	return &lafs.RepairResult{Attempted: true, Successful: true, Before: r, After: r, Placed: 2}, nil
}

// A single repair is told of while it goes on, with the same figures everywhere, and when it is over.
func TestCheckEvents(t *testing.T) {
	store := heldCheck{release: make(chan struct{})}
	s := web.New(store, gridOf{servers: 10, connected: 10}, web.Config{})
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	t.Cleanup(s.Close) // which ends the events
	release := sync.OnceFunc(func() { close(store.release) })
	t.Cleanup(release)
	listen := func(target string) *listener {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return hear(t, conn, target)
	}
	r := &rig{Server: s}
	get := func(target string, v any) {
		t.Helper()
		if err := json.Unmarshal([]byte(readAll(t, r.do(t, "GET", target, nil))), v); err != nil {
			t.Fatal(err)
		}
	}
	c, err := caps.NewCHK(caps.CHKParams{Needed: 3, Total: 10, Size: 2000})
	if err != nil {
		t.Fatal(err)
	}
	all := listen("/status?t=events")
	answered := make(chan string)
	go func() {
		answered <- readAll(t, r.do(t, "POST", "/uri/"+c.Encode()+"?t=check&verify=true&repair=true&output=json", nil))
	}()
	var st wapi.Status
	for st.Checks == nil || len(st.Checks.Active) == 0 || st.Checks.Active[0].BytesPushed == 0 {
		if _, more := all.next(&st); !more {
			t.Fatal("nothing is told of a repair")
		}
	}
	one := listen("/status/repair-0?t=events")
	var told, asked wapi.Operation
	name, _ := one.next(&told)
	get("/status/repair-0?t=json", &asked)
	half, size, index := 0.625, int64(2000), c.Index().String()
	want := wapi.Operation{ID: "repair-0", Type: wapi.OperationRepair, Status: "Under way", TotalSize: &size, Progress: &half, StorageIndex: &index,
		CheckFigures: &wapi.CheckFigures{ServersAsked: 10, ServersAnswered: 10, SharesFound: 8, BytesVerified: 800, BytesToVerify: 800, BytesPushed: 50, BytesToPush: 200}}
	if d := cmp.Diff([]wapi.Operation{want, want, want}, []wapi.Operation{st.Checks.Active[0], told, asked}); name != "transfer" || d != "" {
		t.Errorf("under way: got %s, and of the list, the event and the JSON (-want +got):\n%s", name, d)
	}
	if page := readAll(t, r.do(t, "GET", "/status", nil)); !strings.Contains(page, `<a href="/status/repair-0">Repair</a>`) || !strings.Contains(page, `value="0.625"`) {
		t.Errorf("the page says %s", page)
	}
	release()
	if text := <-answered; !strings.Contains(text, `"repair-successful": true`) {
		t.Errorf("got %s", text)
	}
	whole := 1.0
	want.Status, want.Progress, want.Summary = "Finished", &whole, "healthy"
	for told.Status == "Under way" {
		if _, more := one.next(&told); !more {
			t.Fatal("the end is not told")
		}
	}
	get("/status?t=json", &st)
	if d := cmp.Diff([]wapi.Operation{want, want}, []wapi.Operation{told, st.Checks.Recent[0]}); d != "" || len(st.Recent) != 0 {
		t.Errorf("over: %d transfers; of the event and the list (-want +got):\n%s", len(st.Recent), d)
	}
	if _, more := one.next(&told); more {
		t.Error("the events of a repair go on when it is over")
	}
	if page := readAll(t, r.do(t, "GET", "/status/repair-0", nil)); !strings.Contains(page, "servers took 2 shares") || !strings.Contains(page, "50 B of 200 B") {
		t.Errorf("the page says %s", page)
	}
}
