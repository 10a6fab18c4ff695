package clientgo

import (
	"context"
	"io"
	"net/http"
	"sync"

	"k8s.io/client-go/rest"
)

// line is what a client reaches the server by.
type line struct {
	mutex sync.Mutex
	// cut is closed when the line is, and whole when it is there again.
	cut, whole chan struct{}
}

// through makes all requests of the configuration's clients go over a line.
func through(config *rest.Config) *line {
	line := &line{cut: make(chan struct{}), whole: make(chan struct{})}
	close(line.whole)
	config.Wrap(func(inner http.RoundTripper) http.RoundTripper { return &lineTransport{inner, line} })
	return line
}

// Cut ends every answer that is on its way, and holds requests until Mend.
func (l *line) Cut() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.whole = make(chan struct{})
	close(l.cut)
}

// Mend lets them through again.
func (l *line) Mend() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.cut = make(chan struct{})
	close(l.whole)
}

func (l *line) now() (cut, whole chan struct{}) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.cut, l.whole
}

type lineTransport struct {
	inner http.RoundTripper
	line  *line
}

func (t *lineTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	_, whole := t.line.now()
	select {
	case <-whole:
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
	cut, _ := t.line.now()
	ctx, cancel := context.WithCancel(request.Context())
	response, err := t.inner.RoundTrip(request.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	go func() {
		select {
		case <-cut:
			cancel()
		case <-ctx.Done():
		}
	}()
	response.Body = &lineBody{response.Body, cut, cancel}
	return response, nil
}

type lineBody struct {
	io.ReadCloser
	cut  chan struct{}
	done func()
}

// Read ends where the line was cut, as it does where a server closes the connection.
func (b *lineBody) Read(into []byte) (int, error) {
	count, err := b.ReadCloser.Read(into)
	if err != nil {
		select {
		case <-b.cut:
			err = io.EOF
		default:
		}
	}
	return count, err
}

func (b *lineBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}
