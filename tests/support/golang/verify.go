// Verifies a package of the audit log without the product's code: signed notes and the tree are those of
// golang.org/x/mod/sumdb (note.Open, CheckTree, CheckRecord). deploy/docs/audit-package.md is all that it was written from.
//
//	verify PACKAGE.zip [EARLIER.note]
package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// stored is the part of a tree that a package lets us compute: the frontier's subtrees, and all over the range.
type stored map[int64]tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for at, index := range indexes {
		hash, ok := s[index]
		if !ok {
			return nil, fmt.Errorf("hash %d is not in the package", index)
		}
		found[at] = hash
	}
	return found, nil
}

// checkpoint is what a C2SP tlog-checkpoint says.
type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
	text   string
}

type member map[string]*zip.File

func (m member) read(name string) []byte {
	file, ok := m[name]
	if !ok {
		fail("%s is missing", name)
	}
	reader, err := file.Open()
	must(err)
	defer reader.Close()
	content, err := io.ReadAll(reader)
	must(err)
	return content
}

func (m member) json(name string, into interface{}) {
	must(json.Unmarshal(m.read(name), into))
}

func (m member) lines(name string) [][]byte {
	var found [][]byte
	scanner := bufio.NewScanner(bytes.NewReader(m.read(name)))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		found = append(found, append([]byte(nil), scanner.Bytes()...))
	}
	must(scanner.Err())
	return found
}

type manifest struct {
	Origin      string
	First, Last int64
	Size        int64
	Disclosed   int
	Personal    *struct {
		Committed, Disclosed int
		Withheld             bool
	}
}

type link struct {
	From  int64
	Proof []string
}

func main() {
	archive, err := zip.OpenReader(os.Args[1])
	must(err)
	members := member{}
	for _, file := range archive.File {
		members[file.Name] = file
	}
	var said manifest
	members.json("MANIFEST.json", &said)
	keys := strings.Fields(string(members.read("keys/log.keys")))
	head := opened(members.read("log/checkpoint.note"), keys)
	if head.origin != said.Origin || head.size != said.Size {
		fail("the checkpoint is of another log, or of another size")
	}
	reader := tree(members, said)
	entries(members, said, reader)
	links := map[int64]tlog.TreeProof{}
	var proofs []link
	members.json("log/consistency.json", &proofs)
	for _, one := range proofs {
		links[one.From] = proof(one.Proof)
	}
	root, err := tlog.TreeHash(said.Last, reader)
	must(err)
	continues(head, said.Last, root, links)
	fmt.Printf("CheckTree: the range [%d, %d) leads to the signed root of %d entries\n", said.First, said.Last, head.size)
	logOfLogs(members, keys)
	if len(os.Args) > 2 {
		written, err := os.ReadFile(os.Args[2])
		must(err)
		earlier := opened(written, keys)
		if _, ok := members["log/before.txt"]; ok { // every leaf of the log is here: the proof is made from them
			path, err := tlog.ProveTree(head.size, earlier.size, reader)
			must(err)
			links[earlier.size] = path
		}
		continues(head, earlier.size, earlier.root, links)
		fmt.Printf("CheckTree: the log continues the earlier checkpoint of %d entries\n", earlier.size)
	}
	fmt.Println("INTACT")
}

