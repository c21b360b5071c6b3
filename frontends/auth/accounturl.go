package auth

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	urlTimeout   = 30 * time.Second
	urlRedirects = 3
	maxURLAnswer = 4096
)

// URLConfig is what an AccountURL may be given.
type URLConfig struct {
	TLS *tls.Config // nil: the system's authorities
}

// An AccountURL is a Checker that asks a web service, which knows names and passwords: it is sent a form with action=authenticate, email
// and passwd, and answers a root capability, or 0. It may be used by several goroutines at once.
type AccountURL struct {
	url    *url.URL
	client *http.Client
}

// NewAccountURL makes a checker. The address begins with https, because passwords are sent there; http will do for a service on
// this machine.
func NewAccountURL(address string, c URLConfig) (*AccountURL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("accounts.url is not an address")
	}
	if u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return nil, errors.New("accounts.url must begin with https://, because passwords are sent there; http:// is only for a service on this machine")
	}
	tr := &http.Transport{
		TLSClientConfig: c.TLS, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: urlTimeout, MaxIdleConnsPerHost: 2,
		IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
	}
	return &AccountURL{u, &http.Client{Transport: tr, Timeout: urlTimeout, CheckRedirect: sameOrigin}}, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// sameOrigin follows redirects that send the password nowhere else.
func sameOrigin(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > urlRedirects:
		return errors.New("it redirects too often")
	case r.URL.Scheme != first.Scheme || r.URL.Host != first.Host:
		return errors.New("it redirects to another place, which is not told passwords")
	}
	return nil
}

// Close gives up idle connections.
func (a *AccountURL) Close() { a.client.CloseIdleConnections() }

// Check implements Checker. Keys are ErrUnhandled.
func (a *AccountURL) Check(ctx context.Context, l Login) (Account, error) {
	pw, ok := l.Proof.(Password)
	if !ok {
		return Account{}, ErrUnhandled
	}
	if text := pw.Reveal(); text == "" || len(text) > maxPassword {
		return Account{}, ErrDenied
	}
	answer, err := a.ask(ctx, l.Name, pw)
	switch {
	case ctx.Err() != nil:
		return Account{}, context.Cause(ctx)
	case err != nil:
		return Account{}, fmt.Errorf("ask accounts.url: %w", err)
	case answer == "0":
		return Account{}, ErrDenied
	}
	root, err := parseRoot(answer)
	if err != nil {
		return Account{}, fmt.Errorf("ask accounts.url: it answered neither 0 nor what an account needs: %w", err)
	}
	return Account{Name: l.Name, Root: root}, nil
}

func (a *AccountURL) ask(ctx context.Context, name string, pw Password) (string, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, f := range [][2]string{{"action", "authenticate"}, {"email", name}, {"passwd", pw.Reveal()}} {
		if err := form.WriteField(f[0], f[1]); err != nil {
			return "", err
		}
	}
	if err := form.Close(); err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url.String(), bytes.NewReader(body.Bytes()))
	if err != nil {
		return "", errors.New("the request cannot be made")
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	return a.do(r)
}

func (a *AccountURL) do(r *http.Request) (string, error) {
	resp, err := a.client.Do(r)
	if err != nil {
		return "", withoutURL(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("it answered status %d", resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxURLAnswer+1))
	if err != nil {
		return "", withoutURL(err)
	}
	if len(b) > maxURLAnswer {
		return "", fmt.Errorf("it answered more than %d bytes", maxURLAnswer)
	}
	return strings.TrimSpace(string(b)), nil
}

// withoutURL is the error without the address, in which there may be a secret.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
		return errors.New("it did not answer in time")
	}
	return err
}
