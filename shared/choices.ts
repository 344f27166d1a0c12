import { z } from 'zod';

const Item = z.object({ id: z.string(), title: z.string(), description: z.string().optional() });

/**
 * What a person may tap under a message. WhatsApp takes up to 3 buttons with titles of up to 20 characters, or a list of up to 10 items with titles of up
 * to 24 and descriptions of up to 72, opened by a button (twilio.com/docs/content/twilio-quick-reply, …/twilio-list-picker). A tap comes
 * back with the item's id, up to 200 characters long.
 */
export const Choices = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('buttons'), items: z.array(Item).min(1).max(3) }),
  z.object({ kind: z.literal('list'), button: z.string(), items: z.array(Item).min(1).max(10) }),
]);
export type Choices = z.infer<typeof Choices>;
