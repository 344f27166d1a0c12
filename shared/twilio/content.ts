import { createHash } from 'node:crypto';
import { toTappable } from '../store/choices.ts';
import type { Choices } from '../store/choices.ts';

/**
 * The body of a request that creates a content (twilio.com/docs/content/content-api-resources),
 * with Twilio's own names.
 */
export type ContentDefinition = {
  friendly_name: string;
  language: string;
  /** Defaults for missing variables; we always send all of them. */
  variables: Record<string, string>;
  types:
    | { 'twilio/quick-reply': { body: string; actions: Action[] } }
    | { 'twilio/list-picker': { body: string; button: string; items: Row[] } };
};
type Action = { type: 'QUICK_REPLY'; title: string; id: string };
type Row = { id: string; item: string; description?: string };

/**
 * A question in Twilio's form: a content, and the values of its variables. `digest` identifies the
 * definition; `hasWords` tells that some words are in it, since no variable can hold them.
 */
export type ContentForm = {
  digest: string;
  definition: ContentDefinition;
  hasWords: boolean;
  values: Record<string, string>;
};

/** How the names of our contents begin; the digest follows. */
const ownName = 'sidepocket_';

/** The digest in the name of a content of ours; undefined for a content of another program. */
export function digestIn(friendlyName: string): string | undefined {
  return /^sidepocket_([0-9a-f]{32})$/.exec(friendlyName)?.[1];
}

/** The parts of a definition that hold what a person reads or taps. */
const worded = new Set(['body', 'button', 'title', 'id', 'item', 'description']);

/** Whether the types of a listed content have words beside their variables. */
export function haveWords(types: unknown): boolean {
  if (typeof types !== 'object' || types === null) return false;
  return Object.entries(types).some(([key, value]: [string, unknown]) =>
    typeof value === 'string'
      ? worded.has(key) && value.replaceAll(/\{\{\d+\}\}/g, '').trim() !== ''
      : haveWords(value),
  );
}

/**
 * The longest body of a message with buttons or a list
 * (twilio.com/docs/content/twilio-quick-reply).
 */
const longestBody = 1024;

/**
 * A content has at most 100 variables (twilio.com/docs/content/using-variables-with-content-api);
 * the rest is for the choices.
 */
const mostBodyVariables = 60;

/**
 * Characters that a variable's value cannot contain. Twilio refuses line breaks, tabs and more than
 * four consecutive blanks (error 21656); it has refused apostrophes, too (twilio-node issue 1082),
 * so quotes, backslashes and braces are excluded with them, and blanks at the ends.
 */
const unsafeValue = /[\p{Cc}'"\\{}]| {5}|^\s|\s$/u;

/**
 * The question as a content. Everything that differs between questions goes into variables, which
 * Twilio allows in bodies, titles, ids and descriptions within the 24-hour window, so that a
 * content is created once for each shape of question. The body has a variable for each line; text
 * that a variable cannot hold goes into the definition itself. Undefined if the question has to be
 * sent as text: a body that is empty or over 1024 characters, invalid choices, or double braces,
 * which Twilio would read as a variable.
 */
export function defineContent(
  account: string,
  text: string,
  choices: Choices,
): ContentForm | undefined {
  const body = text.trim();
  const tappable = toTappable(choices);
  if (!tappable || body === '' || body.length > longestBody || hasBraces(body, tappable))
    return undefined;
  const values: Record<string, string> = {};
  let hasWords = false;
  const place = (value: string): string => {
    if (value === '') return value;
    if (unsafeValue.test(value)) {
      hasWords = true;
      return value;
    }
    const name = String(Object.keys(values).length + 1);
    values[name] = value;
    return `{{${name}}}`;
  };
  const lines = body.split(/\r?\n/).map((line) => {
    if (Object.keys(values).length < mostBodyVariables) return place(line);
    hasWords ||= line !== '';
    return line;
  });
  const types = defineTypes(lines.join('\n'), tappable, place);
  const variables = Object.fromEntries(Object.keys(values).map((name) => [name, `value ${name}`]));
  const digest = createHash('sha256')
    .update(JSON.stringify([account, types]))
    .digest('hex')
    .slice(0, 32);
  return {
    digest,
    definition: { friendly_name: `${ownName}${digest}`, language: 'en', variables, types },
    hasWords,
    values,
  };
}

function defineTypes(
  body: string,
  choices: Choices,
  place: (value: string) => string,
): ContentDefinition['types'] {
  if (choices.kind === 'buttons') {
    return {
      'twilio/quick-reply': {
        body,
        actions: choices.items.map(({ id, title }) => ({
          type: 'QUICK_REPLY',
          title: place(title),
          id: place(id),
        })),
      },
    };
  }
  const items = choices.items.map(({ id, title, description }) => ({
    id: place(id),
    item: place(title),
    ...(description ? { description: place(description) } : {}),
  }));
  return { 'twilio/list-picker': { body, button: place(choices.button), items } };
}

function hasBraces(body: string, choices: Choices): boolean {
  const words = [
    body,
    choices.kind === 'list' ? choices.button : '',
    ...choices.items.flatMap(({ id, title, description = '' }) => [id, title, description]),
  ];
  return words.some((text) => text.includes('{{') || text.includes('}}'));
}
