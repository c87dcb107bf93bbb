import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

/** How the server computes and how it misbehaves. Run as a program: options as JSON in its first argument. */
export interface ServerOptions {
  /** A step takes base + perSequence x sequences + perContextToken x all their tokens + perPromptToken x prompts. */
  readonly baseMs?: number;
  readonly perSequenceMs?: number;
  readonly perContextTokenMs?: number;
  readonly perPromptTokenMs?: number;
  readonly maxSequences?: number;
  /** Messages are cut into pieces, lines end with CR LF, and comments come between. */
  readonly ragged?: boolean;
  readonly tokensPerChunk?: number;
  /** The end comes in a chunk of its own without a token. */
  readonly emptyEnd?: boolean;
  readonly usage?: boolean;
  /** Outputs end after so many tokens, whatever was asked for. */
  readonly stopAfter?: number;
  /** Every so-many-th request answers with this status. */
  readonly busyEach?: number;
  readonly busyStatus?: number;
  /** Every so-many-th request breaks off after two tokens. */
  readonly dropEach?: number;
  /** Every so-many-th request never gets an answer. */
  readonly hangEach?: number;
  /** Answers every request so. */
  readonly status?: number;
  readonly stream?: boolean;
  readonly metrics?: "v0" | "v1" | "none";
  readonly models?: readonly string[];
  readonly maxModelTokens?: number;
}

interface Sequence {
  readonly promptTokens: number;
  readonly tokens: number;
  readonly limit: number;
  readonly response: ServerResponse;
  readonly breaksOff: boolean;
  sent: number;
  unsent: number;
}

/** A continuous-batching server with a known law: each step decodes one token of every sequence. */
class CompletionServer {
  readonly #options: Required<ServerOptions>;
  readonly #waiting: Sequence[] = [];
  #running: Sequence[] = [];
  #busy = false;
  #requests = 0;
  readonly #firstBlocks = new Set<string>();
  #repeatedBlocks = 0;
  /** Second halves of messages that were cut. */
  readonly #late = new Map<ServerResponse, Buffer>();
  #steps = 0;
  #lateMs = 0;

