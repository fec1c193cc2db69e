package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	busyAnnotation = "paia.tech/busy"
	patchTimeout   = 5 * time.Second
)

// errRefused: the API server answered, and the answer says for certain that nothing was written (any 4xx).
// Any other error of markBusy and clearMark means that nobody knows (no answer within 5 s, a 5xx).
var errRefused = errors.New("the mark was not written")

// markBusy marks this process's own Pod busy. When leaving is false the Pod lives until the mark is cleared; when it is
// true the Pod is being deleted and must not take the session.
func markBusy() (leaving bool, err error) { return patchOwnPod("true") }

// clearMark takes the mark off again. It is safe to repeat.
func clearMark() (leaving bool, err error) { return patchOwnPod(nil) }

func patchOwnPod(value any) (leaving bool, err error) {
	// With metadata.uid the write cannot hit a later Pod of the same name (StatefulSets reuse names): that answers 422.
	patch := map[string]any{"metadata": map[string]any{
		"uid":         os.Getenv("POD_UID"),
		"annotations": map[string]any{busyAnnotation: value},
	}}
	body, err := json.Marshal(patch)
	if err != nil {
		return false, err
	}
	status, answer, err := send(body)
	if err != nil {
		return false, fmt.Errorf("no answer from the API server: %w", err)
	}
	switch {
	case status >= 400 && status < 500:
		return false, fmt.Errorf("%w: the API server answered %d: %s", errRefused, status, reason(answer))
	case status < 200 || status > 299:
		return false, fmt.Errorf("the API server answered %d: %s", status, reason(answer))
	}
	var pod struct {
		Metadata struct {
			DeletionTimestamp *string `json:"deletionTimestamp"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(answer, &pod); err != nil {
		return false, fmt.Errorf("the API server's answer is not JSON: %w", err)
	}
	return pod.Metadata.DeletionTimestamp != nil, nil
}

func send(body []byte) (status int, answer []byte, err error) {
	folder := os.Getenv("HOTSTANDBY_SA_DIR")
	if folder == "" {
		folder = "/var/run/secrets/kubernetes.io/serviceaccount"
	}
	// Read on every use: the kubelet replaces the token before it expires (hourly).
	token, err := os.ReadFile(filepath.Join(folder, "token"))
	if err != nil {
		return 0, nil, err
	}
	ca, err := os.ReadFile(filepath.Join(folder, "ca.crt"))
	if err != nil {
		return 0, nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)

	host := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	url := fmt.Sprintf("https://%s/api/v1/namespaces/%s/pods/%s", host, os.Getenv("POD_NAMESPACE"), os.Getenv("POD_NAME"))
	ctx, cancel := context.WithTimeout(context.Background(), patchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPatch, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Content-Type", "application/merge-patch+json")
	// A kept connection that the server is just closing would make the outcome unknown.
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		DisableKeepAlives: true,
	}}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

func reason(answer []byte) string {
	var status struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &status) == nil && status.Message != "" {
		return status.Message
	}
	return string(answer[:min(len(answer), 200)])
}
