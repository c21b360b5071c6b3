package node

import (
	"errors"
	"fmt"
	"os"
	"time"

	"tahoe/node/basedir"
	"tahoe/node/config"
)

// introducerTemplate is the tahoe.cfg of a new introducer.
const introducerTemplate = `# The settings of a Tahoe-LAFS introducer. They are read when it starts: restart it after a change.
# A line that begins with # is a comment. Write a percent sign in a value twice.

[node]
# What this introducer is called by others.
nickname =
# Set this to false to refuse to start rather than reveal the address of this machine.
reveal-IP-address = true
# Where a web page shows who is there. Nothing: nowhere.
web.port =
# A folder whose files are shown below /static.
web.static = public_html
# Where the introducer listens, and where others reach that.
tub.port =
tub.location =
`

// CreateIntroducer makes the directory of an introducer. Of the configuration, the nickname, the web port and where it listens
// count. A directory that holds something is a *basedir.NotEmptyError. Whatever is wrong with c is said before anything is
// written.
func CreateIntroducer(path string, c CreateConfig, now time.Time) (basedir.Dir, error) {
	text, err := c.introducerText()
	if err != nil {
		return "", err
	}
	dir, err := basedir.Create(path)
	if err != nil {
		return "", err
	}
	_, err = dir.Identity(now)
	if err == nil {
		err = basedir.WriteFile(dir.Path("tahoe.cfg"), text, 0o600)
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir.Private("")), os.RemoveAll(dir.Path("tahoe.cfg")))
	}
	return dir, dir.Mark(basedir.Introducer)
}

func (c CreateConfig) introducerText() ([]byte, error) {
	port, location, err := c.listening()
	if err != nil {
		return nil, err
	}
	if port == "" {
		return nil, errors.New("an introducer must listen: it needs a name or address that others reach it by")
	}
	f, err := config.Parse("tahoe.cfg", []byte(introducerTemplate))
	if err != nil {
		return nil, err
	}
	for _, s := range []struct{ key, value string }{
		{"nickname", c.Nickname}, {"web.port", c.WebPort}, {"tub.port", port}, {"tub.location", location},
	} {
		if err := f.Set("node", s.key, s.value); err != nil {
			return nil, fmt.Errorf("%s: %w", s.key, err)
		}
	}
	_, err = f.Settings(".")
	if bad, ok := errors.AsType[*config.Error](err); ok {
		return nil, fmt.Errorf("%s %s", bad.Key, bad.Problem)
	}
	return f.Bytes(), err
}
