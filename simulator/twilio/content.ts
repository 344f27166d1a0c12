import { z } from 'zod';
import type { ChatChoice } from '../chat.ts';
import { Refusal } from './error-codes.ts';

/*
 * The limits of https://www.twilio.com/docs/content/twilio-quick-reply and /twilio-list-picker for
 * content that is used in the 24-hour session without WhatsApp's approval.
 */
const maxBody = 1024;
const maxButtons = 3;
const maxItems = 10;
const maxTitle = 20;
const maxItem = 24;
const maxDescription = 72;
const maxId = 200;

const action = z.looseObject({
  type: z.literal('QUICK_REPLY').optional(),
  title: z.string().min(1).max(maxTitle),
  id: z.string().max(maxId).optional(),
});

const item = z.looseObject({
  item: z.string().min(1).max(maxItem),
  id: z.string().min(1).max(maxId),
  description: z.string().max(maxDescription).optional(),
});

const contentBody = z.string().min(1).max(maxBody);

/** The body of POST /v1/Content, with the kinds of content the twin can show. */
const contentRequest = z.looseObject({
  friendly_name: z.string().max(256).optional(),
  language: z.string().min(2),
  variables: z.record(z.string(), z.string()).optional(),
  types: z
    .strictObject({
      'twilio/text': z.looseObject({ body: z.string().min(1).max(1600) }).optional(),
      'twilio/media': z
        .looseObject({ body: z.string().optional(), media: z.array(z.string()).min(1).max(1) })
        .optional(),
      'twilio/quick-reply': z
        .looseObject({ body: contentBody, actions: z.array(action).min(1).max(maxButtons) })
        .optional(),
      'twilio/list-picker': z
        .looseObject({
          body: contentBody,
          button: z.string().min(1).max(maxTitle),
          items: z.array(item).min(1).max(maxItems),
        })
        .optional(),
    })
    .refine((types) => Object.keys(types).length > 0, 'at least one type is needed'),
});

/** A content template as the product wrote it. */
export type ContentRequest = z.infer<typeof contentRequest>;

/**
 * The form of a content in the chat; `failure` is the code a message with it ends with, or
 * undefined.
 */
export type RenderedContent = {
  body: string;
  buttons: ChatChoice[];
  list: { button: string; items: ChatChoice[] } | undefined;
  mediaUrl: string | undefined;
  failure: number | undefined;
};

/**
 * The characters that a value may not contain (https://www.twilio.com/docs/api/errors/21656): line
 * breaks, tabs, more than four blanks in a row. Apostrophes are refused as people have met it
 * (https://github.com/twilio/twilio-node/issues/1082), in every field, which is the strictest
 * reading.
 */
const unsafeValuePattern = /[\n\r\t']| {5}/;

/**
 * @param body the JSON of POST /v1/Content. @throws Refusal 20001 that says which field breaks
 * which limit.
 */
export function parseContent(body: unknown): ContentRequest {
  const parsed = contentRequest.safeParse(body);
  if (!parsed.success) {
    const reasons = parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`,
    );
    throw new Refusal(20001, reasons.join('; '));
  }
  return parsed.data;
}

/**
 * Fills a content's placeholders, in bodies, titles and ids; the content's own variables are the
 * defaults. WhatsApp shows the richest type: quick reply, list, media, then text. Filled-in values
 * that break a limit fail with 63021.
 * @throws Refusal 21656 when a placeholder has no value, or a value that Twilio does not accept.
 */
export function renderContent(
  content: Pick<ContentRequest, 'types' | 'variables'>,
  given: Record<string, string>,
): RenderedContent {
  const values = { ...content.variables, ...given };
  const fill = (text: string): string =>
    text.replace(/\{\{\s*([\w.-]+)\s*\}\}/g, (_, name: string) => {
      const value = values[name];
      if (value === undefined) throw new Refusal(21656, `no value for {{${name}}}`);
      if (unsafeValuePattern.test(value))
        throw new Refusal(21656, `the value of {{${name}}} has a sign that is not allowed`);
      return value;
    });
  const rendered = renderRichest(content.types, fill);
  return { ...rendered, failure: isWithinLimits(rendered) ? undefined : 63_021 };
}

function renderRichest(
  types: ContentRequest['types'],
  fill: (text: string) => string,
): Omit<RenderedContent, 'failure'> {
  const {
    'twilio/quick-reply': reply,
    'twilio/list-picker': picker,
    'twilio/media': media,
    'twilio/text': text,
  } = types;
  const plain = { buttons: [], list: undefined, mediaUrl: undefined };
  if (reply) {
    const buttons = reply.actions.map(({ id, title }) => ({
      id: fill(id ?? title),
      title: fill(title),
    }));
    return { ...plain, body: fill(reply.body), buttons };
  }
  if (picker) {
    const items = picker.items.map(({ id, item: title, description }) => ({
      id: fill(id),
      title: fill(title),
      ...(description === undefined ? {} : { description: fill(description) }),
    }));
    return { ...plain, body: fill(picker.body), list: { button: fill(picker.button), items } };
  }
  if (media)
    return { ...plain, body: fill(media.body ?? ''), mediaUrl: fill(media.media[0] ?? '') };
  return { ...plain, body: fill(text?.body ?? '') };
}

function isWithinLimits({ body, buttons, list }: Omit<RenderedContent, 'failure'>): boolean {
  const choices = list?.items ?? buttons;
  if (choices.length > 0 && body.length > maxBody) return false;
  if (new Set(choices.map(({ id }) => id)).size !== choices.length) return false;
  if (new Set(buttons.map(({ title }) => title)).size !== buttons.length) return false;
  return choices.every(({ id, title, description = '' }) => {
    return (
      id.length <= maxId &&
      title.length <= (list ? maxItem : maxTitle) &&
      description.length <= maxDescription
    );
  });
}
