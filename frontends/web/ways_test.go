package web_test

import (
	"strings"
	"testing"

	"tahoe/frontends/web"
)

func TestWayCommands(t *testing.T) {
	for _, test := range []struct {
		name string
		way  web.Way
		user string
		want string // is among the commands
	}{
		{"SFTP", web.Way{Protocol: "SFTP", Address: "127.0.0.1:8022"}, "alice", "sftp -P 8022 alice@127.0.0.1"},
		{"SFTP by IPv6", web.Way{Protocol: "SFTP", Address: "[::1]:8022"}, "alice", "lftp -p 8022 sftp://alice@[::1]"},
		{"FTP", web.Way{Protocol: "FTP", Address: "[::1]:8021"}, "alice", "curl --ssl-reqd -u alice -T FILE ftp://[::1]:8021/"},
		{"FTPS", web.Way{Protocol: "FTPS", Address: "host:990"}, "alice", "lftp -u alice ftps://host:990"},
		{"WebDAV", web.Way{Protocol: "WebDAV", URL: "https://host:8443/"}, "alice", "curl -u alice -T FILE https://host:8443/    # file managers open davs://host:8443/"},
		{"a name that a shell would take apart", web.Way{Protocol: "SFTP", Address: "host:22"}, "a;rm'$x", `sftp -P 22 'a;rm'\''$x'@host`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(test.way.Commands(test.user), "\n"); !strings.Contains("\n"+got+"\n", "\n"+test.want+"\n") {
				t.Errorf("got\n%s\nwithout\n%s", got, test.want)
			}
		})
	}
	if got := (web.Way{Protocol: "SFTP", Address: "host:22"}).Commands("-oProxyCommand=x"); len(got) > 0 {
		t.Errorf("got %q for a name that looks like an option", got)
	}
	if got := (web.Way{Protocol: "none"}).Commands("alice"); len(got) > 0 {
		t.Errorf("got %q for a door that nobody knows", got)
	}
}
