import { z } from 'zod';
import { pictureFaults } from '../media/picture-fault.ts';
import type { PictureFault } from '../media/picture-fault.ts';

/** What a child is asked about the bytes that it gets. */
export type Task =
  /** What a person sent, which they say is of this type (lower case, without parameters). */
  | { task: 'receive'; claimed: string }
  /** What the agent sends to the person, under the file's name. */
  | { task: 'send'; name: string }
  /** A picture that a tool made for the model. */
  | { task: 'show' };

const Type = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.+-]{0,99}\/[a-z0-9][a-z0-9.+-]{0,99}(?:; charset=[a-z0-9-]{1,20})?$/);
const faults = Object.keys(pictureFaults) as PictureFault[];

/** The first frame: what kind of file it is. `voice`: it is Opus sound, as WhatsApp records it. */
export const Seen = z.strictObject({
  type: Type,
  encoding: z.enum(['utf-8', 'utf-16le', 'utf-16be', 'windows-1252', 'unknown']).optional(),
  voice: z.boolean(),
  picture: z.boolean(),
  carried: z.boolean(),
  captioned: z.boolean(),
});
export type Seen = z.infer<typeof Seen>;

/** The type of a finished picture; its bytes are the blob of the same place. */
const pictureType = z.enum(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

/** The second frame: what there is to it. */
export const View = z.discriminatedUnion('kind', [
  /** Pictures for the model, one blob each. */
  z.strictObject({
    kind: z.literal('pictures'),
    types: z.array(pictureType).min(1).max(8),
    complete: z.boolean(),
  }),
  /** Pictures for the chat, one blob each. */
  z.strictObject({
    kind: z.literal('chat'),
    types: z
      .array(z.enum(['image/png', 'image/jpeg']))
      .min(1)
      .max(3),
    lost: z.enum(['its end', 'its movement', 'the drawing']).optional(),
  }),
  /** A picture that cannot be used. */
  z.strictObject({ kind: z.literal('fault'), fault: z.enum(faults) }),
  z.strictObject({
    kind: z.literal('pdf'),
    whole: z.boolean(),
    locked: z.boolean(),
    pages: z.int().min(0).max(1e9).optional(),
  }),
  /** The words about each contact; `more` contacts are not among them. */
  z.strictObject({
    kind: z.literal('contacts'),
    contacts: z.array(z.string().max(4000)).max(50),
    more: z.int().min(0).max(1e6),
  }),
  /** A text that was not in UTF-8: the blob is. */
  z.strictObject({ kind: z.literal('text') }),
  z.strictObject({ kind: z.literal('nothing') }),
]);
export type View = z.infer<typeof View>;
