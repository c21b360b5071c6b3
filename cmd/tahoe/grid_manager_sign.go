package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tahoe/cmd/tahoe/internal/report"
	"tahoe/internal/gridmanager"
)

// maxCertDays is how long a certificate may last: five years.
const maxCertDays = 5 * 365

func (m *managerAt) signCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "sign NAME DAYS",
		Short: "Sign a certificate for a storage server",
		Long: "Sign a certificate for a storage server, that lasts for a number of days, and print it. A copy is kept as NAME.cert.N in\n" +
			"the manager's directory. The server's operator adds it by: tahoe admin add-grid-manager-cert",
		Args: exactly(2, "the name of a server and a number of days"),
		RunE: func(_ *cobra.Command, args []string) error {
			days, err := strconv.Atoi(args[1])
			if err != nil || days < 1 || days > maxCertDays {
				return &usageError{fmt.Sprintf("%q is not a number of days from 1 to %d", args[1], maxCertDays)}
			}
			manager, err := m.load()
			if err != nil {
				return err
			}
			signed, err := manager.Issue(args[0], time.Now().Add(time.Duration(days)*24*time.Hour))
			if err != nil {
				return err
			}
			return m.give(args[0], signed, asJSON)
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}

// give keeps a certificate, and prints it: what was printed is also kept.
func (m *managerAt) give(name string, signed gridmanager.Signed, asJSON bool) error {
	if !m.piped() {
		if _, err := m.dir().Keep(name, signed); err != nil {
			return err
		}
	}
	if asJSON {
		return printJSON(m.e.Stdout, signed)
	}
	_, err := fmt.Fprintf(m.e.Stdout, "%s\n", signed.Indented())
	return err
}

func (m *managerAt) listCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the storage servers that the manager knows, and their certificates",
		Args:  exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			manager, err := m.load()
			if err != nil {
				return err
			}
			return m.list(manager, asJSON, time.Now())
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}

// listedServer is what list prints of a server with --json. It is only ever extended.
type listedServer struct {
	Name         string       `json:"name"`
	PublicKey    string       `json:"public_key"`
	Certificates []listedCert `json:"certificates"`
}

type listedCert struct {
	Number  int       `json:"number"`
	Expires time.Time `json:"expires,omitzero"`
	Valid   bool      `json:"valid"`
	Error   string    `json:"error,omitempty"`
}

func (m *managerAt) list(manager *gridmanager.Manager, asJSON bool, now time.Time) error {
	all := []listedServer{}
	bad := 0
	for _, s := range manager.Servers() {
		listed := listedServer{Name: s.Name, PublicKey: s.Key.String(), Certificates: []listedCert{}}
		var issued []gridmanager.Issued
		var err error
		if !m.piped() {
			if issued, err = m.dir().Issued(manager, s.Name); err != nil {
				return err
			}
		}
		for _, i := range issued {
			c := listedCert{Number: i.Number, Expires: i.Expires, Valid: i.Err == nil && i.Valid(s.Key, now)}
			if i.Err != nil {
				c.Error = i.Err.Error()
				bad++
			}
			listed.Certificates = append(listed.Certificates, c)
		}
		all = append(all, listed)
	}
	if err := m.print(all, asJSON, now); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d certificates in %s are not this grid manager's, as told above", bad, m.dir())
	}
	return nil
}

func (m *managerAt) print(all []listedServer, asJSON bool, now time.Time) error {
	if asJSON {
		return printJSON(m.e.Stdout, all)
	}
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "%s: %s\n", s.Name, s.PublicKey)
		indent := strings.Repeat(" ", len([]rune(s.Name)))
		for _, c := range s.Certificates {
			fmt.Fprintf(&b, "%s  cert %d: %s\n", indent, c.Number, c.text(now))
		}
	}
	_, err := fmt.Fprint(m.e.Stdout, b.String())
	return err
}

// text is a certificate as the original lists it.
func (c listedCert) text(now time.Time) string {
	layout := "2006-01-02 15:04:05.000000-07:00"
	if c.Expires.Nanosecond() == 0 {
		layout = "2006-01-02 15:04:05-07:00"
	}
	when := c.Expires.Format(layout)
	switch {
	case c.Error != "":
		return "no use: " + c.Error
	case c.Expires.After(now):
		return fmt.Sprintf("valid until %s (%s in the future)", when, report.Span(c.Expires.Sub(now).Seconds()))
	}
	return fmt.Sprintf("expired %s (%s ago)", when, report.Span(now.Sub(c.Expires).Seconds()))
}
