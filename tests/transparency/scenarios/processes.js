// SPDX-License-Identifier: MIT
//
// What node does with processes, sockets, files and threads. Prints in a fixed order, whatever comes first.
"use strict";
const { exec, execFileSync, fork, spawn, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");
const { Worker, isMainThread, parentPort } = require("node:worker_threads");
const { once } = require("node:events");

async function children() {
  console.log("sync:", execFileSync("echo", ["hello"]).toString().trim());
  const failed = spawnSync("sh", ["-c", "echo out; echo err >&2; exit 5"]);
  console.log("status:", failed.status, failed.stdout.toString().trim(), failed.stderr.toString().trim());
  console.log("not there:", spawnSync("/nothing/of/this/name").error.code);
  const cat = spawn("cat");
  cat.stdin.end("piped");
  let text = "";
  cat.stdout.on("data", (chunk) => (text += chunk));
  console.log("cat:", ...(await once(cat, "close")), text);
  const sleeper = spawn("sleep", ["60"], { stdio: "ignore", env: {} });
  sleeper.kill();
  console.log("killed:", ...(await once(sleeper, "close")));
  const many = await Promise.all([...Array(20).keys()].map((n) => once(exec(`exit ${n}`), "close")));
  console.log("many:", many.map(([code]) => code).join(" "));
  const child = fork(__filename, ["child"]);
  child.send("ping");
  console.log("ipc:", (await once(child, "message"))[0], ...(await once(child, "close")));
}

async function sockets() {
  const server = net.createServer((socket) => socket.pipe(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = net.connect(server.address().port, "127.0.0.1");
  client.end("echo");
  console.log("tcp:", (await once(client, "data"))[0].toString());
  const second = net.createServer();
  second.listen(server.address().port, "127.0.0.1");
  console.log("taken:", (await once(second, "error"))[0].code);
  server.close();
  await once(server, "close");
  const refused = net.connect(1, "127.0.0.1");
  console.log("refused:", (await once(refused, "error"))[0].code);
  const local = net.createServer().listen("local.sock");
  await once(local, "listening");
  console.log("unix:", fs.statSync("local.sock").isSocket());
  local.close();
  await once(local, "close");
  console.log("gone:", !fs.existsSync("local.sock"));
}

async function files() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "node-"));
  fs.writeFileSync(path.join(dir, "a"), "text");
  await fs.promises.copyFile(path.join(dir, "a"), path.join(dir, "b"));
  await fs.promises.rename(path.join(dir, "b"), path.join(dir, "c"));
  console.log("files:", fs.readdirSync(dir).join(" "));
  for (const call of [() => fs.mkdirSync(dir), () => fs.rmdirSync(dir), () => fs.unlinkSync(path.join(dir, "x")),
    () => fs.openSync(path.join(dir, "a"), "wx"), () => fs.closeSync(9999)]) {
    try { call(); console.log("no error"); } catch (error) { console.log(error.code, error.syscall); }
  }
  fs.rmSync(dir, { recursive: true });
  console.log("removed:", !fs.existsSync(dir));
  const watcher = fs.watch(".");
  fs.writeFileSync("watched", "");
  console.log("watched:", (await once(watcher, "change"))[1]);
  watcher.close();
}

async function main() {
  await children();
  await sockets();
  await files();
  const workers = [...Array(4).keys()].map((n) => new Worker(__filename, { argv: [String(n)] }));
  console.log("workers:", (await Promise.all(workers.map((w) => once(w, "message")))).flat().sort().join(" "));
  await Promise.all(workers.map((worker) => worker.terminate()));
  process.on("exit", (code) => console.log("exit", code));
  process.exitCode = 6;
}

if (!isMainThread) parentPort.postMessage(fs.existsSync(os.tmpdir()) ? "ok" : "no");
else if (process.argv[2] === "child") process.once("message", () => { process.send("pong"); process.disconnect(); });
else main();
