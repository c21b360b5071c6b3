package keeper

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"tahoe/internal/lite"
)

// Counts sum up what is known of all files.
type Counts struct {
	Files     int
	By        [Lost + 1]int       // by state
	Since     [Lost + 1]time.Time // of each state that is not good, the earliest
	Failing   int                 // files of which the last repair failed
	Overdue   int                 // files that are due
	OldLease  time.Time           // when the leases of the file were renewed that waits longest; zero when some never were
	Leaving   int                 // files with copies at servers to be retired that are still needed there
	Unchecked int                 // files that nobody has looked at since the servers to be retired changed
}

// Bad is how many files are not as they should be.
func (n Counts) Bad() int { return n.By[Damaged] + n.By[Unreachable] + n.By[Lost] }

// Count sums up.
func (s *Store) Count(now time.Time) (n Counts, err error) {
	err = s.db.Do(func(c *lite.Conn) error {
		err := c.Rows("SELECT state, COUNT(*), MIN(since) FROM file GROUP BY state", nil, func(scan func(...any) error) error {
			var state, count int
			var since int64
			if err := scan(&state, &count, &since); err != nil {
				return err
			}
			if state < 0 || state > int(Lost) {
				return fmt.Errorf("a file is in state %d, which does not exist", state)
			}
			n.Files += count
			n.By[state], n.Since[state] = count, fromUnix(since)
			return nil
		})
		epoch, metaErr := getMeta(c, metaRetired)
		since, _ := strconv.ParseInt(epoch, 10, 64)
		var renewed int64
		for query, x := range map[string]struct {
			args []any
			dest any
		}{
			"SELECT COUNT(*) FROM file WHERE tries>0 AND state>1":      {nil, &n.Failing},
			"SELECT COUNT(*) FROM file WHERE due<=?":                   {[]any{now.Unix()}, &n.Overdue},
			"SELECT COUNT(*) FROM file WHERE leaving>0 AND forsaken=0": {nil, &n.Leaving},
			"SELECT COALESCE(MIN(renewed), 0) FROM file":               {nil, &renewed},
		} {
			_, rowErr := c.Row(query, x.args, x.dest)
			err = errors.Join(err, rowErr)
		}
		n.OldLease = fromUnix(renewed)
		if since > 0 {
			_, rowErr := c.Row("SELECT COUNT(*) FROM file WHERE checked<?", []any{since}, &n.Unchecked)
			err = errors.Join(err, rowErr)
		}
		return errors.Join(err, metaErr)
	})
	return n, err
}

// Bad are at most so many files that are not as they should be, the worst first, and of these those that have been for longest.
func (s *Store) Bad(most int) (out []Facts, err error) {
	err = s.db.Do(func(c *lite.Conn) error {
		return c.Rows("SELECT "+columns+" FROM file WHERE state>=? ORDER BY state DESC, since LIMIT ?", []any{Damaged, most},
			func(scan func(...any) error) error {
				f, err := scanFacts(scan)
				out = append(out, f)
				return err
			})
	})
	return out, err
}

// Events are at most so many of what happened last, the last first.
func (s *Store) Events(most int) (out []Event, err error) {
	err = s.db.Do(func(c *lite.Conn) error {
		return c.Rows("SELECT at, kind, place, text FROM event ORDER BY number DESC LIMIT ?", []any{most}, func(scan func(...any) error) error {
			var e Event
			var at int64
			if err := scan(&at, &e.Kind, &e.Place, &e.Text); err != nil {
				return err
			}
			e.At = fromUnix(at)
			out = append(out, e)
			return nil
		})
	})
	return out, err
}

// Audit says what is wrong with the store: with the file, and with what is in it. It reads all of it.
func (s *Store) Audit(p Policy) error {
	p = p.withDefaults()
	p.Seed = s.seed
	var errs []error
	err := s.db.Do(func(c *lite.Conn) error {
		var ok string
		if _, err := c.Row("PRAGMA integrity_check", nil, &ok); err != nil || ok != "ok" {
			return errors.Join(err, fmt.Errorf("the database is damaged: %s", ok))
		}
		var events int
		if _, err := c.Row("SELECT COUNT(*) FROM event", nil, &events); err != nil {
			return err
		}
		if events > maxEvents {
			errs = append(errs, fmt.Errorf("%d events are kept, and %d may be", events, maxEvents))
		}
		return c.Rows("SELECT idx, "+columns+" FROM file", nil, func(scan func(...any) error) error {
			var idx []byte
			f, err := scanFacts(func(dest ...any) error { return scan(append([]any{&idx}, dest...)...) })
			if err == nil {
				err = f.audit(idx, p)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("file %x: %w", idx, err))
			}
			return nil
		})
	})
	return errors.Join(append(errs, err)...)
}

// audit checks what always holds of what is known of a file.
func (f *Facts) audit(idx []byte, p Policy) error {
	i := f.Verify.Index()
	switch {
	case string(idx) != string(i[:]):
		return errors.New("its index is not that of its capability")
	case f.State < Unseen || f.State > Lost:
		return fmt.Errorf("it is in state %d", f.State)
	case (f.State > Healthy) != !f.Since.IsZero():
		return fmt.Errorf("it is %v, but not well since %v", f.State, f.Since)
	case (f.State == Unseen) != f.Checked.IsZero():
		return fmt.Errorf("it is %v, and was checked at %v", f.State, f.Checked)
	case f.State == Healthy && f.Good < f.Total, f.State == Damaged && f.Good < f.Needed:
		return fmt.Errorf("it is %v with %d of %d shares", f.State, f.Good, f.Total)
	case f.State >= Unreachable && f.Needed > 0 && f.Good >= f.Needed:
		return fmt.Errorf("it is %v with %d shares, and needs %d", f.State, f.Good, f.Needed)
	case f.Forsaken && f.Leaving == 0:
		return errors.New("copies are given up that are nowhere")
	case f.Due.After(p.Next(f)):
		return fmt.Errorf("it is due at %v, and not at %v", f.Due, p.Next(f))
	}
	return nil
}

// NextDue is when the first file is due; the zero time when there is none.
func (s *Store) NextDue() (time.Time, error) {
	var due int64
	err := s.db.Do(func(c *lite.Conn) error {
		_, err := c.Row("SELECT due FROM file ORDER BY due LIMIT 1", nil, &due)
		return err
	})
	return fromUnix(due), err
}
