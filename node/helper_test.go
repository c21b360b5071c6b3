package node_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"tahoe/node"
	"tahoe/node/basedir"
	"tahoe/node/config"
)

// TestHelper: a node that is nothing but a helper stores what a client sends it; when it is away, the client does so itself.
func TestHelper(t *testing.T) {
	dir := t.TempDir()
	storageDir, helperDir, clientDir := filepath.Join(dir, "s"), filepath.Join(dir, "h"), filepath.Join(dir, "c")
	create(t, storageDir, onPort(t, node.CreateConfig{Storage: true, Reserved: "0"}))
	create(t, helperDir, onPort(t, node.CreateConfig{WebPort: "tcp:0:interface=127.0.0.1", Helper: true, Needed: 1, Happy: 1, Total: 1}))
	create(t, clientDir, node.CreateConfig{WebPort: "tcp:0:interface=127.0.0.1", Needed: 1, Happy: 1, Total: 1})
	storage := open(t, storageDir)
	entry, _ := storage.Static()
	start(t, storage)
	for _, d := range []string{helperDir, clientDir} {
		if err := basedir.Dir(d).WriteStaticServers([]basedir.Static{entry}); err != nil {
			t.Fatal(err)
		}
	}
	helper := open(t, helperDir)
	stopHelper := start(t, helper)
	f, _, err := config.Load(clientDir)
	if err == nil {
		err = f.Set("client", "helper.furl", read(t, helperDir, "private", "helper.furl"))
	}
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(clientDir, "tahoe.cfg"), string(f.Bytes()))
	client := open(t, clientDir)
	start(t, client)
	for _, n := range []*node.Node{helper, client} {
		if err := n.WaitConnected(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, func() bool {
		_, page := request(t, http.MethodGet, client.WebURL(), nil)
		return strings.Contains(string(page), "an upload helper, which is connected")
	})
	data := randomBytes(3 << 20)
	capability := put(t, client.WebURL(), data)
	checkGet(t, client.WebURL(), capability, data)
	if s := helperStats(t, helper.WebURL()); s["chk_upload_helper.encoded_bytes"] != 3<<20 || s["chk_upload_helper.upload_need_upload"] != 1 {
		t.Errorf("the helper's statistics are %v", s)
	}
	if s := helperStats(t, client.WebURL()); len(s) != 0 {
		t.Errorf("a node without a helper says %v of it", s)
	}
	if _, page := request(t, http.MethodGet, helper.WebURL()+"statistics?t=openmetrics", nil); !strings.Contains(string(page), "tahoe_counters_chk_upload_helper_fetched_bytes 3145728\n") {
		t.Errorf("the statistics do not have the helper's: %s", page)
	}
	stopHelper()
	waitFor(t, func() bool {
		_, page := request(t, http.MethodGet, client.WebURL(), nil)
		return strings.Contains(string(page), "The upload helper is not connected")
	})
	data = randomBytes(100_000)
	checkGet(t, client.WebURL(), put(t, client.WebURL(), data), data)
}

func helperStats(t *testing.T, url string) (s map[string]float64) {
	t.Helper()
	status, answer := request(t, http.MethodGet, url+"helper_status?t=json", nil)
	if err := json.Unmarshal(answer, &s); err != nil || status != http.StatusOK {
		t.Fatalf("%d, %v: %s", status, err, answer)
	}
	return s
}
