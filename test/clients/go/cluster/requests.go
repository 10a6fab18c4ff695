package cluster

import (
	"net/http"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
)

// Requests remembers what a client asked for, and what type of body it sent and got.
type Requests struct {
	mutex sync.Mutex
	seen  []Request
}

// Request is one of them.
type Request struct {
	Method, Path, Query, ContentType, Accept string
	Status                                   int
	AnswerType                               string
}

// Recorded makes all requests of the configuration's clients be remembered.
func Recorded(config *rest.Config) *Requests {
	requests := &Requests{}
	config.Wrap(func(inner http.RoundTripper) http.RoundTripper { return &recorder{inner, requests} })
	return requests
}

// Matching are those whose method and path and query contain all these parts.
func (r *Requests) Matching(parts ...string) []Request {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var found []Request
	for _, request := range r.seen {
		line := request.Method + " " + request.Path + "?" + request.Query
		matches := true
		for _, part := range parts {
			matches = matches && strings.Contains(line, part)
		}
		if matches {
			found = append(found, request)
		}
	}
	return found
}

type recorder struct {
	inner    http.RoundTripper
	requests *Requests
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.inner.RoundTrip(request)
	entry := Request{
		Method:      request.Method,
		Path:        request.URL.Path,
		Query:       request.URL.RawQuery,
		ContentType: request.Header.Get("Content-Type"),
		Accept:      request.Header.Get("Accept"),
	}
	if response != nil {
		entry.Status = response.StatusCode
		entry.AnswerType = response.Header.Get("Content-Type")
	}
	r.requests.mutex.Lock()
	defer r.requests.mutex.Unlock()
	r.requests.seen = append(r.requests.seen, entry)
	return response, err
}
