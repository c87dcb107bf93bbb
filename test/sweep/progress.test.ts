import { expect, test } from "vitest";
import { Progress } from "../../src/sweep/progress.ts";

function recorder(isTTY: boolean, columns = 80, unit?: string) {
  const written: string[] = [];
  let time = 0;
  const progress = new Progress({
    stream: { isTTY, columns, write: (text: string) => written.push(text) },
    now: () => time,
    ...(unit === undefined ? {} : { unit }),
  });
  return { progress, written, wait: (ms: number) => (time += ms) };
}

test("elsewhere than on a terminal: a line every five seconds and one at the end", () => {
  const { progress, written, wait } = recorder(false);
  progress.begin(100, 7);
  for (let i = 0; i < 100; i++) {
    wait(100);
    progress.ended(10_000, i === 20);
  }
  progress.end();
  expect(written).toEqual([
    "50/100 runs, 1 failed, 10 runs/s, 100k requests/s, 5.0 s left\n",
    "100/100 runs, 1 failed, 10 runs/s, 100k requests/s, 0.0 s left\n",
    "100 of 100 runs in 10 s, 7 were done before, 1 failed, 1.00M requests, 100k requests/s\n",
  ]);
});

test("on a terminal: one line, drawn anew at most ten times a second, never wider than the terminal, gone at the end", () => {
  const { progress, written, wait } = recorder(true, 50);
  progress.begin(1000, 0);
  for (let i = 0; i < 1000; i++) {
    wait(10);
    progress.ended(500, false);
  }
  progress.end();
  expect(written.length).toBe(1 + 100 + 2);
  const lines = written.slice(0, 101).map((text) => text.replace("\r\u001b[2K", ""));
  for (const line of lines) {
    expect(line).not.toContain("\n");
    expect(line.length).toBeLessThan(50);
  }
  expect(lines[0]).toBe(`${"░".repeat(20)} 0/1000 runs`);
  expect(lines[50]).toBe(`${"█".repeat(10)}${"░".repeat(10)} 500/1000 runs  100 runs/s`);
  expect(written.at(-2)).toBe("\r\u001b[2K");
  expect(written.at(-1)).toBe("1000 of 1000 runs in 10 s, 500k requests, 50.0k requests/s\n");
});

test("nothing to do is one line", () => {
  const { progress, written } = recorder(true);
  progress.begin(0, 42);
  progress.end();
  expect(written).toEqual(["0 of 0 runs in 0.0 s, 42 were done before\n"]);
});

test("the time left is reckoned from the first run's end, not from the start of the workers", () => {
  const { progress, written, wait } = recorder(false);
  progress.begin(1001, 0);
  wait(60_000);
  progress.ended(1, false);
  wait(9000);
  progress.ended(1, false);
  expect(written).toEqual([
    "1/1001 runs, 0.017 runs/s, 0.017 requests/s\n",
    "2/1001 runs, 0.029 runs/s, 0.029 requests/s, 2 h 29 min left\n",
  ]);
  wait(116_000);
  for (let i = 0; i < 499; i++) progress.ended(1, false);
  progress.end();
  expect(written.at(-1)).toBe("501 of 1001 runs in 3 min 5 s, 501 requests, 2.7 requests/s\n");
});

test("work that is not alike counts by what each part is thought to take", () => {
  const { progress, written, wait } = recorder(false, 80, "cells");
  // 100 s of work in three cells; the first is slow to start, the second takes as long as was thought.
  progress.begin(3, 0, 100);
  wait(15_000);
  progress.ended(0, false, 10);
  wait(30_000);
  progress.ended(0, false, 30);
  expect(written.at(-1)).toBe("2/3 cells, 0.044 cells/s, 1 min 0 s left\n");
  wait(60_000);
  progress.ended(0, false, 60);
  progress.end();
  expect(written.at(-1)).toBe("3 of 3 cells in 1 min 45 s\n");
});
