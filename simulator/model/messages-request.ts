import { z } from 'zod';

const contentBlock = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  input: z.record(z.string(), z.unknown()).optional(),
  tool_use_id: z.string().optional(),
  is_error: z.boolean().optional(),
  content: z
    .union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() }))])
    .optional(),
});

const messagesRequest = z.looseObject({
  model: z.string(),
  max_tokens: z.number().int().positive().optional(),
  stream: z.boolean().default(false),
  system: z
    .union([z.string(), z.array(z.looseObject({ text: z.string().optional() }))])
    .default(''),
  messages: z
    .array(
      z.looseObject({
        role: z.enum(['user', 'assistant', 'system']),
        content: z.union([z.string(), z.array(contentBlock)]),
      }),
    )
    .min(1),
  output_config: z.looseObject({ effort: z.string().optional() }).optional(),
  tools: z.array(z.looseObject({ name: z.string().optional() })).default([]),
});

/**
 * The fields of a `POST /v1/messages` body that a scripted model needs; unknown fields are kept and
 * ignored.
 */
export type MessagesRequest = z.infer<typeof messagesRequest>;
export type RequestMessage = MessagesRequest['messages'][number];
export type RequestBlock = z.infer<typeof contentBlock>;

/**
 * A body that is not a Messages API request; the message says which field is wrong, as the real
 * API's does.
 */
export class BadRequest extends Error {}

/**
 * Reads the body of `POST /v1/messages` (or of `count_tokens`, which has no `max_tokens`).
 * @param body the JSON text as received
 * @throws BadRequest naming the first field that is wrong
 */
export function parseMessagesRequest(body: string): MessagesRequest {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw new BadRequest('The request body is not valid JSON.');
  }
  const parsed = messagesRequest.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new BadRequest(`${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'invalid'}`);
}

/** The blocks of a message, whose content may be given as a plain string. */
export function blocksOf(message: RequestMessage): RequestBlock[] {
  return typeof message.content === 'string'
    ? [{ type: 'text', text: message.content }]
    : message.content;
}
