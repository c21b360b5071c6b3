package report_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tahoe/cmd/tahoe/internal/report"
	"tahoe/frontends/web/wapi"
)

// The files of testdata are answers of a node of the original, and what its own commands print of them, but for the form in
// which what does not print is written.

func golden(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func answer[T any](t *testing.T, name string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(golden(t, name)), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// units are the lines of a stream.
func units(t *testing.T, name string) (list []wapi.Unit) {
	t.Helper()
	for line := range strings.Lines(golden(t, name)) {
		var u wapi.Unit
		if err := json.Unmarshal([]byte(line), &u); err != nil {
			t.Fatal(err)
		}
		list = append(list, u)
	}
	return list
}

func TestStats(t *testing.T) {
	if got, want := report.Stats(answer[wapi.DeepStats](t, "stats.json")), golden(t, "stats.txt"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := report.Stats(wapi.DeepStats{}); strings.Contains(got, "Histogram") {
		t.Errorf("of nothing: got\n%s", got)
	}
}

func TestStatus(t *testing.T) {
	s, n := answer[wapi.Status](t, "status.json"), answer[wapi.Statistics](t, "statistics.json")
	for name, verbose := range map[string]bool{"status.txt": false, "status-verbose.txt": true} {
		if got, want := report.Status(s, n, verbose), golden(t, name); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestStatusOfWork(t *testing.T) {
	half, third, index := 0.5, 1.0/3, "b6ufqwexsqjpaq2phimzl5b3a4"
	got := report.Status(wapi.Status{Active: []wapi.Operation{
		{Type: wapi.OperationDownload, StorageIndex: &index, Status: "reading", Progress: &half},
		{Type: wapi.OperationUpload, Status: "send\x1bing", ProgressHash: &third, ProgressCiphertext: &third, ProgressPush: &third},
		{Type: wapi.OperationPublish, StorageIndex: &index, Status: "waiting"},
		{Type: "other", StorageIndex: &index},
	}, Checks: &wapi.Checks{Active: []wapi.Operation{{Type: wapi.OperationVerify, StorageIndex: &index, Status: "Under way", Progress: &half}}}}, wapi.Statistics{}, false)
	for _, want := range []string{
		"Statistics (for last unknown time):\n",
		"║  get  ║ b6ufqwexsqjpaq2phimzl5b3a4 ║ ███████▌        ( 50%) ║ reading\n",
		"║  put  ║ -                          ║ █████           ( 33%) ║ \"send\\x1bing\"\n",
		"║  pub  ║ b6ufqwexsqjpaq2phimzl5b3a4 ║                 (???%) ║ waiting\n",
		"║  ???  ║",
		"║ verif ║ b6ufqwexsqjpaq2phimzl5b3a4 ║ ███████▌        ( 50%) ║ Under way\n",
		"No recent operations.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

func TestSpans(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "0 seconds", 1: "1 second", 119: "119 seconds", 120: "2 minutes", 3 * 3600: "3 hours", 2 * 86400: "2 days", 60 * 86400: "2 months",
		4 * 365 * 86400: "4 years",
	} {
		got := report.Status(wapi.Status{}, wapi.Statistics{Stats: map[string]*float64{wapi.StatUptime: &seconds}}, false)
		if !strings.HasPrefix(got, "Statistics (for last "+want+"):") {
			t.Errorf("%v: got %.60q", seconds, got)
		}
	}
}

func TestListing(t *testing.T) {
	n := answer[wapi.Node](t, "listing.json")
	made, _ := n.Children[0].LinkTimes()
	tests := []struct {
		name string
		o    report.ListOptions
		want string
	}{
		{"names", report.ListOptions{}, "dir\nf5\nfrom later\nlit\nlost\nmut\n\"tab\\tname\"\n"},
		{"long", report.ListOptions{Long: true, Classify: true, Now: made.UTC()}, `drwx    - Nov 21 07:17        dir/
-r-- 4000 Nov 21 07:17          f5
?rw-    ? Nov 21 07:17 from later?
-r--    6 Nov 21 07:17         lit
-r-- 4000 Nov 21 07:17        lost
-rw-    ? Nov 21 07:17        mut*
-r--    1 Nov 21 07:17 "tab\tname"
`},
		{"in the next year", report.ListOptions{Long: true, Now: made.UTC().Add(181 * 24 * time.Hour)}, `drwx    - Nov 21  2026         dir
-r-- 4000 Nov 21  2026          f5
?rw-    ? Nov 21  2026  from later
-r--    6 Nov 21  2026         lit
-r-- 4000 Nov 21  2026        lost
-rw-    ? Nov 21  2026         mut
-r--    1 Nov 21  2026 "tab\tname"
`},
	}
	for _, tt := range tests {
		if got := strings.Join(report.Listing(n.Children, tt.o), "\n") + "\n"; got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
	caps := report.Listing(n.Children[:3], report.ListOptions{URI: true, ReadURI: true})
	for i, want := range []string{"       dir URI:DIR2:", "        f5 URI:CHK:", "from later x-tahoe-future-test-writeable:abc"} {
		if !strings.HasPrefix(caps[i], want) || strings.HasSuffix(caps[i], " ") {
			t.Errorf("got %q, want %q", caps[i], want)
		}
	}
	if got := report.Listing([]wapi.Child{{Name: "x"}}, report.ListOptions{Long: true, ReadURI: true}); got[0] != "?--- ? - x -" {
		t.Errorf("of what nothing is known: got %q", got[0])
	}
}

func TestCheck(t *testing.T) {
	r := answer[wapi.CheckResult](t, "check.json")
	const want = `Summary: Not Healthy: 1 shares (enc 2-of-3)
 storage index: b6ufqwexsqjpaq2phimzl5b3a4
 good-shares: 1 (encoding is 2-of-3)
 wrong-shares: 0
 corrupt shares:
  server v0-jpo4gs6hvx2ugaguxiipxuhhmvfk7pdxd3rpsqxblcgczfkdb7qa, SI b6ufqwexsqjpaq2phimzl5b3a4, shnum 2
`
	if got := report.Check(r); got != want || report.HealthOf(r) != report.Lost {
		t.Errorf("got %v,\n%s", report.HealthOf(r), got)
	}
	literal := wapi.CheckResult{Results: wapi.CheckCounts{Healthy: true}}
	if got := report.Check(literal); got != "Summary: Healthy (LIT)\n storage index: \n" || report.HealthOf(literal) != report.Healthy {
		t.Errorf("literal: got %v,\n%s", report.HealthOf(literal), got)
	}
}

func TestRepair(t *testing.T) {
	yes, no := true, false
	result := func(healthy, recoverable bool) *wapi.CheckResult {
		return &wapi.CheckResult{Results: wapi.CheckCounts{Healthy: healthy, Recoverable: &recoverable}}
	}
	tests := []struct {
		name   string
		r      wapi.RepairResult
		text   string
		health report.Health
	}{
		{"nothing to do", wapi.RepairResult{StorageIndex: "i", Before: result(true, true), After: result(true, true)}, "Summary: healthy\n storage index: i\n", report.Healthy},
		{"done", wapi.RepairResult{StorageIndex: "i", Attempted: true, Successful: &yes, Before: result(false, true), After: result(true, true)},
			"Summary: not healthy\n storage index: i\n repair successful\n", report.Healthy},
		{"failed", wapi.RepairResult{StorageIndex: "i", Attempted: true, Successful: &no, Before: result(false, true), After: result(false, true)},
			"Summary: not healthy\n storage index: i\n repair failed\n", report.Unhealthy},
		{"lost", wapi.RepairResult{StorageIndex: "i", Before: result(false, false)}, "Summary: not healthy\n storage index: i\n", report.Lost},
		{"literal", wapi.RepairResult{}, "Summary: Healthy (LIT)\n storage index: \n", report.Healthy},
	}
	for _, tt := range tests {
		if got := report.Repair(tt.r); got != tt.text || report.HealthAfter(tt.r) != tt.health {
			t.Errorf("%s: got %v, %q, want %v, %q", tt.name, report.HealthAfter(tt.r), got, tt.health, tt.text)
		}
	}
}

func TestDeepCheck(t *testing.T) {
	d := report.DeepCheck{Verbose: true}
	var got strings.Builder
	for _, u := range units(t, "deep-check.jsonl") {
		got.WriteString(d.Add(u))
	}
	if got.WriteString(d.Done()); got.String() != golden(t, "deep-check.txt") {
		t.Errorf("got\n%s\nwant\n%s", got.String(), golden(t, "deep-check.txt"))
	}
	if want := [...]int{report.Healthy: 6, report.Unhealthy: 1, report.Lost: 0}; d.After != want {
		t.Errorf("got %v, want %v", d.After, want)
	}
}

func TestDeepRepair(t *testing.T) {
	d := report.DeepCheck{Repair: true}
	var got strings.Builder
	for _, u := range units(t, "deep-repair.jsonl") {
		got.WriteString(d.Add(u))
	}
	const want = ` repair successful
done: 7 objects checked
 pre-repair: 6 healthy, 1 unhealthy
 1 repairs attempted, 1 successful, 0 failed
 post-repair: 7 healthy, 0 unhealthy
`
	if got.WriteString(d.Done()); got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestDeepCheckOfMany(t *testing.T) {
	var d report.DeepCheck
	var got strings.Builder
	for range 250 {
		got.WriteString(d.Add(wapi.Unit{Type: wapi.UnitFile}))
	}
	if want := "100 objects checked..\n200 objects checked..\n"; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

func TestName(t *testing.T) {
	for in, want := range map[string]string{
		"a b": "a b", "é": "é", "": "", "a\nb": `"a\nb"`, "\x1b[31m": `"\x1b[31m"`, "\u202e": `"\u202e"`, "a\xff": `"a\xff"`,
	} {
		if got := report.Name(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.02 kB", 999_999: "1000.00 kB", 1_000_000: "1.00 MB", 5e18: "5.00 EB",
	} {
		if got := report.Size(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
