// A router in a process of its own, for tests: the endpoint with the fewest outstanding requests, or a way to go wrong.
import { fstatSync, readSync, writeSync } from "node:fs";
import { Packr } from "msgpackr";

const packr = new Packr({ useRecords: false, variableMapSize: true });

/** @param {number} count */
function readBytes(count) {
  const bytes = Buffer.alloc(count);
  for (let at = 0; at < count; ) {
    const got = readSync(0, bytes, at, count - at, null);
    if (got === 0) process.exit();
    at += got;
  }
  return bytes;
}

const read = () => packr.unpack(readBytes(readBytes(4).readUInt32BE(0)));

/** @param {object} value */
function write(value) {
  const body = packr.pack(value);
  const frame = Buffer.alloc(4 + body.length);
  frame.writeUInt32BE(body.length);
  body.copy(frame, 4);
  for (let at = 0; at < frame.length; ) at += writeSync(1, frame, at);
}

/** @typedef {{ readonly needsLarge: number, readonly arrivalSeconds: number }} Asked */

const start = read();
const { mode = "route", at = 3 } = start.options;
if (mode === "silent") setInterval(() => undefined, 1000);
else {
  write({ frame: 0 });
  for (;;) {
    const frame = read();
    if (frame.type === "end") {
      // One that does not care that its input has ended.
      if (mode === "stays") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      break;
    }
    const { outstanding } = frame.telemetry;
    /** @type {readonly Asked[]} */
    const requests = frame.requests;
    const actions = requests.map(({ needsLarge }) => {
      let best = null;
      for (const [e, { large }] of start.endpoints.entries()) {
        if (needsLarge > large || frame.telemetry.up[e] === 0) continue;
        if (best === null || outstanding[e] < outstanding[best]) best = e;
      }
      if (best !== null) outstanding[best]++;
      return best;
    });
    if (mode === "events" && (frame.completions ?? frame.fleet) !== undefined) {
      process.stderr.write(`${JSON.stringify([frame.completions ?? [], frame.fleet ?? []])}\n`);
    }
    if (mode === "floods") {
      // The messages of earlier frames are gone but for their end; one of these is longer than what is kept.
      if (fstatSync(2).size > 3e6) throw new Error("what it tells is kept for good");
      for (let line = 0; line < 25_000; line++) writeSync(2, "as long as this\n".repeat(4));
    }
    if (mode === "patient") {
      /** @param {Asked} request */
      const due = ({ arrivalSeconds }) => frame.now >= arrivalSeconds + 1;
      const held = requests.map((request, i) => (due(request) ? actions[i] : { hold: true }));
      write({ frame: frame.frame, actions: held });
      continue;
    }
    if (frame.frame < at || ["route", "events", "stays", "floods"].includes(mode)) {
      write({ frame: frame.frame, actions });
      continue;
    }
    if (mode === "dies") {
      process.stderr.write("first line\nValueError: no such thing\n");
      process.exit(3);
    } else if (mode === "slow") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
    else if (mode === "prints") writeSync(1, "hello there\n");
    else if (mode === "garbage") writeSync(1, Buffer.from([0, 0, 0, 2, 0xc1, 0xc1]));
    else if (mode === "late") write({ frame: frame.frame - 1, actions });
    else if (mode === "twice") {
      write({ frame: frame.frame, actions });
      write({ frame: frame.frame, actions });
    } else if (mode === "few") write({ frame: frame.frame, actions: [] });
    else if (mode === "scrap") writeSync(1, "ok\n");
    else if (mode === "half") {
      writeSync(1, Buffer.from([0, 0, 1, 0, 0x81]));
      process.exit(0);
    } else write({ frame: frame.frame, actions: actions.map(() => start.options.action) });
  }
}
