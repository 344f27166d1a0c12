import type { Log } from '../shared/runtime/log.ts';

/**
 * One line of the results. `peer` is the floor or the usual way, measured in the same run; `held`
 * says whether the target was met; undefined without a target.
 */
export type Row = {
  what: string;
  ours: string;
  peer?: string;
  ratio?: string;
  target?: string;
  held?: boolean;
};

/** Lines over the same axis; a point is what was measured at `x`. */
export type Plot = {
  file: string;
  title: string;
  x: string;
  y: string;
  series: { name: string; points: [x: number, y: number][] }[];
};

/**
 * `notes` are paragraphs in Markdown: explanations of a number, and for a missed target, where the
 * time goes.
 */
export type SectionResult = { rows: Row[]; notes: string[]; plots?: Plot[] };

export type BenchOptions = {
  /** A short form, for a quick check: fewer and shorter rounds. */
  quick: boolean;
  /** How often each side is measured. */
  rounds: number;
  /** The search path for programs such as `redis-server`. */
  searchPath: string;
  log: Log;
  /** Reports the current step. */
  say: (line: string) => void;
  signal: AbortSignal;
};

/**
 * One measurement next to its peer. `method` describes the comparison in one paragraph. `run` ends
 * everything that it has started, also when it fails; it throws when the measurement fails.
 */
export type Section = {
  name: string;
  title: string;
  method: string;
  run(options: BenchOptions): Promise<SectionResult>;
};
