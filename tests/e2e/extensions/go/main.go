// An external extension in Go, written from the documented protocol and nothing else.
//
// It subscribes to telemetry over HTTP and writes what it gets, and every event of its own, to a file in the folder for
// temporary files, a line of JSON each; to $SINK, if that is set, it posts the same.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
)

var (
	name   = filepath.Base(os.Args[0])
	api    = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API")
	client = &http.Client{Transport: &http.Transport{}} // without a time limit: /next blocks
	lock   sync.Mutex
)

func must(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func note(kind string, value any) {
	line, err := json.Marshal(map[string]any{"by": name, "kind": kind, "value": value})
	must(err)
	lock.Lock()
	defer lock.Unlock()
	record, err := os.OpenFile(filepath.Join(os.TempDir(), name+".jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	must(err)
	defer record.Close()
	_, err = record.Write(append(line, '\n'))
	must(err)
	if sink := os.Getenv("SINK"); sink != "" {
		answer, err := client.Post(sink, "application/json", bytes.NewReader(line))
		must(err)
		answer.Body.Close()
	}
}

func call(method, path string, headers map[string]string, body any) (http.Header, []byte) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		must(err)
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, api+path, content)
	must(err)
	for key, value := range headers {
		request.Header.Set(key, value)
	}
	answer, err := client.Do(request)
	must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(err)
	if answer.StatusCode != http.StatusOK {
		must(fmt.Errorf("%s %s: %d %s", method, path, answer.StatusCode, text))
	}
	return answer.Header, text
}

func telemetry(writer http.ResponseWriter, request *http.Request) {
	var events []map[string]any
	must(json.NewDecoder(request.Body).Decode(&events))
	for _, event := range events {
		note("telemetry", event)
	}
}

func main() {
	listener, err := net.Listen("tcp", ":0")
	must(err)
	go http.Serve(listener, http.HandlerFunc(telemetry))
	headers, text := call("POST", "/2020-01-01/extension/register",
		map[string]string{"Lambda-Extension-Name": name, "Lambda-Extension-Accept-Feature": "accountId"},
		map[string]any{"events": []string{"INVOKE", "SHUTDOWN"}})
	note("registered", json.RawMessage(text))
	me := map[string]string{"Lambda-Extension-Identifier": headers.Get("Lambda-Extension-Identifier")}
	call("PUT", "/2022-07-01/telemetry", me, map[string]any{
		"schemaVersion": "2022-12-13",
		"types":         []string{"platform", "function", "extension"},
		"buffering":     map[string]int{"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
		"destination": map[string]any{
			"protocol": "HTTP",
			"URI":      fmt.Sprintf("http://sandbox.localdomain:%d", listener.Addr().(*net.TCPAddr).Port),
		},
	})
	fmt.Println("watching")
	for {
		_, text := call("GET", "/2020-01-01/extension/event/next", me, nil)
		var event map[string]any
		must(json.Unmarshal(text, &event))
		note("event", json.RawMessage(text))
		if event["eventType"] == "SHUTDOWN" {
			return
		}
	}
}