// opened checks a note's signature, as any of the log's keys under the note's own origin made it.
func opened(written []byte, keys []string) checkpoint {
	origin := strings.SplitN(string(written), "\n", 2)[0]
	var known []note.Verifier
	for _, key := range keys {
		parts := strings.SplitN(key, "+", 3)
		public, err := base64.StdEncoding.DecodeString(parts[2])
		must(err)
		named, err := note.NewEd25519VerifierKey(origin, public[1:])
		must(err)
		if parts[0] == origin && named != key {
			fail("%s is not the key that it says", key)
		}
		verifier, err := note.NewVerifier(named)
		must(err)
		known = append(known, verifier)
	}
	read, err := note.Open(written, note.VerifierList(known...))
	must(err)
	lines := strings.Split(read.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		fail("not a checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return checkpoint{lines[0], size, root, read.Text}
}

// tree computes every hash over the frontier and the range's leaves.
func tree(members member, said manifest) stored {
	var frontier struct {
		Size  int64
		Peaks []string
	}
	members.json("log/frontier.json", &frontier)
	if frontier.Size != said.First {
		fail("the frontier ends elsewhere than where the range begins")
	}
	found, low, peaks := stored{}, int64(0), proof(frontier.Peaks)
	for level := 62; level >= 0; level-- {
		if frontier.Size>>uint(level)&1 == 1 {
			if len(peaks) == 0 {
				fail("the frontier has too few peaks")
			}
			found[tlog.StoredHashIndex(level, low>>uint(level))] = peaks[0]
			peaks, low = peaks[1:], low+1<<uint(level)
		}
	}
	if len(peaks) != 0 {
		fail("the frontier has too many peaks")
	}
	if _, ok := members["log/before.txt"]; ok {
		whole := stored{}
		grow(whole, members.lines("log/before.txt"), 0, said.First)
		for index, peak := range found {
			if whole[index] != peak {
				fail("the leaves before the range do not lead to its frontier")
			}
		}
		found = whole
	}
	grow(found, members.lines("log/leaves.txt"), said.First, said.Last)
	if _, ok := members["log/after.txt"]; ok {
		grow(found, members.lines("log/after.txt"), said.Last, said.Size)
	}
	return found
}

// grow adds leaves from one position to another.
func grow(found stored, leaves [][]byte, from, to int64) {
	for _, line := range leaves {
		hashes, err := tlog.StoredHashesForRecordHash(from, hash(string(line)), found)
		must(err)
		next := tlog.StoredHashIndex(0, from)
		for offset, one := range hashes {
			found[next+int64(offset)] = one
		}
		from++
	}
	if from != to {
		fail("there are leaves to %d, not to %d", from, to)
	}
}

// entries shows that each disclosed entry stands at its position: by its leaf, and for a whole log by CheckRecord as well.
func entries(members member, said manifest, reader stored) {
	positions, bodies := members.lines("events/positions.txt"), members.lines("events/events.jsonl")
	if len(positions) != len(bodies) || len(bodies) != said.Disclosed {
		fail("there are %d entries, not %d", len(bodies), said.Disclosed)
	}
	root, err := tlog.TreeHash(said.Last, reader)
	must(err)
	for at, body := range bodies {
		position, err := strconv.ParseInt(string(positions[at]), 10, 64)
		must(err)
		if leaf := reader[tlog.StoredHashIndex(0, position)]; leaf != tlog.RecordHash(body) {
			fail("the entry at position %d is not the one that was sealed there", position)
		}
		if said.First == 0 {
			path, err := tlog.ProveRecord(said.Last, position, reader)
			must(err)
			must(tlog.CheckRecord(path, said.Last, root, position, tlog.RecordHash(body)))
		}
	}
	fmt.Printf("CheckRecord: %d entries are as they were sealed\n", len(bodies))
	personal(members, said, positions, bodies)
}

// personal shows that each disclosed personal value is the one that its entry holds a commitment to.
func personal(members member, said manifest, positions, bodies [][]byte) {
	_, isThere := members["events/disclosures.jsonl"]
	if said.Personal == nil {
		if isThere {
			fail("there are disclosures in a package of an older format")
		}
		return
	}
	if said.Personal.Withheld == isThere {
		fail("personal values are withheld, and here")
	}
	commitments, committed := map[string]map[string]string{}, 0
	for at, body := range bodies {
		var entry struct{ Commitments map[string]string }
		must(json.Unmarshal(body, &entry))
		commitments[string(positions[at])] = entry.Commitments
		committed += len(entry.Commitments)
	}
	opened, before := 0, int64(-1)
	if isThere {
		for _, line := range members.lines("events/disclosures.jsonl") {
			var row struct {
				Disclosure json.RawMessage
				Position   int64
			}
			must(json.Unmarshal(line, &row))
			if fmt.Sprintf(`{"disclosure":%s,"position":%d}`, row.Disclosure, row.Position) != string(line) || row.Position < before {
				fail("a disclosure is not in its canonical form, or not in order")
			}
			var parts []interface{}
			must(json.Unmarshal(row.Disclosure, &parts))
			theirs := commitments[strconv.FormatInt(row.Position, 10)]
			if len(parts) != 3 {
				fail("a disclosure has another form than it should")
			}
			name, _ := parts[1].(string)
			digest := sha256.Sum256(append([]byte("cloister-disclosure/1\n"), row.Disclosure...))
			if theirs[name] != hex.EncodeToString(digest[:]) {
				fail("a personal value is not the one that the entry at position %d was sealed with", row.Position)
			}
			delete(theirs, name) // each once
			opened, before = opened+1, row.Position
		}
	}
	if committed != said.Personal.Committed || opened != said.Personal.Disclosed {
		fail("there are %d personal values, and %d are disclosed", committed, opened)
	}
	fmt.Printf("%d of %d personal values are disclosed, and are those that were recorded\n", opened, committed)
}

func continues(head checkpoint, size int64, root tlog.Hash, links map[int64]tlog.TreeProof) {
	if size == 0 {
		return
	}
	path := links[size]
	if size == head.size {
		path = tlog.TreeProof{}
	} else if path == nil {
		fail("nothing links size %d to the checkpoint", size)
	}
	must(tlog.CheckTree(path, head.size, head.root, size, root))
}

// logOfLogs shows by CheckRecord that a checkpoint of this log is an entry of the log of logs.
func logOfLogs(members member, keys []string) {
	if _, ok := members["logs/kept.note"]; !ok {
		return
	}
	kept, logs := opened(members.read("logs/kept.note"), keys), opened(members.read("logs/checkpoint.note"), keys)
	var place struct {
		Position int64
		Proof    []string
	}
	members.json("logs/inclusion.json", &place)
	path := tlog.RecordProof(proof(place.Proof))
	must(tlog.CheckRecord(path, logs.size, logs.root, place.Position, tlog.RecordHash([]byte(kept.text))))
	fmt.Printf("CheckRecord: the log of logs has the checkpoint of %d entries\n", kept.size)
}

func proof(steps []string) []tlog.Hash {
	found := []tlog.Hash{}
	for _, one := range steps {
		found = append(found, hash(one))
	}
	return found
}

func hash(written string) tlog.Hash {
	content, err := hex.DecodeString(written)
	must(err)
	var found tlog.Hash
	if len(content) != len(found) {
		fail("not a hash")
	}
	copy(found[:], content)
	return found
}

func must(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func fail(format string, values ...interface{}) {
	fmt.Printf("ALTERED: "+format+"\n", values...)
	os.Exit(1)
}
