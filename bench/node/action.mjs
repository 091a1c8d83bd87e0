// A health-check action of the common kind: read the inputs, leave the request to curl.

import { spawn } from "node:child_process";
import * as core from "@actions/core";

const url = core.getInput("url", { required: true });
const attempts = Number.parseInt(core.getInput("max-attempts") || "1", 10);
const options = ["--fail", "-sS", "-o", "/dev/null"];
if (attempts > 1) {
  options.push("--retry", String(attempts), "--retry-delay", "3", "--retry-connrefused");
}
if (core.getInput("follow-redirect") === "true") {
  options.push("-L");
}

core.info(`Checking ${url}`);
spawn("curl", [...options, url], { stdio: "inherit" })
  .on("error", (error) => core.setFailed(error.message))
  .on("exit", (code) => (code === 0 ? core.info("Success") : core.setFailed(`curl: ${code}`)));
