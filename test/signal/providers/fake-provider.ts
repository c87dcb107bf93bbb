import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../../../src/signal/providers/http.ts";

export interface Answer {
  readonly status?: number;
  readonly body?: unknown;
  /** Sent as it is instead of `body`. */
  readonly text?: string;
  readonly headers?: Record<string, string>;
  /** Never answers. */
  readonly silent?: boolean;
}

export interface Seen {
  readonly path: string;
  readonly query: Record<string, string>;
  readonly headers: IncomingMessage["headers"];
}

/** A provider on a local port: `answer` decides by request, `seen` keeps what was asked. */
export class FakeProvider {
  readonly seen: Seen[] = [];
  answer: (request: Seen) => Answer = () => ({ status: 500 });
  readonly #server: Server;
  url = "";

  constructor() {
    this.#server = createServer((request, response) => {
      const url = new URL(request.url as string, "http://localhost");
      const query = Object.fromEntries(url.searchParams);
      const seen = { path: url.pathname, query, headers: request.headers };
      this.seen.push(seen);
      const { status = 200, body, text, headers = {}, silent } = this.answer(seen);
      if (silent) return;
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(text ?? JSON.stringify(body ?? {}));
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** How often a path was asked. */
  count(path: string): number {
    return this.seen.filter((request) => request.path === path).length;
  }
}

/** A clock that stands until it is told, or slept on. */
export class ManualClock implements Clock {
  seconds: number;
  readonly sleeps: number[] = [];

  constructor(seconds: number) {
    this.seconds = seconds;
  }

  nowSeconds(): number {
    return this.seconds;
  }

  async sleep(seconds: number): Promise<void> {
    this.sleeps.push(seconds);
    this.seconds += seconds;
  }
}
