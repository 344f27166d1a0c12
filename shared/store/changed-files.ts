import { z } from 'zod';

/**
 * One changed file on a page. `patch` are the hunks of git's unified form, `why` says why there are
 * none or not all; `before` and `after` are pictures (data URLs); `from` is its earlier name.
 */
export const ChangedFile = z.object({
  path: z.string(),
  from: z.string().optional(),
  kind: z.enum(['added', 'removed', 'changed', 'renamed']),
  added: z.number(),
  removed: z.number(),
  patch: z.string().optional(),
  why: z.enum(['ignored', 'binary', 'large', 'cut', 'room']).optional(),
  /** The permissions before and after, where they differ. */
  modes: z.tuple([z.string(), z.string()]).optional(),
  before: z.string().optional(),
  after: z.string().optional(),
});
export type ChangedFile = z.infer<typeof ChangedFile>;

/** For how long earlier versions of a workspace are kept, how many of them, and how much they may take. */
export const keptFor = { days: 30, checkpoints: 200, megabytes: 512 };

/** A page of what a piece of work has changed. */
export const ChangedFiles = z.object({
  /** What was asked for, in the person's words. */
  title: z.string(),
  files: z.array(ChangedFile),
  /** How many further files have changed. */
  more: z.number(),
  added: z.number(),
  removed: z.number(),
  /** Files whose content is not kept, so that it does not go back with the others. */
  left: z.array(z.string()),
  /** Directories and files that are not looked into; absent on a page of an earlier version. */
  unseen: z.array(z.string()).default([]),
  /** What was done beside files. */
  beyond: z.array(z.string()),
});
export type ChangedFiles = z.infer<typeof ChangedFiles>;
