// Command waf-detector answers opsctl's questions about attacks: is this text SQL injection or cross-site scripting
// (libinjection), and which rules of the OWASP core rule set does this request match (Coraza).
//
// It speaks on one connected socket, whose descriptor is its only argument. A message is its length (4 bytes, big
// endian) and JSON; answers carry the question's id and come in any order. It ends when the other side closes.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/collection"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"
	"github.com/corazawaf/libinjection-go"
)

const largestMessage = 1 << 22

// Paranoia level 1: what the core rule set's authors recommend for every site. Detection only, so that every rule is
// tried and none stops the others.
const directives = `
SecRuleEngine DetectionOnly
SecRxPreFilter On
SecRequestBodyAccess On
SecRequestBodyLimit 1048576
SecRequestBodyInMemoryLimit 1048576
SecRequestBodyLimitAction ProcessPartial
SecAction "id:900990,phase:1,pass,nolog,setvar:tx.crs_setup_version=4250,setvar:tx.blocking_paranoia_level=1,setvar:tx.detection_paranoia_level=1"
Include @owasp_crs/REQUEST-901-INITIALIZATION.conf
`

var ruleFiles = []string{
	"REQUEST-913-SCANNER-DETECTION",
	"REQUEST-930-APPLICATION-ATTACK-LFI",
	"REQUEST-931-APPLICATION-ATTACK-RFI",
	"REQUEST-934-APPLICATION-ATTACK-GENERIC",
	"REQUEST-941-APPLICATION-ATTACK-XSS",
	"REQUEST-942-APPLICATION-ATTACK-SQLI",
	"REQUEST-944-APPLICATION-ATTACK-JAVA",
}

type request struct {
	Method  string
	URI     string
	Version string
	Address string
	Headers [][2]string
	Body    []byte

	Arguments []argument // of the body, once it was read
}

type question struct {
	ID      uint64
	SQLi    [][]byte
	XSS     [][]byte
	Request *request
}

type finding struct {
	Rule      int      `json:"rule"`
	Variables []string `json:"variables"`
}

type answer struct {
	ID       uint64    `json:"id"`
	Match    bool      `json:"match"`
	Findings []finding `json:"findings"`
	Error    string    `json:"error,omitempty"`
}

func main() {
	debug.SetGCPercent(800) // little lives from one request to the next: fewer, not smaller, collections
	descriptor, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fail(err)
	}
	file := os.NewFile(uintptr(descriptor), "opsctl")
	connection, err := net.FileConn(file)
	if err != nil {
		fail(err)
	}
	file.Close()
	rules, err := load()
	if err != nil {
		fail(err)
	}
	serve(connection, rules)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func load() (coraza.WAF, error) {
	text := strings.Builder{}
	text.WriteString(directives)
	for _, name := range ruleFiles {
		fmt.Fprintf(&text, "Include @owasp_crs/%s.conf\n", name)
	}
	return coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(text.String()))
}

func serve(connection net.Conn, rules coraza.WAF) {
	reader := bufio.NewReaderSize(connection, 1<<16)
	var writing sync.Mutex
	for {
		var length uint32
		if binary.Read(reader, binary.BigEndian, &length) != nil || length > largestMessage {
			return
		}
		message := make([]byte, length)
		if _, err := io.ReadFull(reader, message); err != nil {
			return
		}
		go func() {
			text, err := json.Marshal(reply(message, rules))
			if err != nil {
				fail(err)
			}
			framed := append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
			writing.Lock()
			defer writing.Unlock()
			if _, err := connection.Write(framed); err != nil {
				os.Exit(0)
			}
		}()
	}
}

func reply(message []byte, rules coraza.WAF) (result answer) {
	var asked question
	// A fault on one request is told and does not end the others.
	defer func() {
		if fault := recover(); fault != nil {
			result = answer{ID: asked.ID, Error: fmt.Sprint(fault)}
		}
	}()
	if err := json.Unmarshal(message, &asked); err != nil {
		return answer{ID: asked.ID, Error: err.Error()}
	}
	result.ID = asked.ID
	switch {
	case asked.Request != nil:
		findings, err := remembered(rules, asked.Request)
		if err != nil {
			return answer{ID: asked.ID, Error: err.Error()}
		}
		result.Findings, result.Match = findings, len(findings) > 0
	case asked.XSS != nil:
		result.Match = slices.ContainsFunc(asked.XSS, func(text []byte) bool { return libinjection.IsXSS(string(text)) })
	default:
		result.Match = slices.ContainsFunc(asked.SQLi, func(text []byte) bool {
			found, _ := libinjection.IsSQLi(string(text))
			return found
		})
	}
	return result
}

// known holds what was found lately. Of a request nothing but its telling parts counts, so that the requests of one
// client for one thing are mostly alike, and a rule that has looked at them once need not look again.
var known = struct {
	sync.Mutex
	findings map[string][]finding
}{findings: map[string][]finding{}}

const mostKnown, longestKnown = 4096, 4096

