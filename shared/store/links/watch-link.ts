import { z } from 'zod';

/** The detail of a link to the live page of a turn: the turn, and the conversation that it is of. */
export const WatchDetail = z.object({ conversation: z.string(), turn: z.string() });
export type WatchDetail = z.infer<typeof WatchDetail>;
