import fc from "fast-check";
import { expect, test } from "vitest";
import { EventStreamParser } from "../../../src/profile/server/event-stream.ts";

const TEXT =
  ': ping\n\ndata: {"a": "é€"}\r\n\r\nevent: x\nid: 4\ndata:b\n\ndata: c\ndata: d\r\r: \n\ndata: [DONE]\n\ndata: half';
const MESSAGES = ['{"a": "é€"}', "b", "c\nd", "[DONE]"];

test("messages come out however the bytes are cut", () => {
  const bytes = new TextEncoder().encode(TEXT);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 20 }), (cuts) => {
      const parser = new EventStreamParser();
      const ends = [...cuts, bytes.length].sort((a, b) => a - b);
      const messages = ends.flatMap((end, i) => parser.push(bytes.subarray(i === 0 ? 0 : ends[i - 1], end)));
      expect(messages).toEqual(MESSAGES);
    }),
  );
});

test("each byte alone", () => {
  const parser = new EventStreamParser();
  const messages = [...new TextEncoder().encode(TEXT)].flatMap((byte) => parser.push(Uint8Array.of(byte)));
  expect(messages).toEqual(MESSAGES);
});