func remembered(rules coraza.WAF, asked *request) ([]finding, error) {
	reduced := reduce(asked)
	key, err := json.Marshal(reduced)
	if err != nil || len(key) > longestKnown {
		return inspect(rules, reduced)
	}
	known.Lock()
	findings, found := known.findings[string(key)]
	known.Unlock()
	if found {
		return findings, nil
	}
	findings, err = inspect(rules, reduced)
	if err == nil {
		known.Lock()
		defer known.Unlock()
		if len(known.findings) >= mostKnown {
			clear(known.findings)
		}
		known.findings[string(key)] = findings
	}
	return findings, err
}

// reduce leaves out what no rule is about: harmless values, and who asks.
func reduce(asked *request) *request {
	reduced := *asked
	reduced.Address = "127.0.0.1"
	reduced.Headers = nil
	if path, query, _ := strings.Cut(asked.URI, "?"); len(telling(formArguments(query))) == 0 {
		reduced.URI = path
	}
	contentType := ""
	for _, header := range asked.Headers {
		name := strings.ToLower(header[0])
		if name == "content-type" {
			contentType = strings.ToLower(header[1])
		}
		if name == "user-agent" || !harmless.MatchString(header[1]) {
			reduced.Headers = append(reduced.Headers, header)
		}
	}
	if !strings.HasPrefix(contentType, "multipart/") {
		reduced.Arguments, reduced.Body = telling(arguments(contentType, asked.Body)), nil
	}
	return &reduced
}

func inspect(rules coraza.WAF, asked *request) ([]finding, error) {
	transaction := rules.NewTransaction()
	defer transaction.Close()
	transaction.ProcessConnection(asked.Address, 0, "127.0.0.1", 443)
	transaction.ProcessURI(asked.URI, asked.Method, asked.Version)
	for _, header := range asked.Headers {
		transaction.AddRequestHeader(header[0], header[1])
	}
	transaction.ProcessRequestHeaders()
	if _, _, err := transaction.WriteRequestBody(asked.Body); err != nil {
		return nil, err
	}
	for _, argument := range asked.Arguments {
		transaction.AddPostRequestArgument(argument.Name, argument.Value)
	}
	if _, err := transaction.ProcessRequestBody(); err != nil {
		return nil, err
	}
	findings := []finding{}
	for _, matched := range transaction.MatchedRules() {
		rule := matched.Rule()
		if rule.Severity() != types.RuleSeverityCritical {
			continue
		}
		found := finding{Rule: rule.ID()}
		for _, data := range matched.MatchedDatas() {
			found.Variables = append(found.Variables, where(transaction, data)...)
		}
		findings = append(findings, found)
	}
	return findings, nil
}

// harmless is one word, number or token: no rule of the core rule set is about such a value, but for names of database
// schemas, which alone do nothing. Most values are like that, and each that is left out spares some hundred regular
// expressions.
var harmless = regexp.MustCompile(`^(?:[Bb]earer )?[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]{16,}){0,2}$`)

type argument struct{ Name, Value string }

func telling(all []argument) []argument {
	found := all[:0]
	for _, one := range all {
		if !harmless.MatchString(one.Value) || !harmlessName.MatchString(one.Name) {
			found = append(found, one)
		}
	}
	return found
}

var harmlessName = regexp.MustCompile(`^[A-Za-z0-9_.-]*$`)

// arguments reads a body as its content type says. What can't be read so, because it is cut off or wrong, is looked at
// as one text: an attack must not get through by being malformed.
func arguments(contentType string, body []byte) []argument {
	whole := []argument{{"body", string(body)}}
	switch {
	case strings.HasPrefix(contentType, "application/x-www-form-urlencoded"):
		return formArguments(string(body))
	case strings.Contains(contentType, "json"):
		var document any
		if json.Unmarshal(body, &document) != nil {
			return whole
		}
		return jsonArguments("json", document, nil)
	default:
		return whole
	}
}

func formArguments(text string) []argument {
	found := []argument{}
	for _, part := range strings.Split(text, "&") {
		name, value, _ := strings.Cut(part, "=")
		found = append(found, argument{unescaped(name), unescaped(value)})
	}
	return found
}

func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

func jsonArguments(name string, node any, found []argument) []argument {
	switch value := node.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			found = jsonArguments(name+"."+key, value[key], found)
		}
	case []any:
		for _, inner := range value {
			found = jsonArguments(name, inner, found)
		}
	case string:
		found = append(found, argument{name, value})
	default: // numbers and truth values: only the name can tell
		found = append(found, argument{name, ""})
	}
	return found
}

// where names the variable that matched. ARGS holds the arguments of the query and of the body: which of them it was is
// what AWS's rules tell apart.
func where(transaction types.Transaction, data types.MatchData) []string {
	name := data.Variable().Name()
	if !strings.HasPrefix(name, "ARGS") {
		return []string{name}
	}
	suffix := strings.TrimPrefix(name, "ARGS")
	arguments := transaction.(plugintypes.TransactionState).Variables()
	found := []string{}
	if has(arguments.ArgsGet(), data) {
		found = append(found, "ARGS_GET"+suffix)
	}
	if has(arguments.ArgsPost(), data) {
		found = append(found, "ARGS_POST"+suffix)
	}
	return found
}

func has(arguments collection.Map, data types.MatchData) bool {
	for _, argument := range arguments.FindAll() {
		if argument.Key() == data.Key() || argument.Key() == data.Value() {
			return true
		}
	}
	return false
}
