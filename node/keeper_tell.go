package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"time"

	"tahoe/lafs/keeper"
)

// A herald tells somebody elsewhere of what the keeper found: a program, which reads it from standard input, or a web service. Neither gets
// to see a capability or the name of a file.
type herald struct{ node, hook, webhook string }

// How long they may take.
const (
	hookTime    = time.Minute
	webhookTime = 30 * time.Second
)

func (h herald) tell(ctx context.Context, n keeper.Notice) error {
	n.Node = h.node
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	var errs []error
	if h.hook != "" {
		errs = append(errs, h.run(ctx, b))
	}
	if h.webhook != "" {
		errs = append(errs, h.post(ctx, b))
	}
	return errors.Join(errs...)
}

// run runs the program.
func (h herald) run(ctx context.Context, notice []byte) error {
	ctx, cancel := context.WithTimeout(ctx, hookTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.hook)
	cmd.Stdin, cmd.WaitDelay = bytes.NewReader(notice), time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("[keeper] hook %s: %w", h.hook, err)
	}
	return nil
}

// post sends it to the web service. Its address is not named in errors: it may hold a secret.
func (h herald) post(ctx context.Context, notice []byte) error {
	ctx, cancel := context.WithTimeout(ctx, webhookTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.webhook, bytes.NewReader(notice))
	if err != nil {
		return errors.New("[keeper] webhook is not an address")
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("[keeper] webhook: %w", errors.Unwrap(err))
	}
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("[keeper] webhook answered with status %d", resp.StatusCode)
	}
	return nil
}
