package config_test

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tahoe/node/config"
)

func settings(text string) (config.Settings, error) {
	f, err := config.Parse("tahoe.cfg", []byte(text))
	if err != nil {
		return config.Settings{}, err
	}
	return f.Settings(filepath.FromSlash("/node"))
}

func TestDefaults(t *testing.T) {
	got, err := settings("")
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(filepath.FromSlash("/node"), name) }
	want := config.Settings{
		Nickname: "<unspecified>", WebStatic: in("public_html"), TempDir: in("tmp"), RevealIP: true, DialTCP: true,
		Uploads: config.Uploads{Dir: in("private/uploads"), Limit: 16 << 30, Keep: 7 * 24 * time.Hour},
		Tub:     config.Tub{Enabled: true, Auto: true},
		Client:  config.Client{Needed: 3, Happy: 7, Total: 10, MaxSegment: 1 << 20, MutableFormat: "SDMF"},
		Storage: config.Storage{Enabled: true, Anonymous: true, Dir: in("storage"), Expire: config.Expire{Mode: "age", Immutable: true, Mutable: true}},
		Doors:   closedDoors(in),
		Keeper:  config.Keeper{Enabled: true, Bandwidth: config.KeeperBandwidth},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// closedDoors are the doors of an empty tahoe.cfg.
func closedDoors(in func(string) string) config.Doors {
	own := config.Accounts{File: in("private/accounts"), Own: true}
	return config.Doors{
		StagingDir: in("private/staging"),
		SFTP:       config.SFTP{Port: config.Endpoint{Network: "tcp4", Port: 8022}, Accounts: own, PrivateKey: in("private/ssh_host_ed25519_key")},
		FTP:        config.FTP{Port: &config.Endpoint{Network: "tcp4", Port: 8021}, Accounts: own, Plain: config.PlainNever},
		WebDAV:     config.WebDAV{Accounts: own, Plain: config.PlainLoopback},
		Login:      config.Login{Accounts: own, Plain: config.PlainLoopback},
	}
}

func TestUploads(t *testing.T) {
	s, err := settings("[node]\nuploads.dir = up\nuploads.limit = 2GiB\nuploads.keep = 3 days\n")
	if want := (config.Uploads{Dir: filepath.Join(filepath.FromSlash("/node"), "up"), Limit: 2 << 30, Keep: 72 * time.Hour}); err != nil || s.Uploads != want {
		t.Errorf("got %+v, %v, want %+v", s.Uploads, err, want)
	}
	if s, err := settings("[node]\nuploads.limit = 0\n"); err != nil || s.Uploads.Limit != 0 {
		t.Errorf("got %+v, %v, want no uploads", s.Uploads, err)
	}
	if _, err := settings("[node]\nuploads.keep = 0 days\n"); err == nil || !strings.Contains(err.Error(), "uploads.keep is no time at all") {
		t.Errorf("got %v for a time of 0", err)
	}
}

// TestDoors: what a door does not say of its accounts is said by [sftpd], and one port is enough for FTP.
func TestDoors(t *testing.T) {
	const text = "[sftpd]\nenabled = yes\naccounts.file = people\n[ftpd]\nimplicit.port = tcp:990\npassive.ports = 50000-50009\n" +
		"[webdav]\naccounts.url = https://example.org/\n[node]\nweb.port = 3456\n[login]\nenabled = true\nplain = Always\n[doors]\ncommit = Close\nstaging.limit = 2G\n"
	s, err := settings(text)
	if err != nil {
		t.Fatal(err)
	}
	people := config.Accounts{File: filepath.Join(filepath.FromSlash("/node"), "people")}
	want := closedDoors(func(name string) string { return filepath.Join(filepath.FromSlash("/node"), name) })
	want.CommitOnClose, want.StagingLimit = true, 2e9
	want.SFTP.Enabled, want.SFTP.Accounts = true, people
	want.FTP.Port, want.FTP.Implicit, want.FTP.Accounts = nil, &config.Endpoint{Network: "tcp4", Port: 990}, people
	want.FTP.First, want.FTP.Last = 50000, 50009
	want.WebDAV.Accounts = config.Accounts{URL: "https://example.org/"}
	want.Login = config.Login{Enabled: true, Accounts: people, Plain: config.PlainAlways}
	if d := cmp.Diff(want, s.Doors); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if !s.Doors.Any() || len(s.Ignored) > 0 {
		t.Errorf("a door is open: %v; ignored: %q", s.Doors.Any(), s.Ignored)
	}
}

// TestRefusals: each is one sentence, with file, line, section and key, what is wrong, and what to do.
func TestRefusals(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"size", "[storage]\nreserved_space = lots\n", `tahoe.cfg line 2: [storage] reserved_space is "lots", which is not a size; write digits and a unit, such as 500M or 10GiB`},
		{"huge size", "[storage]\nreserved_space = 9999999999E\n", `tahoe.cfg line 2: [storage] reserved_space is "9999999999E", which is more than any disk holds; write a smaller size, such as 500M or 10GiB`},
		{"key", "[storage]\n\nreserved_spce = 1G\n", `tahoe.cfg line 3: [storage] reserved_spce is not a setting that this program knows; did you mean reserved_space?`},
		{"key of another section", "[storage]\nnickname = a\n", `tahoe.cfg line 2: [storage] nickname is not a setting that this program knows; it belongs into the section [node]`},
		{"odd key", "[client]\nzzz = a\n", `tahoe.cfg line 2: [client] zzz is not a setting that this program knows; correct it or take the line out`},
		{"section", "[strage]\n", `tahoe.cfg line 1: [strage] is not a section that this program knows; did you mean [storage]?`},
		{"accounts.url", "[sftpd]\naccounts.url = http://a/\n", `tahoe.cfg line 2: [sftpd] accounts.url begins with http://, but passwords are sent there; write https://`},
		{"accounts.url of what", "[ftpd]\naccounts.url = file:a\n", `tahoe.cfg line 2: [ftpd] accounts.url is not the address of a web service, which begins with https://`},
		{"sftpd port", "[sftpd]\nport = ssl:22\n", `tahoe.cfg line 2: [sftpd] port is "ssl:22", which is not a TCP endpoint; write one such as tcp:3456:interface=127.0.0.1`},
		{"half a host key", "[sftpd]\nenabled = true\nhost_pubkey_file = a.pub\n", `tahoe.cfg line 3: [sftpd] host_pubkey_file is set, but host_privkey_file is not; name both files, or take the line out and the node makes a key`},
		{"plain", "[ftpd]\nplain = sometimes\n", `tahoe.cfg line 2: [ftpd] plain is "sometimes"; write never or loopback or always`},
		{"passive ports", "[ftpd]\npassive.ports = 50000\n", `tahoe.cfg line 2: [ftpd] passive.ports is "50000"; write two ports with a hyphen between them, such as 50000-50099`},
		{"passive ports backwards", "[ftpd]\npassive.ports = 50009-50000\n", `tahoe.cfg line 2: [ftpd] passive.ports is 50000, but must be from 50009 to 65535`},
		{"public address", "[ftpd]\npublic.address = ::1\n", `tahoe.cfg line 2: [ftpd] public.address is "::1", which is not an IPv4 address; write one such as 192.0.2.7`},
		{"webdav nowhere", "[webdav]\nenabled = true\n", `tahoe.cfg line 2: [webdav] enabled is true, but the node has no web port; set web.port in [node], or port in [webdav]`},
		{"login nowhere", "[login]\nenabled = true\n", `tahoe.cfg line 2: [login] enabled is true, but the node has no web port, where people would sign in; set web.port in [node]`},
		{"commit", "[doors]\ncommit = later\n", `tahoe.cfg line 2: [doors] commit is "later"; write background or close`},
		{"half a certificate", "[doors]\ntls.key = a\n", `tahoe.cfg line 2: [doors] tls.key is set, but tls.certificate is not; name the file with the certificate too`},
		{"certificates", "[grid_management_certificates]\na = b\n", `tahoe.cfg line 1: [grid_management_certificates] is not a section that this program knows; it is called [grid_manager_certificates]; rename it`},
		{"key of DEFAULT", "[DEFAULT]\nnickname = a\n[node]\n[client]\n", `tahoe.cfg line 2: [client] nickname is not a setting that this program knows; it belongs into the section [node]`},
		{"boolean", "[storage]\nreadonly = maybe\n", `tahoe.cfg line 2: [storage] readonly is "maybe", which is neither true nor false; write true or false`},
		{"number", "[client]\nshares.needed = three\n", `tahoe.cfg line 2: [client] shares.needed is "three", which is not a whole number; write one from 1 to 256`},
		{"n", "[client]\nshares.total = 257\n", `tahoe.cfg line 2: [client] shares.total is 257, but must be from 1 to 256`},
		{"k", "[client]\nshares.needed = 11\n", `tahoe.cfg line 2: [client] shares.needed is 11, which is more than shares.total = 10; no file could be read back`},
		{"happy", "[client]\nshares.happy = 11\n", `tahoe.cfg line 2: [client] shares.happy is 11, which is more than shares.total = 10; no upload could succeed`},
		{"zero", "[client]\nshares.needed = 0\n", `tahoe.cfg line 2: [client] shares.needed is 0, but must be from 1 to 256`},
		{"web.port", "[node]\nweb.port = ssl:1\n", `tahoe.cfg line 2: [node] web.port is "ssl:1", which names no privateKey; write one such as ssl:3456:privateKey=private/web.key:certKey=private/web.crt`},
		{"web.port option", "[node]\nweb.port = ssl:1:privateKey=k:sslmethod=SSLv3_METHOD\n", `tahoe.cfg line 2: [node] web.port is "ssl:1:privateKey=k:sslmethod=SSLv3_METHOD", in which "sslmethod=SSLv3_METHOD" means nothing; write one such as ssl:3456:privateKey=private/web.key:certKey=private/web.crt`},
		{"web.port number", "[node]\nweb.port = tcp:70000\n", `tahoe.cfg line 2: [node] web.port is "tcp:70000", whose port is not a number from 0 to 65535; write one such as tcp:3456`},
		{"interface", "[node]\nweb.port = tcp:1:interface=eth0\n", `tahoe.cfg line 2: [node] web.port listens on the interface "eth0", which is not an IP address; write one such as 127.0.0.1`},
		{"tub.port 0", "[node]\ntub.port = tcp:0\n", `tahoe.cfg line 2: [node] tub.port cannot be 0: you must choose; write a port such as tcp:12345`},
		{"tub.port empty", "[node]\ntub.port =\n", `tahoe.cfg line 2: [node] tub.port is empty; write a port such as tcp:12345, or "disabled"`},
		{"tub.port tor", "[node]\ntub.port = listen:tor\n", `tahoe.cfg line 2: [node] tub.port listens through Tor or I2P, which is not supported yet; write a port such as tcp:12345`},
		{"half disabled", "[node]\ntub.port = disabled\n", `tahoe.cfg line 2: [node] tub.port is disabled, but tub.location is not; write "tub.location = disabled" too, or give the node a port`},
		{"other half", "[node]\ntub.location = disabled\n", `tahoe.cfg line 2: [node] tub.location is disabled, but tub.port is not; write "tub.port = disabled" too, or give the node a location`},
		{"storage without port", "[node]\ntub.port = disabled\ntub.location = disabled\n", `tahoe.cfg line 2: [node] tub.port is disabled, but [storage] enabled is not false; write "enabled = false" into [storage], or give the node a port`},
		{"location", "[node]\ntub.location = udp:a:1\n", `tahoe.cfg line 2: [node] tub.location names the location "udp:a:1"; write AUTO or one such as tcp:example.org:12345`},
		{"privacy", "[node]\nreveal-IP-address = false\n", `tahoe.cfg: [node] tub.location tells this machine's addresses (AUTO), but reveal-IP-address is false; change one of them`},
		{"privacy of dialling", "[node]\nreveal-IP-address = no\ntub.location = tor:a.onion:1\n", `tahoe.cfg line 2: [node] reveal-ip-address is false, but servers would be dialled by TCP, which reveals the address; write "tcp = disabled" into [connections], or set it to true`},
		{"tor", "[connections]\ntcp = tor\n", `tahoe.cfg line 2: [connections] tcp is "tor", which is not supported yet; write tcp or disabled`},
		{"format", "[client]\nmutable.format = XDMF\n", `tahoe.cfg line 2: [client] mutable.format is "XDMF"; write SDMF or MDMF`},
		{"expire mode", "[storage]\nexpire.enabled = true\n", `tahoe.cfg line 2: [storage] expire.enabled is true, but expire.mode is not set; write age or cutoff-date`},
		{"expire date", "[storage]\nexpire.mode = cutoff-date\n", `tahoe.cfg line 2: [storage] expire.mode is cutoff-date, but expire.cutoff_date is not set; write a date such as 2026-01-31`},
		{"duration", "[storage]\nexpire.override_lease_duration = 2 fortnights\n", `tahoe.cfg line 2: [storage] expire.override_lease_duration is "2 fortnights", which is not a duration; write one such as 60 days, 2 months or 1 year`},
		{"plugin", "[storage]\nplugins = zkap\n", `tahoe.cfg line 2: [storage] plugins names the plugin "zkap", which this program does not have; take the line out`},
		{"percent", "[node]\nnickname = 100%\n", `tahoe.cfg line 2: [node] nickname holds a single %; write %% for a percent sign`},
		{"reference", "[node]\nnickname = %(x)s\n", `tahoe.cfg line 2: [node] nickname refers to %(x)s, which is not a key of this section`},
		{"furl", "[client]\nhelper.furl = pb://secret@a:1/b#c\n", `tahoe.cfg line 2: [client] helper.furl contains a #, which begins no comment behind a value; put the comment on a line of its own`},
		{"no section", "nickname = a\n", `tahoe.cfg line 1 stands before the first [section]; put it into one`},
		{"no key", "[node]\nnickname\n", `tahoe.cfg line 2 is neither a [section], nor "key = value", nor a comment (#)`},
		{"not text", "[node]\nnickname = \xff\n", `tahoe.cfg line 2 is not UTF-8 text; save the file as UTF-8`},
		{"managers", "[grid_managers]\na = pub-v0-x\n", `tahoe.cfg line 2: [grid_managers] a is not the public key of a grid manager, pub-v0- and 52 characters; grid-manager public-identity prints it`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := settings(tt.text)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestErrorsQuoteNoFURL(t *testing.T) {
	for _, text := range []string{"[client]\nintroducer.furl = swissnum\n", "[client]\nhelper.furl = pb://a/swissnum#\n", "[node]\nlog_gatherer.furl = swissnum\n"} {
		if _, err := settings(text); err == nil || strings.Contains(err.Error(), "swissnum") {
			t.Errorf("%q: got %v, want an error without the secret", text, err)
		}
	}
}

func TestAccepted(t *testing.T) {
	got, err := settings(`# as the original's create-node writes it
[node]
nickname = Alice
reveal-IP-address = true
web.port = tcp:3456:interface=127.0.0.1
web.static = public_html
tub.port = tcp:12345,tcp6:12346:interface=\:\:1
tub.location = AUTO,tcp:example.org:12345,old.example:1
timeout.keepalive =

[client]
helper.furl =
shares.needed = 3
shares.happy = 7
shares.total = 10
peers.preferred = v0-a, b

[storage]
enabled = true
reserved_space = 1G
expire.enabled = true
expire.mode = cutoff-date
expire.cutoff_date = 2026-01-31
expire.override_lease_duration = 2mo
storage_dir = /elsewhere/shares

[helper]
enabled = false
[storageserver.plugins.x]
anything = goes
`)
	if err != nil {
		t.Fatal(err)
	}
	if got.Web == nil || got.Web.Address() != "127.0.0.1:3456" {
		t.Errorf("web port %v", got.Web)
	}
	if got.Storage.Reserved != 1e9 || filepath.ToSlash(got.Storage.Dir) != "/elsewhere/shares" {
		t.Errorf("storage %+v", got.Storage)
	}
	if e := got.Storage.Expire; e.Override != 62*24*time.Hour || !e.Cutoff.Equal(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("expire %+v", e)
	}
	hints := got.Tub.Hints([]netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::1")}, 12345)
	if want := []config.Hint{{"tcp", "10.0.0.1", 12345}, {"tcp", "example.org", 12345}, {"tcp", "old.example", 1}}; !cmp.Equal(hints, want) {
		t.Errorf("hints %v, want %v", hints, want)
	}
	if want := []config.Endpoint{{"tcp4", "", 12345}, {"tcp6", "::1", 12346}}; !cmp.Equal(got.Tub.Listen, want) {
		t.Errorf("listens at %v, want %v", got.Tub.Listen, want)
	}
	if len(got.Ignored) != 1 || !strings.Contains(got.Ignored[0], "expire.override_lease_duration has no effect") {
		t.Errorf("ignored: %q", got.Ignored)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, "0": 0, "17": 17, "17B": 17, "1k": 1000, "1K": 1000, "1kB": 1000, "1KiB": 1024, "1ki": 1024, "2MB": 2e6, "2mib": 2 << 20, "100 MB": 1e8,
		"10G": 1e10, "1T": 1e12, "1P": 1e15, "1E": 1e18, "7EiB": 7 << 60, "5i": 5, "5IB": 5,
	} {
		if got, err := config.ParseSize(text); got != want || err != nil {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"lots", "K", "-1", "+1", "1.5G", "1KK", "1BK", "1_000", "0x10", "8EiB", "99999999999999999999", "１"} {
		if got, err := config.ParseSize(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestWebEndpointsOfHTTPS(t *testing.T) {
	tests := []struct {
		text string
		at   config.Endpoint
		want config.TLSFiles
	}{
		{"ssl:3456:privateKey=k.pem", config.Endpoint{Network: "tcp4", Port: 3456}, config.TLSFiles{Key: "k.pem", Cert: "k.pem"}},
		{`ssl:port=1:privateKey=a\:b:certKey=/c:extraCertChain=d:interface=127.0.0.1`, config.Endpoint{Network: "tcp4", Host: "127.0.0.1", Port: 1}, config.TLSFiles{Key: "a:b", Cert: "/c", Chain: "d"}},
		{`ssl:1:privateKey=k:interface=\:\:1`, config.Endpoint{Network: "tcp6", Host: "::1", Port: 1}, config.TLSFiles{Key: "k", Cert: "k"}},
	}
	for _, tt := range tests {
		at, files, err := config.ParseWebEndpoint(tt.text)
		if err != nil || at != tt.at || files == nil || *files != tt.want {
			t.Errorf("%s: got %+v, %+v, %v", tt.text, at, files, err)
		}
	}
	for _, text := range []string{"ssl:x:privateKey=k", "ssl:1:2:privateKey=k", "ssl:privateKey=k", "ssl:70000:privateKey=k", "ssl"} {
		if at, _, err := config.ParseWebEndpoint(text); err == nil {
			t.Errorf("%s: got %+v, want an error", text, at)
		}
	}
}

func FuzzEndpoint(f *testing.F) {
	for _, s := range []string{"3456", "tcp:3456:interface=127.0.0.1", `tcp6:1:interface=\:\:`, "tcp:port=0", "tcp:interface=8.8.8.8:3456", "tcp:1:1.2.3.4:50"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := config.ParseEndpoint(s)
		if err != nil {
			return
		}
		if again, err := config.ParseEndpoint(e.String()); err != nil || again != e {
			t.Errorf("%q reads as %+v, which is written %q and reads as %+v, %v", s, e, e.String(), again, err)
		}
	})
}

func TestHintsOfIPv6(t *testing.T) {
	want := config.Hint{Kind: "tcp", Host: "2001:db8::1", Port: 99}
	got, err := config.ParseHint(" tcp:[2001:db8::1]:99")
	if err != nil || got != want || got.String() != "tcp:[2001:db8::1]:99" || got.Address() != "[2001:db8::1]:99" {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, s := range []string{"tcp:2001:db8::1:99", "tcp:[::1]", "tcp:[::1]:0", "tcp:[::1]:", "tcp:[1.2.3.4]:99", "tcp:[fe80::1%eth0]:99", "tcp:[]:99", "tcp:[::1:99", "[::1]:99", "tcp:a]:99"} {
		if got, err := config.ParseHint(s); err == nil {
			t.Errorf("%q: got %v, want an error", s, got)
		}
	}
}

func FuzzHint(f *testing.F) {
	for _, s := range []string{"tcp:example.org:1", "a:1", "tor:x.onion:3457", "i2p:x.i2p:1", "tcp:[::1]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := config.ParseHint(s)
		if err != nil {
			return
		}
		if again, err := config.ParseHint(h.String()); err != nil || again != h {
			t.Errorf("%q reads as %+v, which is written %q and reads as %+v, %v", s, h, h.String(), again, err)
		}
	})
}

func TestKeeperSettings(t *testing.T) {
	s, err := settings("[keeper]\ncheck.every = 3 days\nverify.every = never\nbandwidth = 1M\nhook = bin/tell\nwebhook = https://example.org/x\nrepair.below = 8\n")
	if err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	want := config.Keeper{
		Enabled: true, Check: 3 * day, Verify: -1, Bandwidth: 1_000_000, Hook: filepath.FromSlash("/node/bin/tell"), Webhook: "https://example.org/x", Below: 8,
	}
	if d := cmp.Diff(want, s.Keeper); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, bad := range []string{"check.every = never", "bandwidth = 1K", "check.every = 5 seconds", "webhook = http://example.org/", "parallel = 0"} {
		if _, err := settings("[keeper]\n" + bad + "\n"); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
