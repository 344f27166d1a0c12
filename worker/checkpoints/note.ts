import { z } from 'zod';

/** How many files were changed, and how many lines were added and removed in them. */
export const Counts = z.object({
  files: z.number(),
  added: z.number(),
  removed: z.number(),
  /** Of the files, those that git ignores. */
  ignored: z.number(),
});
export type Counts = z.infer<typeof Counts>;

/**
 * What a checkpoint is. `seen`: the workspace at a time. `step`: the end of a piece of work that
 * changed files, which began at checkpoint `base`. `back`: the files went back, from checkpoint
 * `from` on. Times are ISO 8601.
 */
export const Note = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('seen'), at: z.string() }),
  z.object({
    kind: z.literal('step'),
    at: z.string(),
    base: z.number(),
    /** Its turn, and the message that asked for it. */
    turn: z.string(),
    asked: z.string(),
    /** The session that it was done in; '' when it is not known. */
    session: z.string(),
    /** What was asked for, in the person's words. */
    title: z.string(),
    counts: Counts,
    /** What was done beside files, and does not go back with them. */
    beyond: z.array(z.string()),
    /** The turn has changed back what it had changed. */
    isEmpty: z.boolean().optional(),
  }),
  z.object({
    kind: z.literal('back'),
    at: z.string(),
    from: z.number(),
    /** `undo` takes back, `redo` brings back. */
    way: z.enum(['undo', 'redo']),
    /** The numbers of the steps. */
    steps: z.array(z.number()),
    /** The message that asked for it. */
    by: z.string(),
    /** The session before the conversation went back, too. */
    session: z.string().optional(),
  }),
]);
export type Note = z.infer<typeof Note>;
export type Step = Extract<Note, { kind: 'step' }>;
export type Back = Extract<Note, { kind: 'back' }>;

/** A checkpoint's number and note. */
export type Numbered<Of extends Note = Note> = { number: number; note: Of };

/**
 * The steps that can be taken back, the oldest first; the way back that can be gone again the other
 * way; and the last way, in either direction.
 */
export type Steps = {
  done: Numbered<Step>[];
  undone: Numbered<Back> | undefined;
  last: Numbered<Back> | undefined;
};

/** Reads what was done and taken back, from all notes, the oldest first. */
export function readSteps(history: readonly Numbered[]): Steps {
  const oldest = history[0]?.number ?? 0;
  const all = new Map<number, Numbered<Step>>();
  let done: Numbered<Step>[] = [];
  let undone: Numbered<Back>[] = [];
  let last: Numbered<Back> | undefined;
  for (const { number, note } of history) {
    if (note.kind === 'step') {
      // New work makes what was taken back a thing of the past.
      undone = [];
      const step = { number, note };
      all.set(number, step);
      // A turn is one step, which grows as it works.
      if (done.at(-1)?.note.turn === note.turn) done.pop();
      done.push(step);
    }
    if (note.kind !== 'back') continue;
    last = { number, note };
    const named = new Set(note.steps);
    if (note.way === 'undo') {
      undone.push(last);
      done = done.filter((step) => !named.has(step.number));
    } else {
      undone.pop();
      done.push(...note.steps.flatMap((each) => all.get(each) ?? []));
    }
  }
  return {
    // Where a step began may be forgotten, and a turn may have changed all of it back.
    done: done.filter(({ note }) => note.base >= oldest && !note.isEmpty),
    undone: undone.findLast(({ note }) => note.from >= oldest),
    last,
  };
}
