import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FifoQueue } from "../../../src/routers/ingress/fifo-queue.ts";
import { TierQueues } from "../../../src/routers/ingress/tier-queues.ts";

const drain = (queues: TierQueues) => Array.from({ length: queues.count }, () => queues.pop());

describe("TierQueues (CEDAR specification, section 10)", () => {
  test("the earliest deadline goes first, equal deadlines keep the order of arrival", () => {
    const deadlines = Float64Array.of(3, 1.2, 2, 1.2);
    const queues = new TierQueues(1);
    for (const request of [0, 3, 1, 2]) queues.push(0, request, deadlines);
    expect(drain(queues)).toEqual([3, 1, 2, 0]);
  });

  test("tiers are strict: HIGH with deadline 9 goes before LOW with deadline 1", () => {
    const deadlines = Float64Array.of(1, 9);
    const queues = new TierQueues(3);
    queues.push(2, 0, deadlines);
    queues.push(0, 1, deadlines);
    expect(queues.peek()).toBe(1);
    expect(drain(queues)).toEqual([1, 0]);
    expect(queues.pop()).toBe(-1);
    expect(queues.peek()).toBe(-1);
  });

  test("fifo keeps the order of arrival inside a tier", () => {
    const queues = new TierQueues(2, "fifo");
    for (const [tier, request] of [
      [1, 0],
      [1, 1],
      [0, 2],
    ]) {
      queues.push(tier, request, Float64Array.of(5, 4, 9));
    }
    expect(drain(queues)).toEqual([2, 0, 1]);
  });

  test("what is set aside is not popped again, counts, and comes back in its place", () => {
    const deadlines = Float64Array.of(1, 2, 2, 2, 4);
    const queues = new TierQueues(1, "edf", 1);
    for (let r = 0; r < 5; r++) queues.push(0, r, deadlines);
    expect(queues.pop()).toBe(0);
    queues.keep();
    expect(queues.pop()).toBe(1);
    queues.keep();
    expect(queues.pop()).toBe(2);
    expect(queues.count).toBe(4);
    expect(queues.countOf(0)).toBe(4);
    queues.restore();
    expect(drain(queues)).toEqual([0, 1, 3, 4]);
    expect(queues.count).toBe(0);
  });

  test("behaves as a list sorted by tier, deadline and arrival under any calls", () => {
    const call = fc.oneof(
      fc.record({ kind: fc.constant("push" as const), tier: fc.nat(2), deadline: fc.nat(5) }),
      fc.record({ kind: fc.constantFrom("pop" as const, "keep" as const, "restore" as const) }),
      fc.record({ kind: fc.constant("remove" as const), request: fc.nat(40) }),
    );
    fc.assert(
      fc.property(fc.array(call, { maxLength: 80 }), (calls) => {
        const deadlines = new Float64Array(200);
        const queues = new TierQueues(3, "edf", 2);
        type Entry = { tier: number; deadline: number; request: number };
        let waiting: Entry[] = [];
        let aside: Entry[] = [];
        let next = 0;
        const sorted = (entries: Entry[]) =>
          entries.sort((a, b) => a.tier - b.tier || a.deadline - b.deadline || a.request - b.request);
        for (const c of calls) {
          if (c.kind === "push") {
            const request = next++;
            deadlines[request] = c.deadline;
            queues.push(c.tier, request, deadlines);
            waiting.push({ tier: c.tier, deadline: c.deadline, request });
          } else if (c.kind === "restore") {
            queues.restore();
            waiting = waiting.concat(aside);
            aside = [];
          } else if (c.kind === "remove") {
            const entry = waiting.find((e) => e.request === c.request);
            expect(queues.remove(entry?.tier ?? 0, c.request)).toBe(entry !== undefined);
            waiting = waiting.filter((e) => e !== entry);
          } else {
            const expected = sorted(waiting).shift();
            expect(queues.pop()).toBe(expected?.request ?? -1);
            if (c.kind === "keep" && expected !== undefined) {
              queues.keep();
              aside.push(expected);
            }
          }
          expect(queues.count).toBe(waiting.length + aside.length);
        }
        queues.restore();
        expect(drain(queues)).toEqual(sorted(waiting.concat(aside)).map((e) => e.request));
      }),
    );
  });
});

describe("FifoQueue", () => {
  test("behaves as an array under any calls", () => {
    const call = fc.oneof(
      fc.record({ kind: fc.constantFrom("push" as const, "front" as const, "pop" as const) }),
      fc.record({ kind: fc.constant("remove" as const), request: fc.nat(30) }),
    );
    fc.assert(
      fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
        const queue = new FifoQueue(2);
        const model: number[] = [];
        let next = 0;
        for (const c of calls) {
          if (c.kind === "push") {
            queue.push(next);
            model.push(next++);
          } else if (c.kind === "front") {
            queue.pushFront(next);
            model.unshift(next++);
          } else if (c.kind === "remove") {
            const at = model.indexOf(c.request);
            expect(queue.remove(c.request)).toBe(at >= 0);
            if (at >= 0) model.splice(at, 1);
          } else {
            expect(queue.pop()).toBe(model.shift() ?? -1);
          }
          expect(queue.count).toBe(model.length);
          expect(queue.peek()).toBe(model[0] ?? -1);
          expect(queue.peek(1)).toBe(model[1] ?? -1);
        }
      }),
    );
  });
});
