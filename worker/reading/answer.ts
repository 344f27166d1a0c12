import { z } from 'zod';
import { pictureFaults } from '../media/picture-fault.ts';
import type { PictureFault } from '../media/picture-fault.ts';
import { plainType } from '../media/type-names.ts';

/** A child's task for the bytes that it gets. */
export type Task =
  /** A person's file, with the type that they claim (lower case, without parameters). */
  | { task: 'receive'; claimed: string }
  /** The agent's file for the person, with its name. */
  | { task: 'send'; name: string }
  /** A tool's picture for the model. */
  | { task: 'show' }
  /** A picture that is shown small on a page. */
  | { task: 'shrink' };

const Type = z
  .string()
  .refine((type) => plainType.test(type.replace(/; charset=[a-z0-9-]{1,20}$/, '')));
const faults = Object.keys(pictureFaults) as PictureFault[];

/** The first frame: the kind of file. `voice`: Opus sound, as WhatsApp records it. */
export const Seen = z.strictObject({
  type: Type,
  encoding: z.enum(['utf-8', 'utf-16le', 'utf-16be', 'windows-1252', 'unknown']).optional(),
  voice: z.boolean(),
  picture: z.boolean(),
  carried: z.boolean(),
  captioned: z.boolean(),
});
export type Seen = z.infer<typeof Seen>;

/** The type of an encoded picture; its bytes are the blob at the same index. */
const pictureType = z.enum(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

/** The limit on one contact's text (characters). */
export const longestContact = 4000;

/** The second frame: the content. */
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
  /** A text for each contact; `more` counts the omitted contacts. */
  z.strictObject({
    kind: z.literal('contacts'),
    contacts: z.array(z.string().max(longestContact)).max(50),
    more: z.int().min(0).max(1e6),
  }),
  /** A text converted to UTF-8, which is the blob. */
  z.strictObject({ kind: z.literal('text') }),
  z.strictObject({ kind: z.literal('nothing') }),
]);
export type View = z.infer<typeof View>;
