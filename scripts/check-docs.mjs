/**
 * Checks what the Markdown files of the repository name: relative links and their anchors, paths, error codes, commands
 * and options of the command line, npm scripts, and identifiers of the code. Prints each that does not exist.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ROOT } from "./set-up.mjs";

const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  cwd: ROOT,
  encoding: "utf8",
});
const files = listed.split("\0").filter((file) => file !== "" && existsSync(join(ROOT, file)));
const pages = files.filter((file) => file.endsWith(".md") && !file.startsWith("results/"));
const read = (file) => readFileSync(join(ROOT, file), "utf8");
const code = files
  .filter((file) => /\.(ts|mjs|cjs|yaml|json)$/.test(file) && file !== "package-lock.json")
  .map(read)
  .join("\n");
const words = new Set(code.match(/[A-Za-z_$][\w$]*/g));
const scripts = JSON.parse(read("package.json")).scripts;
const help = new Map();
const problems = [];

for (const page of pages) {
  const text = read(page);
  const prose = text.replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]/g, " "));
  const at = (index) => `${page}:${text.slice(0, index).split("\n").length}`;
  for (const match of prose.matchAll(/\]\(([^()\s]+)\)/g)) checkLink(page, match[1], at(match.index));
  for (const match of prose.matchAll(/`([^`\n]+)`/g)) checkCode(match[1], at(match.index));
  for (const match of text.matchAll(/^```(?:sh|bash|console)\n([\s\S]*?)^```/gm)) {
    for (const line of match[1].split("\n")) checkCommand(line.replace(/^\s*\$ /, ""), at(match.index));
  }
  for (const match of text.matchAll(/\bCANOPY_[A-Z0-9_]+\b/g)) {
    if (!code.includes(match[0])) problems.push(`${at(match.index)}: ${match[0]} is nowhere in the code`);
  }
}

for (const problem of problems) process.stdout.write(`${problem}\n`);
process.stdout.write(`${pages.length} pages, ${problems.length} problems\n`);
process.exitCode = problems.length > 0 ? 1 : 0;

function checkLink(page, link, where) {
  if (/^[a-z]+:/i.test(link)) return;
  const [path, anchor] = link.split("#", 2);
  const target = path === "" ? page : join(dirname(page), decodeURIComponent(path));
  if (!existsSync(join(ROOT, target))) {
    problems.push(`${where}: no file ${target}`);
    return;
  }
  if (anchor && target.endsWith(".md") && !anchorsOf(target).has(anchor)) {
    problems.push(`${where}: no heading #${anchor} in ${target}`);
  }
}

/** Anchors as GitHub makes them of headings. */
function anchorsOf(page) {
  const seen = new Map();
  const anchors = new Set();
  for (const [, heading] of read(page).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const base = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-");
    const times = seen.get(base) ?? 0;
    seen.set(base, times + 1);
    anchors.add(times === 0 ? base : `${base}-${times}`);
  }
  return anchors;
}

function checkCode(text, where) {
  if (/^(npm|canopy) /.test(text)) return checkCommand(text, where);
  if (/^(src|test|harness|scripts|docs|profiles|native|results)\/[\w./-]+$/.test(text)) {
    const path = resolve(ROOT, text);
    const there = existsSync(path) && (!text.endsWith("/") || statSync(path).isDirectory());
    if (!there) problems.push(`${where}: no file ${text}`);
    return;
  }
  const identifier = /^([A-Za-z_$][\w$]*)(\(\))?$/.exec(text);
  if (identifier === null) return;
  const [, name, call] = identifier;
  // Words of the code have a capital inside, or are called.
  if ((call !== undefined || /[a-z][A-Z]/.test(name)) && !words.has(name)) {
    problems.push(`${where}: ${text} is nowhere in the code`);
  }
}

function checkCommand(line, where) {
  const script = /^npm (?:run (?:-s )?)?([\w:-]+)/.exec(line);
  if (
    script !== null &&
    !["ci", "install", "i", "pack", "link", "explore"].includes(script[1]) &&
    !(script[1] in scripts)
  ) {
    problems.push(`${where}: package.json has no script ${script[1]}`);
  }
  const command = /^(?:npm run -s canopy -- |(?:npx )?canopy )(.*)$/.exec(line);
  if (command === null) return;
  const all = command[1].replace(/\s#.*$/, "").split(/\s+/);
  const named = all.filter((word) => /^[a-z][a-z-]*$/.test(word));
  const path = named[0] === undefined ? [] : pathOf(named);
  if (path === undefined) {
    problems.push(`${where}: there is no command canopy ${named[0]}`);
    return;
  }
  const text = helpOf(path);
  for (const [option] of command[1].matchAll(/(?<![\w-])--[a-z][a-z-]*/g)) {
    if (!text.includes(option)) problems.push(`${where}: canopy ${path.join(" ")} has no option ${option}`);
  }
}

/** The words that name a command: one, or two for a command of a group. */
function pathOf([first, second]) {
  if (helpOf([first]) === undefined) return undefined;
  return second !== undefined && new RegExp(`^  ${second}\\b`, "m").test(commandsIn(helpOf([first])))
    ? [first, second]
    : [first];
}

function commandsIn(text) {
  return text.slice(text.indexOf("\nCommands:") + 1 || text.length);
}

function helpOf(path) {
  const key = path.join(" ");
  if (!help.has(key)) {
    try {
      const args = ["--import", "tsx", join("src", "cli", "main.ts"), ...path, "--help"];
      const options = { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };
      help.set(key, execFileSync(process.execPath, args, options));
    } catch {
      help.set(key, undefined);
    }
  }
  return help.get(key);
}
