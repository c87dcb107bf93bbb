import type { ProgressListener } from "./run-plans.ts";

export interface ProgressOptions {
  /** Where it is written; default: stderr. */
  readonly stream?: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };
  /** Milliseconds since some moment; default: the process's clock. */
  readonly now?: () => number;
  /** What is done, in the plural; default: runs. */
  readonly unit?: string;
}

/** Between two states of the line on a terminal, and between two lines elsewhere. */
const REDRAW_MS = 100;
const LINE_MS = 5000;
const BAR_WIDTH = 20;
const CLEAR_LINE = "\r\u001b[2K";

/** Progress of runs, or of another unit of work: on a terminal one line that is drawn anew, elsewhere a line every five seconds. */
export class Progress implements ProgressListener {
  readonly #stream: NonNullable<ProgressOptions["stream"]>;
  readonly #now: () => number;
  readonly #unit: string;
  #total = 0;
  /** All there is to do, and what is done of it: of runs their number, else seconds as they were thought to be. */
  #work = 0;
  #workDone = 0;
  #workOfFirst = 0;
  #reused = 0;
  #done = 0;
  #failed = 0;
  #requests = 0;
  #began = 0;
  /** When the first run ended: before that workers were starting, which says nothing of the rest. */
  #firstEnded = 0;
  #shown = 0;

  constructor(options: ProgressOptions = {}) {
    this.#stream = options.stream ?? process.stderr;
    this.#now = options.now ?? (() => performance.now());
    this.#unit = options.unit ?? "runs";
  }

  /** @param work of all of them; default: each is as much as any other */
  begin(total: number, reused: number, work = total): void {
    this.#total = total;
    this.#work = work;
    this.#reused = reused;
    this.#began = this.#now();
    this.#shown = this.#began;
    if (this.#stream.isTTY === true && total > 0) this.#stream.write(`${CLEAR_LINE}${this.#line()}`);
  }

  /** @param work that it was part of the whole */
  ended(requests: number, failed: boolean, work = 1): void {
    this.#workDone += work;
    if (this.#done++ === 0) {
      this.#firstEnded = this.#now();
      this.#workOfFirst = work;
    }
    this.#requests += requests;
    if (failed) this.#failed++;
    const now = this.#now();
    if (now - this.#shown < (this.#stream.isTTY === true ? REDRAW_MS : LINE_MS)) return;
    this.#shown = now;
    if (this.#stream.isTTY === true) this.#stream.write(`${CLEAR_LINE}${this.#line()}`);
    else this.#stream.write(`${this.#facts().join(", ")}\n`);
  }

  end(): void {
    if (this.#stream.isTTY === true && this.#total > 0) this.#stream.write(CLEAR_LINE);
    const seconds = (this.#now() - this.#began) / 1000;
    const reused = this.#reused === 0 ? [] : [`${this.#reused} were done before`];
    const failed = this.#failed === 0 ? [] : [`${this.#failed} failed`];
    const speed =
      this.#requests === 0
        ? []
        : [
            `${this.#requests < 10 ? this.#requests : count(this.#requests)} requests, ${count(this.#requests / seconds)} requests/s`,
          ];
    const facts = [
      `${this.#done} of ${this.#total} ${this.#unit} in ${duration(seconds)}`,
      ...reused,
      ...failed,
      ...speed,
    ];
    this.#stream.write(`${facts.join(", ")}\n`);
  }

  #line(): string {
    const share = this.#total === 0 ? 1 : this.#done / this.#total;
    const filled = Math.round(share * BAR_WIDTH);
    const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
    const width = (this.#stream.columns ?? 100) - 1;
    const [first, ...more] = this.#facts();
    let line = `${bar} ${first}`;
    for (const fact of more) {
      if (line.length + 2 + fact.length > width) break;
      line += `  ${fact}`;
    }
    return line.slice(0, width);
  }

  #facts(): string[] {
    const seconds = (this.#now() - this.#began) / 1000;
    const facts = [`${this.#done}/${this.#total} ${this.#unit}`];
    if (this.#failed > 0) facts.push(`${this.#failed} failed`);
    if (this.#done > 0 && seconds > 0) {
      const perSecond = this.#done / seconds;
      facts.push(`${count(perSecond)} ${this.#unit}/s`);
      // Runs of planners have epochs, no requests.
      if (this.#requests > 0) facts.push(`${count(this.#requests / seconds)} requests/s`);
      const steady = this.#now() - this.#firstEnded;
      if (this.#done > 1 && steady > 0) {
        const left = ((this.#work - this.#workDone) * steady) / (this.#workDone - this.#workOfFirst);
        facts.push(`${duration(Math.max(0, left) / 1000)} left`);
      }
    }
    return facts;
  }
}

/** 0.12, 9.5, 950, 12.3k, 4.56M */
function count(value: number): string {
  if (value < 10) return String(Number(value.toPrecision(2)));
  if (value < 1000) return String(Math.round(value));
  const [scaled, unit] = value < 1e6 ? [value / 1e3, "k"] : [value / 1e6, "M"];
  return `${scaled < 100 ? scaled.toPrecision(3) : Math.round(scaled)}${unit}`;
}

/** 0.4 s, 12 s, 3 min 5 s, 2 h 10 min */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
