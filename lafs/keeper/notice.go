package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// A Notice tells somebody elsewhere that things have become worse, or well again. It has numbers and a sentence, and no capability, index,
// name or path. Its JSON is only ever extended.
type Notice struct {
	At          time.Time `json:"at"`
	Node        string    `json:"node"` // filled in by who sends it
	Level       Level     `json:"level"`
	Was         Level     `json:"was"`
	Sentence    string    `json:"sentence"`
	Files       int       `json:"files"`
	Damaged     int       `json:"damaged"`
	Unreachable int       `json:"unreachable"`
	Lost        int       `json:"lost"`
	Failing     int       `json:"failing"`
}

// told is what was told last.
type told struct {
	Level Level `json:"level"`
	Lost  int   `json:"lost"`
}

// worth says whether to tell of n after was: when things are bad and became worse, and when they are well again after that.
func (n *Notice) worth(was told) bool {
	order := []Level{Good, Trouble, Loss}
	now, before := slices.Index(order, n.Level), slices.Index(order, was.Level)
	return now > max(before, 0) || n.Level == Loss && n.Lost > was.Lost || n.Level == Good && before > 0
}

// tell tells of what happened, if that is worth it. What could not be told is told later.
func (k *Keeper) tell(ctx context.Context) error {
	k.mu.Lock()
	dirty := k.dirty
	k.dirty, k.counted = false, counted{} // it is counted anew
	k.mu.Unlock()
	if !dirty || k.c.Tell == nil {
		return nil
	}
	err := k.tellOf(ctx)
	if err != nil {
		k.soil()
	}
	return err
}

func (k *Keeper) tellOf(ctx context.Context) error {
	s := k.store.Load()
	st, err := k.Status()
	if err != nil {
		return err
	}
	if st.Err != "" {
		st.Err = "its own page says why"
	}
	text, err := s.meta(metaTold)
	if err != nil {
		return err
	}
	var was told
	if text != "" {
		if err := json.Unmarshal([]byte(text), &was); err != nil {
			return err
		}
	}
	now := k.c.Clock.Now()
	n := Notice{
		At: now, Level: st.Level(), Was: was.Level, Sentence: st.Sentence(now), Files: st.Files,
		Damaged: st.By[Damaged], Unreachable: st.By[Unreachable], Lost: st.By[Lost], Failing: st.Failing,
	}
	if !n.worth(was) {
		return nil
	}
	if err := k.c.Tell(ctx, n); err != nil {
		return errors.Join(errors.New("could not tell of it"), err)
	}
	b, err := json.Marshal(told{n.Level, n.Lost})
	return errors.Join(err, s.setMeta(metaTold, string(b)))
}
