// Does one thing with the official client and prints the outcome as one JSON document.
//
//   node driver.mjs list
//   node driver.mjs upload   '{"name": "x", "root": "/dir", "files": ["/dir/a"], "retentionDays": 3}'
//   node driver.mjs download '{"id": 42, "path": "/dir", "raw": true, "digest": "sha256:..."}'
//   node driver.mjs delete   '{"name": "x"}'
//
// A failure is an outcome too: {"error": "..."}.

// The client logs to stdout, which belongs to the outcome.
const print = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

const { DefaultArtifactClient } = await import("@actions/artifact");
const client = new DefaultArtifactClient();

const verbs = {
  list: () => client.listArtifacts(),
  upload: ({ name, root, files, retentionDays }) =>
    client.uploadArtifact(name, files, root, { retentionDays }),
  download: ({ id, path, raw, digest }) =>
    client.downloadArtifact(id, { path, skipDecompress: raw, expectedHash: digest }),
  delete: ({ name }) => client.deleteArtifact(name),
};

const [verb, given] = process.argv.slice(2);
let outcome;
try {
  outcome = await verbs[verb](JSON.parse(given ?? "{}"));
} catch (error) {
  outcome = { error: error.message };
}
print(`${JSON.stringify(outcome)}\n`);
