/**
 * Server-sent events out of a byte stream that is cut anywhere: inside a message, inside `\r\n`, inside a character.
 * Lines that begin with ":" are comments, which servers send to keep a connection open.
 */
export class EventStreamParser {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #data: string[] = [];

  /** The data of every message that these bytes complete. */
  push(bytes: Uint8Array): string[] {
    const messages: string[] = [];
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    // A "\r" at the very end may be half of a line's end.
    const usable = this.#rest.endsWith("\r") ? this.#rest.length - 1 : this.#rest.length;
    const lines = this.#rest.slice(0, usable).split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() as string) + this.#rest.slice(usable);
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length > 0) messages.push(this.#data.join("\n"));
        this.#data = [];
      } else if (line.startsWith("data:")) {
        this.#data.push(line.slice(line[5] === " " ? 6 : 5));
      }
    }
    return messages;
  }
}