  constructor(options: ServerOptions) {
    this.#options = {
      baseMs: 20,
      perSequenceMs: 0.5,
      perContextTokenMs: 0.001,
      perPromptTokenMs: 0.05,
      maxSequences: 256,
      ragged: false,
      tokensPerChunk: 1,
      emptyEnd: false,
      usage: true,
      stopAfter: Number.POSITIVE_INFINITY,
      busyEach: 0,
      busyStatus: 429,
      dropEach: 0,
      hangEach: 0,
      status: 200,
      stream: true,
      metrics: "v1",
      models: ["toy"],
      maxModelTokens: 4096,
      ...options,
    };
  }

  listen(): void {
    const server = createServer((request, response) => this.#answer(request, response));
    server.listen(0, "127.0.0.1", () => {
      process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const json = (body: unknown, status = 200) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    switch (request.url) {
      case "/v1/models":
        return json({
          data: this.#options.models.map((id) => ({ id, max_model_len: this.#options.maxModelTokens })),
        });
      case "/version":
        return json({ version: "0.14.0" });
      case "/metrics":
        if (this.#options.metrics === "none") return json({}, 404);
        response.end(this.#metrics());
        return;
      case "/stats":
        return json({
          requests: this.#requests,
          repeatedBlocks: this.#repeatedBlocks,
          meanLateMs: this.#lateMs / this.#steps,
        });
      default: {
        let body = "";
        for await (const piece of request) body += piece;
        return this.#complete(JSON.parse(body), response);
      }
    }
  }

  #metrics(): string {
    const { metrics } = this.#options;
    const label = '{model_name="toy",engine="0"}';
    const usage = metrics === "v1" ? "kv_cache_usage_perc" : "gpu_cache_usage_perc";
    return [
      "# HELP vllm:num_requests_running Number of requests in model execution batches.",
      `vllm:num_requests_running${label} ${this.#running.length}.0`,
      `vllm:num_requests_waiting${label} ${this.#waiting.length}.0`,
      `vllm:${usage}${label} 0.25`,
      `vllm:num_preemptions_total${label} 0.0`,
      'vllm:cache_config_info{block_size="16",cache_dtype="auto",num_gpu_blocks="20000"} 1.0',
      "",
    ].join("\n");
  }

  #complete(
    body: {
      prompt: number[];
      max_tokens: number;
      ignore_eos: boolean;
      stream_options: { include_usage: boolean };
    },
    response: ServerResponse,
  ): void {
    const { busyEach, busyStatus, dropEach, hangEach, status, stream, stopAfter } = this.#options;
    const count = ++this.#requests;
    const block = body.prompt.slice(0, 16).join();
    if (this.#firstBlocks.has(block)) this.#repeatedBlocks++;
    this.#firstBlocks.add(block);
    if (!body.ignore_eos || !body.stream_options.include_usage) throw new Error("not what was agreed");
    if (status !== 200 || (busyEach > 0 && count % busyEach === 0)) {
      response.writeHead(status === 200 ? busyStatus : status, { "retry-after": "0" });
      response.end('{"error": {"message": "try\\nlater", "code": 9}}');
      return;
    }
    if (hangEach > 0 && count % hangEach === 0) return;
    if (!stream) {
      response.writeHead(200, { "content-type": "application/json" });
      response.end('{"choices": []}');
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    const sequence: Sequence = {
      promptTokens: body.prompt.length,
      tokens: body.prompt.length,
      limit: Math.min(body.max_tokens, stopAfter),
      response,
      breaksOff: dropEach > 0 && count % dropEach === 0,
      sent: 0,
      unsent: 0,
    };
    response.on("close", () => {
      this.#running = this.#running.filter((other) => other !== sequence);
      const at = this.#waiting.indexOf(sequence);
      if (at !== -1) this.#waiting.splice(at, 1);
    });
    this.#waiting.push(sequence);
    if (!this.#busy) void this.#loop();
  }

  /** Steps end at times that follow from the law, not from when this process woke up: delays do not add up. */
  async #loop(): Promise<void> {
    this.#busy = true;
    let end = performance.now();
    while (this.#waiting.length + this.#running.length > 0) {
      const { baseMs, perSequenceMs, perContextTokenMs, perPromptTokenMs, maxSequences } = this.#options;
      const begun = this.#waiting.splice(0, maxSequences - this.#running.length);
      const context = this.#running.reduce((sum, { promptTokens, sent }) => sum + promptTokens + sent, 0);
      const prompts = begun.reduce((sum, { promptTokens }) => sum + promptTokens, 0);
      end +=
        baseMs +
        perSequenceMs * this.#running.length +
        perContextTokenMs * context +
        perPromptTokenMs * prompts;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, end - performance.now())));
      this.#steps++;
      this.#lateMs += performance.now() - end;
      this.#running.push(...begun.filter(({ response }) => !response.destroyed));
      for (const sequence of [...this.#running]) this.#token(sequence);
    }
    this.#busy = false;
  }

  #token(sequence: Sequence): void {
    const { tokensPerChunk, emptyEnd } = this.#options;
    sequence.sent++;
    sequence.unsent++;
    const last = sequence.sent >= sequence.limit;
    if (sequence.breaksOff && sequence.sent === 2) {
      sequence.response.destroy();
      return;
    }
    if (sequence.sent === 1 || sequence.unsent >= tokensPerChunk || last) {
      sequence.unsent = 0;
      const finish = last && !emptyEnd ? "stop" : null;
      this.#send(sequence.response, {
        choices: [{ text: sequence.sent % 7 === 0 ? "" : " é", finish_reason: finish }],
      });
    }
    if (!last) return;
    this.#running = this.#running.filter((other) => other !== sequence);
    if (emptyEnd) this.#send(sequence.response, { choices: [{ text: "", finish_reason: "stop" }] });
    if (this.#options.usage) {
      const usage = { prompt_tokens: sequence.promptTokens, completion_tokens: sequence.sent };
      // Late on purpose: it must not count as the end of the output.
      setTimeout(() => {
        this.#send(sequence.response, { choices: [], usage });
        this.#end(sequence.response);
      }, 3);
    } else {
      this.#end(sequence.response);
    }
  }

  #send(response: ServerResponse, message: unknown): void {
    const end = this.#options.ragged ? "\r\n" : "\n";
    const bytes = Buffer.from(`data: ${JSON.stringify(message)}${end}${end}`);
    if (!this.#options.ragged) {
      response.write(bytes);
      return;
    }
    // In the middle of the two bytes of "é" where there is one; the rest follows a moment later, in order.
    const cut = bytes.indexOf(0xc3) + 1 || 9;
    const late = this.#late.get(response) ?? Buffer.alloc(0);
    response.write(Buffer.concat([late, Buffer.from(`: ping${end}${end}`), bytes.subarray(0, cut)]));
    this.#late.set(response, bytes.subarray(cut));
    setImmediate(() => this.#flush(response));
  }

  #end(response: ServerResponse): void {
    this.#flush(response);
    response.end("data: [DONE]\n\n");
  }

  #flush(response: ServerResponse): void {
    const late = this.#late.get(response);
    this.#late.delete(response);
    if (late !== undefined && !response.destroyed) response.write(late);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  new CompletionServer(JSON.parse(process.argv[2]) as ServerOptions).listen();
}
