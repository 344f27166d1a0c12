import type { Log } from '../shared/runtime/log.ts';

/**
 * One line of the results. `peer` is the floor or the usual way, measured in the same run; `held`
 * says whether the target held, undefined where there is none.
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
 * `notes` are paragraphs in Markdown: what a number needs to be understood, and where a target was
 * missed, what takes the time.
 */
export type SectionResult = { rows: Row[]; notes: string[]; plots?: Plot[] };

export type BenchOptions = {
  /** A short form, for a look: fewer and shorter rounds. */
  quick: boolean;
  /** How often each side is measured. */
  rounds: number;
  /** Where programs such as `redis-server` are looked for. */
  searchPath: string;
  log: Log;
  /** Tells what is done now. */
  say: (line: string) => void;
  signal: AbortSignal;
};

/**
 * One thing that is measured, next to its peer. `method` says in one paragraph what against what,
 * and how. `run` ends everything that it has started, also when it fails; it throws when it could
 * not measure.
 */
export type Section = {
  name: string;
  title: string;
  method: string;
  run(options: BenchOptions): Promise<SectionResult>;
};
