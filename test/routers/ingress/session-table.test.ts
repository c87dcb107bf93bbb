import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SessionTable } from "../../../src/routers/ingress/session-table.ts";

describe("SessionTable", () => {
  test("remembers every session while they are few", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(7), fc.nat(99)), { maxLength: 60 }),
        fc.constantFrom(1, 2 ** 31, 2 ** 40),
        (uses, spread) => {
          const sessions = Float64Array.from({ length: 8 }, (_, i) => i * spread);
          const table = new SessionTable(8);
          const model = new Map<number, number>();
          for (const [request, endpoint] of uses) {
            expect(table.find(sessions, request)).toBe(model.get(request) ?? -1);
            table.set(sessions, request, endpoint);
            model.set(request, endpoint);
          }
        },
      ),
    );
  });

  test("forgets the one used longest ago when eight share a set", () => {
    const sessions = Float64Array.from({ length: 9 }, (_, i) => 10 + i);
    const table = new SessionTable(1);
    for (let r = 0; r < 8; r++) table.set(sessions, r, r);
    table.find(sessions, 0);
    table.set(sessions, 8, 8);
    expect(table.find(sessions, 1)).toBe(-1);
    expect([0, 2, 8].map((r) => table.find(sessions, r))).toEqual([0, 2, 8]);
  });

  test("keeps most of the sessions it was made for", () => {
    const count = 4096;
    const sessions = Float64Array.from({ length: count }, (_, i) => i);
    const table = new SessionTable(2 * count);
    for (let r = 0; r < count; r++) table.set(sessions, r, r % 12);
    let kept = 0;
    for (let r = 0; r < count; r++) if (table.find(sessions, r) === r % 12) kept++;
    expect(kept).toBeGreaterThan(0.97 * count);
  });

  test("knows nothing of requests without a session", () => {
    const table = new SessionTable(8);
    table.set(Float64Array.of(-1), 0, 3);
    expect(table.find(Float64Array.of(-1), 0)).toBe(-1);
  });
});
